//! A source's life: connect, read all, follow, until the connection ends.
//!
//! Invariants:
//! - subscribe first, read then: what changes while everything is read comes as an event and is read again;
//! - an event is a hint: what is told is what was read after it;
//! - [`Event::CaughtUp`] is only sent when the host answered on the connection that the inventory is read over, so that a
//!   hung host does not look alive;
//! - nothing is gone because a list lacks it: it is asked for by its UUID first ([`Watch::confirm`]).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use kvm::{CloseReason, ConnectUri, EventStream, Host, LaneKind, PoolChange};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tracing::Instrument as _;
use uuid::Uuid;

use super::super::{Command, Event, Family, Group, LoadReason, Questions, SourceContext, SourceError, SourceSpec};
use super::facts::{DomainFacts, HostFacts, NetworkFacts, PoolFacts};
use super::fault::{self, Phase};
use super::normalize::{self, Place};
use super::poll::{self, Polled, Refreshes};
use super::pools::Hanging;
use super::state::{Changes, GroupKey, Held};
use crate::clock::{Clock, Time};
use crate::model::Kind;
use crate::model::provider::{SourceIdentity, SyncReason};

const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// For everything of one kind.
const LIST_LIMIT: Duration = Duration::from_secs(120);
/// For one thing.
const ITEM_LIMIT: Duration = Duration::from_secs(15);
const PING_LIMIT: Duration = Duration::from_secs(8);
const PING_EVERY: Duration = Duration::from_secs(5);
/// For sizes of disks before the first load, which can do without.
const SIZES_LIMIT: Duration = Duration::from_secs(3);
/// How long hints are gathered, so that a burst about one thing is one read.
const GATHER: Duration = Duration::from_millis(30);
/// Events that may wait; more of them become one complete read.
const EVENTS_MAX: usize = 4096;
/// Groups in one message.
const PAGE: usize = 200;
/// Things that are read before what changed is told.
const BATCH: usize = 32;

/// What a host says of itself.
pub(super) fn identity(facts: &HostFacts) -> SourceIdentity {
    SourceIdentity {
        product: normalize::host::product(&facts.driver),
        version: facts.hypervisor_version.clone().unwrap_or_else(|| facts.libvirt_version.clone()),
        instance_uuid: facts.uuid.map(|uuid| uuid.to_string()),
    }
}

/// Things that are to be read.
#[derive(Default)]
pub(super) struct Hints {
    domains: BTreeSet<Uuid>,
    networks: BTreeSet<Uuid>,
    pub(super) pools: BTreeSet<Uuid>,
    everything: bool,
}

impl Hints {
    fn is_empty(&self) -> bool {
        !self.everything && self.domains.is_empty() && self.networks.is_empty() && self.pools.is_empty()
    }

    fn keys(&self) -> BTreeSet<GroupKey> {
        let domains = self.domains.iter().map(|uuid| GroupKey::Domain(*uuid));
        let networks = self.networks.iter().map(|uuid| GroupKey::Network(*uuid));
        domains.chain(networks).chain(self.pools.iter().map(|uuid| GroupKey::Pool(*uuid))).collect()
    }
}

pub(super) async fn run(spec: SourceSpec, context: SourceContext) -> SourceError {
    let span = tracing::info_span!(parent: &context.first_load, "connect", endpoint = spec.endpoint);
    let followed = match Watch::connect(&spec, context).instrument(span).await {
        Ok(watch) => watch.follow().await,
        Err(error) => Err(error),
    };
    match followed {
        Err(error) => error,
        Ok(never) => match never {},
    }
}

pub(super) struct Watch {
    pub(super) uri: ConnectUri,
    pub(super) host: Host,
    pub(super) held: Held,
    stream: EventStream,
    pub(super) hints: Hints,
    /// When the gathered hints are followed.
    hints_due: Option<Instant>,
    refreshes: Refreshes,
    pub(super) hanging: Hanging,
    /// Everything was read once.
    pub(super) is_loaded: bool,
    events: mpsc::Sender<Event>,
    commands: mpsc::Receiver<Command>,
    questions: Arc<Questions>,
    clock: Clock,
    compare_every: Duration,
    poll_every: Duration,
    /// The span of the first load, until it is told.
    first_load: tracing::Span,
}

/// What the loop woke up for.
enum Woken {
    Hints,
    Ping,
    Compare,
    Poll,
    Polled(Polled),
    Command(Option<Command>),
    Asked(BTreeSet<String>),
    Event(Option<kvm::Event>),
}

impl Watch {
    async fn connect(spec: &SourceSpec, context: SourceContext) -> Result<Self, SourceError> {
        let uri = ConnectUri::parse(&spec.endpoint).map_err(|error| {
            let message = format!("the address {:?} {}", spec.endpoint, fault::address(&error));
            SourceError::new(SyncReason::ConnectFailed, message)
        })?;
        let host = super::open(spec, &uri);
        let failed = |error| fault::source_error(&uri, Phase::Connecting, error);
        let record = host.describe(CONNECT_LIMIT).await.map_err(failed)?;
        let facts = HostFacts::new(&record, uri.host());
        let found = identity(&facts);
        if let (Some(expected), Some(is)) = (&spec.expected_instance_uuid, &found.instance_uuid)
            && !expected.eq_ignore_ascii_case(is)
        {
            let message = format!(
                "{}: another host answers than before: its UUID is {is}, expected was {expected}. If the host was \
                 replaced, remove this source and add it again",
                fault::shown(&uri)
            );
            return Err(SourceError::new(SyncReason::NotThePlatform, message));
        }
        let stream = host.events(EVENTS_MAX, CONNECT_LIMIT).await.map_err(failed)?;
        let place = Place { ids: context.identify, provider_name: spec.provider_name.clone(), host_key: facts.key() };
        let watch = Self {
            held: Held::new(place, facts),
            uri,
            host,
            stream,
            hints: Hints::default(),
            hints_due: None,
            refreshes: Refreshes::default(),
            hanging: Hanging::default(),
            is_loaded: false,
            events: context.events,
            commands: context.commands,
            questions: context.questions,
            clock: context.clock,
            compare_every: context.compare_every.max(Duration::from_secs(1)),
            poll_every: context.poll_every.max(Duration::from_millis(100)),
            first_load: context.first_load,
        };
        watch.send(Event::Connected(found)).await?;
        Ok(watch)
    }

    async fn follow(mut self) -> Result<std::convert::Infallible, SourceError> {
        self.load(LoadReason::Fresh).await?;
        let start = Instant::now();
        let every = |period: Duration| {
            let mut interval = interval_at(start + period, period);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        };
        let (mut ping, mut compare, mut polls) = (every(PING_EVERY), every(self.compare_every), every(self.poll_every));
        let mut polling: FuturesUnordered<BoxFuture<'static, Polled>> = FuturesUnordered::new();
        let (mut looking, mut commanded) = (false, true);
        loop {
            let due = self.hints_due;
            // The timers come first: a storm of events must not keep them from their turn.
            let woken = tokio::select! {
                biased;
                () = sleep_until(due.unwrap_or(start)), if due.is_some() => Woken::Hints,
                _ = ping.tick() => Woken::Ping,
                _ = compare.tick() => Woken::Compare,
                Some(polled) = polling.next(), if !polling.is_empty() => Woken::Polled(polled),
                _ = polls.tick() => Woken::Poll,
                command = self.commands.recv(), if commanded => Woken::Command(command),
                asked = self.questions.next() => Woken::Asked(asked),
                event = self.stream.next() => Woken::Event(event),
            };
            match woken {
                Woken::Event(event) => self.note(event)?,
                Woken::Hints => self.follow_hints().await?,
                Woken::Ping => self.catch_up().await?,
                Woken::Compare => {
                    self.catch_up().await?;
                    self.load(LoadReason::Comparison).await?;
                }
                Woken::Command(Some(Command::Resync)) => self.load(LoadReason::Fresh).await?,
                Woken::Command(None) => commanded = false,
                Woken::Asked(group_keys) => self.answer(group_keys).await?,
                Woken::Poll => {
                    if !looking {
                        looking = true;
                        let looked = poll::silent(self.host.clone(), self.held.has_loose_disks());
                        polling.push(looked.instrument(self.poll_span("silent changes")).boxed());
                    }
                    if self.refreshes.running.is_empty() {
                        let left_alone = |uuid: Uuid| self.hanging.holds(uuid);
                        let pools = self.refreshes.due(&self.held.pools, left_alone, Instant::now());
                        if !pools.is_empty() {
                            let refreshed = poll::refresh(self.host.clone(), pools);
                            polling.push(refreshed.instrument(self.poll_span("storage pools")).boxed());
                        }
                    }
                    self.hints.networks.extend(self.held.networks.keys());
                    self.retry_hanging();
                    self.follow_hints().await?;
                }
                Woken::Polled(Polled::Refreshed(pools, hanging)) => {
                    self.refreshes.done(Instant::now());
                    self.hints.pools.extend(pools);
                    self.note_hanging(hanging);
                    self.follow_hints().await?;
                }
                Woken::Polled(Polled::Silent(briefs, sizes)) => {
                    looking = false;
                    if let Some(briefs) = briefs {
                        self.hints.domains.extend(poll::differing(&self.held, &briefs));
                    }
                    let touched = self.held.put_sizes(&sizes);
                    self.tell(touched).await?;
                    self.follow_hints().await?;
                }
            }
        }
    }

    fn poll_span(&self, what: &'static str) -> tracing::Span {
        tracing::info_span!(parent: None, "poll", host = %self.uri, what)
    }

    async fn send(&self, event: Event) -> Result<(), SourceError> {
        let gone = |_| SourceError::new(SyncReason::Internal, "nobody listens to this source any more");
        self.events.send(event).await.map_err(gone)
    }

    /// Takes an event as a hint.
    fn note(&mut self, event: Option<kvm::Event>) -> Result<(), SourceError> {
        match event {
            Some(kvm::Event::Domain { uuid, .. }) => drop(self.hints.domains.insert(uuid)),
            Some(kvm::Event::Network { uuid, .. }) => drop(self.hints.networks.insert(uuid)),
            // Our own doing: the pool is read when the round of refreshes is over.
            Some(kvm::Event::Pool { uuid, change: PoolChange::Refreshed, .. })
                if self.refreshes.running.contains(&uuid) => {}
            Some(kvm::Event::Pool { uuid, .. }) => {
                self.hanging.release(uuid);
                self.hints.pools.insert(uuid);
            }
            Some(kvm::Event::Overflow) => self.hints.everything = true,
            Some(kvm::Event::Disconnected { reason: CloseReason::KeepAlive }) => {
                let message = format!("{}: unreachable: it no longer answers the keep-alive", self.uri);
                return Err(SourceError::new(SyncReason::TimedOut, message));
            }
            Some(kvm::Event::Disconnected { reason }) => {
                let why = match reason {
                    CloseReason::Eof => "libvirt closed the connection (was it stopped or restarted?)",
                    CloseReason::Client => "the connection was closed here",
                    _ => "the connection broke",
                };
                return Err(SourceError::new(SyncReason::ConnectionLost, format!("{}: {why}", self.uri)));
            }
            None => {
                let message = format!("{}: the stream of events ended", self.uri);
                return Err(SourceError::new(SyncReason::ConnectionLost, message));
            }
            Some(_) => {}
        }
        if !self.hints.is_empty() && self.hints_due.is_none() {
            self.hints_due = Some(Instant::now() + GATHER);
        }
        Ok(())
    }

    /// Notes the events that are there already.
    fn drain(&mut self) -> Result<(), SourceError> {
        while let Some(event) = self.stream.next().now_or_never() {
            self.note(event)?;
        }
        Ok(())
    }

    /// Makes sure that the host answers and that everything up to now is told, and says so.
    async fn catch_up(&mut self) -> Result<(), SourceError> {
        let at = self.clock.now();
        self.ping().await?;
        self.drain()?;
        self.follow_hints().await?;
        self.caught_up(at).await
    }

    /// Another host of the provider no longer has these: tells what this one has of them.
    async fn answer(&mut self, group_keys: BTreeSet<String>) -> Result<(), SourceError> {
        let since = Instant::now();
        self.hints.domains.extend(group_keys.iter().filter_map(|key| GroupKey::domain(key)));
        self.follow_hints().await?;
        self.send(Event::Answered { since, group_keys: Some(group_keys.into_iter().collect()) }).await
    }

    async fn caught_up(&self, at: Time) -> Result<(), SourceError> {
        self.send(Event::CaughtUp { at, cursor: None }).await
    }

    async fn ping(&self) -> Result<(), SourceError> {
        match self.host.ping(LaneKind::Inventory, PING_LIMIT).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let mut fault = fault::source_error(&self.uri, Phase::Connected, error);
                if fault.reason == SyncReason::TimedOut {
                    fault.message = format!("unreachable: {}", fault.message);
                }
                Err(fault)
            }
        }
    }

    /// Whether the source can go on after an error about one thing; then why the thing could not be read.
    pub(super) async fn survive(&self, error: kvm::Error) -> Result<String, SourceError> {
        match &error {
            // One thing that hangs (a pool whose server is gone) is not the host.
            kvm::Error::Deadline { .. } | kvm::Error::Stuck { .. } => self.ping().await.map(|()| fault::words(&error)),
            kvm::Error::Libvirt { .. } | kvm::Error::Xml { .. } | kvm::Error::Text { .. }
                if !error.is_disconnected() =>
            {
                Ok(fault::words(&error))
            }
            _ => Err(fault::source_error(&self.uri, Phase::Connected, error)),
        }
    }

    /// Reads what the hints name, and tells what changed.
    async fn follow_hints(&mut self) -> Result<(), SourceError> {
        self.hints_due = None;
        let hints = std::mem::take(&mut self.hints);
        if hints.everything {
            return self.load(LoadReason::Fresh).await;
        }
        let keys: Vec<GroupKey> = hints.keys().into_iter().collect();
        for batch in keys.chunks(BATCH) {
            for key in batch {
                match key {
                    GroupKey::Domain(uuid) => self.read_domain(*uuid).await?,
                    GroupKey::Network(uuid) => self.read_network(*uuid).await?,
                    GroupKey::Pool(uuid) => self.read_pool(*uuid).await?,
                    _ => {}
                }
            }
            self.tell(batch.iter().cloned().collect()).await?;
        }
        Ok(())
    }

    async fn read_domain(&mut self, uuid: Uuid) -> Result<(), SourceError> {
        let read = self.host.domain(uuid, ITEM_LIMIT).await;
        match read.and_then(|record| record.as_ref().map(DomainFacts::new).transpose()) {
            Ok(Some(facts)) => self.held.put_domain(uuid, facts),
            Ok(None) => self.held.remove_domain(uuid),
            Err(error) => {
                let reason = self.survive(error).await?;
                self.held.set_quarantine(GroupKey::Domain(uuid), Kind::Vm, reason);
            }
        }
        Ok(())
    }

    async fn read_network(&mut self, uuid: Uuid) -> Result<(), SourceError> {
        let read = self.host.network(uuid, ITEM_LIMIT).await;
        match read.and_then(|record| record.as_ref().map(NetworkFacts::new).transpose()) {
            Ok(Some(facts)) => self.held.put_network(uuid, facts),
            Ok(None) => self.held.remove_network(uuid),
            Err(error) => {
                let reason = self.survive(error).await?;
                self.held.set_quarantine(GroupKey::Network(uuid), Kind::Network, reason);
            }
        }
        Ok(())
    }

    async fn tell(&mut self, touched: BTreeSet<GroupKey>) -> Result<(), SourceError> {
        let changes = self.held.changes(touched);
        self.send_changes(Event::Observed, changes).await
    }

    async fn send_changes(&self, event: fn(Vec<Group>) -> Event, changes: Changes) -> Result<(), SourceError> {
        let family = Family::Core;
        let mut groups = changes.observed.into_iter().peekable();
        while groups.peek().is_some() {
            self.send(event(groups.by_ref().take(PAGE).collect())).await?;
        }
        for (key, quarantine) in changes.quarantined {
            let (kind, reason) = (quarantine.kind, quarantine.reason);
            self.send(Event::Quarantined { family, key, kind, reason }).await?;
        }
        if !changes.gone.is_empty() {
            self.send(Event::Gone { family, keys: changes.gone }).await?;
        }
        Ok(())
    }

    /// Reads everything and tells all of it.
    async fn load(&mut self, reason: LoadReason) -> Result<(), SourceError> {
        let (at, since) = (self.clock.now(), Instant::now());
        let parent = std::mem::replace(&mut self.first_load, tracing::Span::none());
        let span = match reason {
            LoadReason::Comparison => tracing::info_span!(parent: None, "read for comparison", host = %self.uri),
            _ => tracing::info_span!(parent: &parent, "read inventory", host = %self.uri),
        };
        let missed = self.read_everything().instrument(span).await?;
        if reason == LoadReason::Comparison {
            // What has no notices, or whose notice is on its way, was not missed: it is told before the comparison begins.
            self.drain()?;
            let hinted = self.hints.keys();
            let mut touched = self.held.every_key();
            touched.retain(|key| !missed.contains(key) || hinted.contains(key));
            self.tell(touched).await?;
        } else if self.held.has_loose_disks()
            && let Ok(stats) = self.host.domain_stats(kvm::StatsGroups::BLOCK, SIZES_LIMIT).await
        {
            self.held.put_sizes(&stats);
        }
        self.held.forget_told();
        let keys: Vec<GroupKey> = self.held.keys().into_iter().collect();
        let expected = Some(keys.len() as u64);
        self.send(Event::LoadBegan { family: Family::Core, reason, expected }).await?;
        let event = if reason == LoadReason::Comparison { Event::Compared } else { Event::Observed };
        for page in keys.chunks(PAGE) {
            let changes = self.held.page(page);
            self.send_changes(event, changes).await?;
        }
        self.send(Event::LoadEnded { family: Family::Core }).await?;
        self.send(Event::Answered { since, group_keys: None }).await?;
        self.caught_up(at).await
    }

    /// Reads everything; returns which things that have notices are not as they were held.
    async fn read_everything(&mut self) -> Result<BTreeSet<GroupKey>, SourceError> {
        let failed = |error| fault::source_error(&self.uri, Phase::Connected, error);
        let record = self.host.describe(ITEM_LIMIT).await.map_err(failed)?;
        let domains = self.list_domains().await?;
        let networks = self.host.networks(LIST_LIMIT).await.map_err(failed)?;
        // Pools one by one, each with its own deadline: one whose server is gone hangs for itself.
        let pools = self.list_pools().await?;

        let mut missed = BTreeSet::new();
        self.held.clear_quarantine();
        self.held.put_host(HostFacts::new(&record, self.uri.host()));
        let mut absent = self.take_domains(domains, &mut missed);
        absent.extend(self.take_networks(networks, &mut missed));
        absent.extend(self.held.pools.keys().filter(|uuid| !pools.contains(uuid)).map(|uuid| GroupKey::Pool(*uuid)));
        missed.extend(self.confirm(absent).await?);
        for uuid in pools {
            let core = |facts: &PoolFacts| (facts.state, facts.persistent, facts.definition.source.clone());
            let before = self.held.pools.get(&uuid).map(core);
            self.read_pool(uuid).await?;
            if self.held.pools.get(&uuid).map(core) != before {
                missed.insert(GroupKey::Pool(uuid));
            }
        }
        self.is_loaded = true;
        // So that sizes find their disks.
        self.held.every_key();
        Ok(missed)
    }

    /// The domains. That there are none at all is only believed when a second connection says so, too: whoever asks a host
    /// for the first time does not know what the store has of it.
    async fn list_domains(&self) -> Result<kvm::Listing<kvm::DomainRecord>, SourceError> {
        let failed = |error| fault::source_error(&self.uri, Phase::Connected, error);
        let listing = self.host.domains(LIST_LIMIT).await.map_err(failed)?;
        if !listing.items.is_empty() || !listing.failed.is_empty() {
            return Ok(listing);
        }
        let count = |connection: &kvm::Connection| connection.domains().map(|domains| domains.len());
        let again = self.host.run(LaneKind::Statistics, "ask again whether there are domains", ITEM_LIMIT, count);
        let count = again.await.map_err(failed)?;
        let listing = if count == 0 { listing } else { self.host.domains(LIST_LIMIT).await.map_err(failed)? };
        if count > 0 && listing.items.is_empty() && listing.failed.is_empty() {
            let message =
                format!("{}: libvirt lists no domains and says there are {count}; nothing was removed", self.uri);
            return Err(SourceError::new(SyncReason::EmptyAnswer, message));
        }
        Ok(listing)
    }

    /// Asks for each thing that a complete list lacked by its UUID: what is really gone is let go of, and returned.
    async fn confirm(&mut self, absent: Vec<GroupKey>) -> Result<BTreeSet<GroupKey>, SourceError> {
        let mut gone = BTreeSet::new();
        for key in absent {
            let held = match &key {
                GroupKey::Domain(uuid) => {
                    self.read_domain(*uuid).await?;
                    self.held.domains.contains_key(uuid)
                }
                GroupKey::Network(uuid) => {
                    self.read_network(*uuid).await?;
                    self.held.networks.contains_key(uuid)
                }
                GroupKey::Pool(uuid) => {
                    self.read_pool(*uuid).await?;
                    self.held.pools.contains_key(uuid)
                }
                _ => continue,
            };
            if held {
                tracing::warn!(uri = %self.uri, %key, "libvirt left it out of a complete list; it is there all the same");
            } else {
                gone.insert(key);
            }
        }
        Ok(gone)
    }

    /// Takes over what was listed; returns what is held and was not in the list.
    fn take_domains(
        &mut self,
        listing: kvm::Listing<kvm::DomainRecord>,
        missed: &mut BTreeSet<GroupKey>,
    ) -> Vec<GroupKey> {
        let mut present = BTreeSet::new();
        for record in &listing.items {
            present.insert(record.uuid);
            match DomainFacts::new(record) {
                Ok(facts) => {
                    let core = |facts: &DomainFacts| (facts.state, facts.persistent, facts.definition.clone());
                    if self.held.domains.get(&record.uuid).map(core) != Some(core(&facts)) {
                        missed.insert(GroupKey::Domain(record.uuid));
                    }
                    self.held.put_domain(record.uuid, facts);
                }
                Err(error) => {
                    self.held.set_quarantine(GroupKey::Domain(record.uuid), Kind::Vm, fault::words(&error));
                }
            }
        }
        for failed in &listing.failed {
            let key = GroupKey::of_unread("domain", failed, GroupKey::Domain);
            present.extend(failed.uuid);
            let reason = format!("the domain {}: {}", failed.name, fault::words(&failed.error));
            self.held.set_quarantine(key, Kind::Vm, reason);
        }
        self.held.domains.keys().filter(|uuid| !present.contains(uuid)).map(|uuid| GroupKey::Domain(*uuid)).collect()
    }

    /// The same for networks.
    fn take_networks(
        &mut self,
        listing: kvm::Listing<kvm::NetworkRecord>,
        missed: &mut BTreeSet<GroupKey>,
    ) -> Vec<GroupKey> {
        let mut present = BTreeSet::new();
        for record in &listing.items {
            present.insert(record.uuid);
            match NetworkFacts::new(record) {
                Ok(facts) => {
                    let core = |facts: &NetworkFacts| (facts.active, facts.persistent, facts.definition.clone());
                    if self.held.networks.get(&record.uuid).map(core) != Some(core(&facts)) {
                        missed.insert(GroupKey::Network(record.uuid));
                    }
                    self.held.put_network(record.uuid, facts);
                }
                Err(error) => {
                    let key = GroupKey::Network(record.uuid);
                    self.held.set_quarantine(key, Kind::Network, fault::words(&error));
                }
            }
        }
        for failed in &listing.failed {
            let key = GroupKey::of_unread("network", failed, GroupKey::Network);
            present.extend(failed.uuid);
            let reason = format!("the network {}: {}", failed.name, fault::words(&failed.error));
            self.held.set_quarantine(key, Kind::Network, reason);
        }
        self.held.networks.keys().filter(|uuid| !present.contains(uuid)).map(|uuid| GroupKey::Network(*uuid)).collect()
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
