//! See the crate description.
mod error;
mod events;
mod ffi;
mod host;
mod lane;
mod read;
mod record;
mod stats;
mod uri;
pub mod xml;

pub use error::{Act, Error, ErrorLevel, LibvirtError, Result};
pub use events::{
    BlockJobStatus, CloseReason, DomainChange, DomainLifecycle, Event, EventStream, NetworkChange, PoolChange,
};
pub use ffi::{Connection, Definition, Domain, Network, Nwfilter, Pool, Snapshot, Volume};
pub use host::{Credentials, Host, HostOptions, KeepAlive, LaneKind};
pub use lane::LaneStatus;
pub use record::*;
pub use stats::{DiskStats, DomainStats, InterfaceStats, StatValue, StatsGroups, VcpuStats};
pub use uri::{ConnectUri, Driver, Transport, UriError};
