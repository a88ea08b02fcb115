//! A host: up to five lanes to the same daemon, and the async calls that an inventory needs.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use uuid::Uuid;

use crate::error::{Act, Result};
use crate::events::{EventSink, EventStream};
use crate::ffi::Connection;
use crate::lane::{Lane, LaneLimits, LaneStatus};
use crate::read;
use crate::record::{
    AddressSource, DomainRecord, HostRecord, InterfaceAddresses, Listing, NetworkRecord, NodeCpuTime, NodeMemory,
    NwfilterRecord, PoolRecord, Version,
};
use crate::stats::{DomainStats, StatsGroups};
use crate::uri::ConnectUri;

/// A name and a password for SASL (`qemu+tcp`, `qemu+tls`).
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name; the URI's user if absent.
    pub user: Option<String>,
    /// The password. Never shown.
    pub password: SecretString,
}

/// How a connection notices that its daemon does not answer any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeepAlive {
    /// Time between two questions; whole seconds, at least one.
    pub interval: Duration,
    /// Questions without an answer until the connection counts as lost.
    pub count: u32,
}

impl KeepAlive {
    pub(crate) fn interval_seconds(self) -> i32 {
        i32::try_from(self.interval.as_secs().clamp(1, 3600)).unwrap_or(5)
    }
}

/// Limits of a [`Host`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct HostOptions {
    /// Keep-alive of every connection. Default: every 5 s, lost after 3.
    pub keep_alive: KeepAlive,
    /// Calls that may wait on one connection; a further one waits outside until its deadline. Default: 64.
    pub queue_max: usize,
    /// Threads of one connection that may hang in a call before further calls are answered with
    /// [`Error::Stuck`](crate::Error::Stuck). Default: 2.
    pub hanging_max: usize,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self { keep_alive: KeepAlive { interval: Duration::from_secs(5), count: 3 }, queue_max: 64, hanging_max: 2 }
    }
}

/// The connections of a host, each with its own thread: what is slow on one does not hold up another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LaneKind {
    /// Reading of definitions and states.
    Inventory,
    /// Reading of storage pools: libvirt answers nothing about a pool, nor a list of all, while the storage of one hangs.
    Storage,
    /// Changes that somebody waits for; migrations and snapshots can take minutes.
    Command,
    /// Events. Nothing else should run here.
    Events,
    /// Statistics and the guest agent, which hang if a guest does.
    Statistics,
}

impl LaneKind {
    /// In the order in which they are numbered.
    const ALL: [Self; 5] = [Self::Inventory, Self::Storage, Self::Command, Self::Events, Self::Statistics];

    /// How debuggers and the kernel call its thread.
    const fn thread_name(self) -> &'static str {
        match self {
            Self::Inventory => "kvm-inventory",
            Self::Storage => "kvm-storage",
            Self::Command => "kvm-command",
            Self::Events => "kvm-events",
            Self::Statistics => "kvm-stats",
        }
    }
}

/// A handle on one libvirt daemon. Cheap to clone; the last clone that goes away closes the connections in the background.
///
/// Making one does nothing yet: each connection is opened by its first call, and again after it was lost. Every call has a
/// deadline, and returns by then whatever the host does; see [`Error`](crate::Error) for how it says so.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use std::time::Duration;
/// use kvm::{ConnectUri, Host};
///
/// let host = Host::new(ConnectUri::parse("test:///default")?);
/// let limit = Duration::from_secs(5);
/// for domain in host.domains(limit).await?.items {
///     println!("{} is {:?}", domain.name, domain.state);
/// }
/// # Ok::<(), kvm::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    uri: ConnectUri,
    /// By their kind.
    lanes: [Arc<Lane>; LaneKind::ALL.len()],
}

impl Inner {
    fn close(&self) {
        self.lanes.iter().for_each(|lane| lane.close());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Host {
    /// A handle without credentials and with default limits.
    pub fn new(uri: ConnectUri) -> Self {
        Self::with_options(uri, None, HostOptions::default())
    }

    /// A handle with everything said.
    pub fn with_options(uri: ConnectUri, credentials: Option<Credentials>, options: HostOptions) -> Self {
        let limits = LaneLimits { queue_max: options.queue_max.max(1), hanging_max: options.hanging_max.max(1) };
        let lanes = LaneKind::ALL.map(|kind| {
            let (opened, credentials) = (uri.clone(), credentials.clone());
            let open = move || Connection::open(&opened, credentials.as_ref(), options.keep_alive);
            Lane::new(uri.to_string(), kind.thread_name(), limits, Box::new(open))
        });
        Self { inner: Arc::new(Inner { uri, lanes }) }
    }

    /// The URI.
    pub fn uri(&self) -> &ConnectUri {
        &self.inner.uri
    }

    /// How a connection's thread is doing. Does not ask the host.
    pub fn lane_status(&self, lane: LaneKind) -> LaneStatus {
        self.lane(lane).status()
    }

    /// Closes every connection in the background, also for the other clones; calls that wait get
    /// [`Error::Closed`](crate::Error::Closed).
    pub fn close(&self) {
        self.inner.close();
    }

    fn lane(&self, lane: LaneKind) -> &Arc<Lane> {
        &self.inner.lanes[lane as usize]
    }

    /// Runs blocking work on one of the host's threads, with its open connection.
    ///
    /// `act` completes the sentence "could not …". If the caller stops waiting, work that has not begun is dropped; work that has
    /// goes on, and can look at [`Connection::is_cancelled`].
    ///
    /// # Errors
    /// What `work` reports, a failed connection, or one of the errors about deadlines.
    pub async fn run<T, F>(&self, lane: LaneKind, act: impl Into<Act>, limit: Duration, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        self.lane(lane).call(act.into(), limit, work).await
    }

    /// Asks the daemon for its version over the given connection: a sign of life.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn ping(&self, lane: LaneKind, limit: Duration) -> Result<Version> {
        self.run(lane, "ping the host", limit, Connection::libvirt_version).await
    }

    /// What the host is.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn describe(&self, limit: Duration) -> Result<HostRecord> {
        self.run(LaneKind::Inventory, "describe the host", limit, read::host).await
    }

    /// Every domain with state and definitions, in one job.
    ///
    /// # Errors
    /// As [`Host::run`]. A domain that cannot be read is in [`Listing::failed`]; one that vanished meanwhile is left out.
    pub async fn domains(&self, limit: Duration) -> Result<Listing<DomainRecord>> {
        self.domains_with_progress(limit, |_, _| {}).await
    }

    /// As [`Host::domains`]; `progress` is called with how many of how many are read, on the host's thread: it must not block.
    ///
    /// # Errors
    /// As [`Host::domains`].
    pub async fn domains_with_progress(
        &self,
        limit: Duration,
        progress: impl Fn(usize, usize) + Send + 'static,
    ) -> Result<Listing<DomainRecord>> {
        self.run(LaneKind::Inventory, "read all domains", limit, move |connection| read::domains(connection, &progress))
            .await
    }

    /// One domain; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn domain(&self, uuid: Uuid, limit: Duration) -> Result<Option<DomainRecord>> {
        self.run(LaneKind::Inventory, format!("read domain {uuid}"), limit, move |c| read::domain_by_uuid(c, uuid))
            .await
    }

    /// Every network with its definitions and leases.
    ///
    /// # Errors
    /// As [`Host::domains`].
    pub async fn networks(&self, limit: Duration) -> Result<Listing<NetworkRecord>> {
        self.run(LaneKind::Inventory, "read all networks", limit, read::networks).await
    }

    /// One network; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn network(&self, uuid: Uuid, limit: Duration) -> Result<Option<NetworkRecord>> {
        self.run(LaneKind::Inventory, format!("read network {uuid}"), limit, move |c| read::network_by_uuid(c, uuid))
            .await
    }

    /// Every storage pool with its volumes, as libvirt knows them since their last refresh.
    ///
    /// # Errors
    /// As [`Host::domains`].
    pub async fn pools(&self, limit: Duration) -> Result<Listing<PoolRecord>> {
        self.run(LaneKind::Storage, "read all storage pools", limit, read::pools).await
    }

    /// One storage pool with its volumes; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn pool(&self, uuid: Uuid, limit: Duration) -> Result<Option<PoolRecord>> {
        self.run(LaneKind::Storage, format!("read storage pool {uuid}"), limit, move |c| read::pool_by_uuid(c, uuid))
            .await
    }

    /// Makes libvirt look at a pool's storage again, since volumes changed behind its back have no events. False if the pool does
    /// not exist or is stopped. Runs beside the inventory, as slow storage can make it take long.
    ///
    /// # Errors
    /// As [`Host::run`]; unreachable storage.
    pub async fn refresh_pool(&self, uuid: Uuid, limit: Duration) -> Result<bool> {
        self.run(LaneKind::Command, format!("refresh storage pool {uuid}"), limit, move |c| read::refresh_pool(c, uuid))
            .await
    }

    /// Every packet filter; none on a driver without them.
    ///
    /// # Errors
    /// As [`Host::domains`].
    pub async fn nwfilters(&self, limit: Duration) -> Result<Listing<NwfilterRecord>> {
        self.run(LaneKind::Inventory, "read all packet filters", limit, read::nwfilters).await
    }

    /// Statistics of all domains in one call.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn domain_stats(&self, groups: StatsGroups, limit: Duration) -> Result<Vec<DomainStats>> {
        self.run(LaneKind::Statistics, "read the domains' statistics", limit, move |c| c.domain_stats(groups)).await
    }

    /// The host's own memory use and processor time; a part that the driver does not know is `None`.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn node_stats(&self, limit: Duration) -> Result<(Option<NodeMemory>, Option<NodeCpuTime>)> {
        self.run(LaneKind::Statistics, "read the host's statistics", limit, |c| {
            Ok((read::optional(c.node_memory())?, read::optional(c.node_cpu_time())?))
        })
        .await
    }

    /// The addresses of a running domain's interfaces; `None` if it does not exist, is stopped, or the source is not there.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn addresses(
        &self,
        uuid: Uuid,
        source: AddressSource,
        limit: Duration,
    ) -> Result<Option<Vec<InterfaceAddresses>>> {
        // The agent answers when the guest does, if at all: it must not hold up the inventory.
        let lane = if source == AddressSource::Lease { LaneKind::Inventory } else { LaneKind::Statistics };
        self.run(lane, format!("read the addresses of domain {uuid}"), limit, move |c| read::addresses(c, uuid, source))
            .await
    }

    /// The host's events from now on, at most `capacity` of them waiting. A new subscription ends the one before.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub async fn events(&self, capacity: usize, limit: Duration) -> Result<EventStream> {
        let (sink, stream) = EventSink::channel(capacity);
        self.run(LaneKind::Events, "watch the host's events", limit, move |connection| connection.subscribe(&sink))
            .await?;
        Ok(stream.on_lane(Arc::downgrade(self.lane(LaneKind::Events))))
    }
}
