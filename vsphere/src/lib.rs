//! A vSphere client.

mod client;
mod config;
mod error;
mod pbm;
pub mod property;
pub mod rest;
mod service;
mod session;
mod task;
mod transport;
pub mod value;
pub mod wire;

pub use client::{Client, UserSession};
pub use config::{Config, Credentials};
pub use error::{Error, Result};
pub use pbm::{PolicyObject, StoragePolicy};
pub use property::{
    ChangeOp, DeltaError, FilterSpec, ObjectState, ObjectUpdate, PropertyChange, RestartReason, UpdateKind, UpdateSet,
    Watch, WatchEvent, WatchSpec,
};
pub use rest::Rest;
pub use service::{About, ApiType, ServiceContent};
pub use task::{Task, TaskInfo, TaskState};
pub use transport::{Thumbprint, ThumbprintError, Trust};
pub use value::{Array, MoRef, Name, Object, Value};
pub use wire::{Fault, Limits};
