//! A vSphere client: the SOAP interface (vim25) of vCenter 6.5 – 9.x and standalone ESXi, and the REST services beside it.
//!
//! It knows the protocol, not what anybody makes of it: properties are asked for by path and come as [`Value`]s.
//!
//! # Connecting
//!
//! ```no_run
//! # async fn example() -> vsphere::Result<()> {
//! use vsphere::{Client, Config, Credentials, Error, Trust};
//!
//! let config = Config::new("vc.example.org")?;
//! let config = match Client::probe(&config).await {
//!     // Show the thumbprint to somebody who can compare it, then pin it.
//!     Err(Error::Untrusted { presented, .. }) => config.trust(Trust::Thumbprint(presented)),
//!     other => other.map(|_| config)?,
//! };
//! let client = Client::connect(&config, Credentials::new("reader@vsphere.local", "secret".to_owned())).await?;
//! assert_eq!(client.about().api_type, vsphere::ApiType::VirtualCenter);
//! # Ok(()) }
//! ```
//!
//! A [`Client`] is one session. It renews itself when it has expired, keeps itself alive, and logs out when its last clone
//! is dropped. Watches and bulk reads deserve a [`sibling`](Client::sibling) of their own, so that commands never wait
//! behind them. All siblings share the account: at most one login is under way, and a refused password is not sent again
//! until [`Client::set_credentials`].
//!
//! # Reading
//!
//! ```no_run
//! # async fn example(client: vsphere::Client) -> vsphere::Result<()> {
//! use futures::TryStreamExt as _;
//! use vsphere::{FilterSpec, Value};
//!
//! let spec = FilterSpec::inventory(&client.content().root_folder)
//!     .properties("VirtualMachine", ["name", "config.hardware", "runtime.host"]);
//! let mut pages = std::pin::pin!(client.retrieve(spec, 500));
//! while let Some(page) = pages.try_next().await? {
//!     for vm in page {
//!         let cpus = vm.get("config.hardware.numCPU").and_then(Value::as_u32);
//!         let host = vm.moref("runtime.host");
//!         let disk = vm.get("config.hardware.device[2000].backing.fileName").and_then(Value::as_str);
//!         for nic in vm.all("config.hardware.device").filter(|device| device.get("macAddress").is_some()) {
//!             let _ = (nic.type_name(), cpus, host, disk);
//!         }
//!     }
//! }
//! # Ok(()) }
//! ```
//!
//! # Watching
//!
//! [`Client::watch`] gives a stream of [`WatchEvent`]s; [`ObjectState::apply`] applies what they say. A consumer
//! - begins anew at [`WatchEvent::Restarted`]: what does not enter until the first set that is not truncated is gone or hidden;
//! - reads the object again ([`Client::read`]) when applying fails;
//! - takes [`WatchEvent::Alive`] as the sign that silence means that nothing happened;
//! - watches anew, after a pause, when the stream ended with an error.
//!
//! # Calling
//!
//! [`Client::call`] calls any method with arguments built as [`Object`]s, [`Client::task_wait`] waits for a task's end.
//! [`Client::rest`] has tags and content libraries, [`Client::storage_policies`] the storage policies.
//!
//! # What it promises
//!
//! Every call has a deadline and every answer [`Limits`]. Whatever a server sends, nothing panics and no entity is expanded.
//! Futures may be dropped at any point: at worst the server does what was asked without anybody listening. Passwords, cookies
//! and tokens appear in no error, no `Debug` and no trace.

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
    ChangeOp, DeltaError, DeltaReason, FilterSpec, FilterUpdate, MissingProperty, ObjectList, ObjectState,
    ObjectUpdate, PropertyChange, RestartReason, UpdateKind, UpdateSet, Watch, WatchEvent, WatchSpec,
};
pub use rest::Rest;
pub use service::{About, ApiType, ServiceContent};
pub use task::{Task, TaskInfo, TaskState};
pub use transport::{Thumbprint, ThumbprintError, Trust};
pub use value::{Array, Items, MoRef, Name, Object, Value};
pub use wire::{DecodeError, Fault, Keep, LimitKind, Limits};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
