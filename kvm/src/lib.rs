//! A libvirt client for programs that watch and steer many hosts.
//!
//! libvirt's own library blocks, and some of its calls never return while a guest or a host hangs. This crate puts every
//! connection on a thread of its own, gives each call a deadline, and makes sure that one bad host costs the others nothing:
//!
//! - [`Host`] is a cheap handle whose calls are async and keep to their deadline, whatever the host does. A thread that hangs
//!   in a call is left alone and replaced, up to a bound; then the host answers [`Error::Stuck`] at once until a call returns.
//! - [`Host::events`] is a stream of hints with a bound: what does not fit becomes one [`Event::Overflow`]; the end of the
//!   connection is always told.
//! - [`Host::domains`], [`Host::networks`], [`Host::pools`] read everything in one job, and one bad object does not spoil the
//!   rest ([`Listing::failed`]).
//! - [`xml`] changes definitions without losing what it does not know, and understands what an inventory needs.
//! - [`ConnectUri`] refuses URIs that would run programs or skip verification.
//! - [`Host::run`] lends the open [`Connection`] to a closure for everything else.
//!
//! # Following a host
//! Subscribe first, read then: what changes while you read comes as an event, and an event is followed by a read.
//!
//! ```
//! use std::time::Duration;
//! use kvm::{ConnectUri, Event, Host};
//!
//! async fn follow(uri: &str) -> kvm::Result<()> {
//!     let host = Host::new(ConnectUri::parse(uri)?);
//!     let limit = Duration::from_secs(30);
//!     let mut events = host.events(1024, limit).await?;
//!     let everything = host.domains(limit).await?;
//!     println!("{} domains, {} unreadable", everything.items.len(), everything.failed.len());
//!     while let Some(event) = events.next().await {
//!         match event {
//!             Event::Domain { uuid, .. } => match host.domain(uuid, limit).await? {
//!                 Some(domain) => println!("{} is now {:?}", domain.name, domain.state),
//!                 None => println!("{uuid} is gone"),
//!             },
//!             Event::Overflow => drop(host.domains(limit).await?),
//!             Event::Disconnected { reason } => println!("lost: {reason:?}; subscribe again and read everything"),
//!             _ => {}
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Changing a definition
//! ```
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use std::time::Duration;
//! use kvm::{ConnectUri, Host, LaneKind, xml::Document};
//!
//! let host = Host::new(ConnectUri::parse("test:///default")?);
//! let limit = Duration::from_secs(10);
//! let domain = host.domains(limit).await?.items.remove(0);
//! let mut document = Document::parse(domain.xml_inactive.as_ref().unwrap_or(&domain.xml)).unwrap();
//! document.root_mut().child_or_insert("title").set_text("changed").unwrap();
//! let xml = document.to_string();
//! host.run(LaneKind::Command, "change a title", limit, move |connection| connection.define_domain(&xml).map(drop)).await?;
//! # Ok::<(), kvm::Error>(())
//! # }).unwrap();
//! ```
//!
//! # What to know
//! - Needs libvirt's C library 6.0 or later, and a tokio runtime with time.
//! - Threads: one a [`LaneKind`] that is used, and at most [`HostOptions::hanging_max`] more each while calls hang; one
//!   for libvirt's events in the whole process.
//! - An event loop of libvirt is registered for the process at the first connection: no other part of the process may
//!   register one.
//! - Secrets are never read: XML is asked for without them, and credentials are never shown.

mod error;
mod events;
mod ffi;
mod host;
mod lane;
mod opening;
mod read;
mod record;
mod state;
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
pub use state::{DomainState, PoolState, StateReason};
pub use stats::{DiskStats, DomainStats, InterfaceStats, StatValue, StatsGroups, VcpuStats};
pub use uri::{ConnectUri, Driver, Transport, UriError};
