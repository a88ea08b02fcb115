//! What libvirt has no events for, looked for every few seconds: new files in pools, snapshots, autostart, managed saves.
//!
//! What is found is a hint like an event, and followed by a read. Statistics and refreshing can hang with one guest or one
//! file server, so both run beside the inventory, over connections of their own, and what fails is tried again the next time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use kvm::{DomainState, DomainStats, Host, LaneKind, PoolState, StatsGroups};
use tokio::time::Instant;
use uuid::Uuid;

use super::facts::{DomainFacts, PoolFacts};
use super::fault::words;
use super::state::Held;

/// How often pools are refreshed whose refresh is not just the listing of a small local folder: it is input and output on the
/// network, starts programs (LVM, parted), or opens thousands of files.
pub(super) const SLOW_REFRESH_EVERY: Duration = Duration::from_secs(60);

/// Volumes from which on a pool counts as slow.
const MANY_VOLUMES: usize = 1000;

const SILENT_LIMIT: Duration = Duration::from_secs(20);
const REFRESH_LIMIT: Duration = Duration::from_secs(30);

/// What a look gave.
pub(super) enum Polled {
    /// What the domains say of themselves, where they could be asked, and sizes of disks, where those were wanted.
    Silent(Option<BTreeMap<Uuid, Brief>>, Vec<DomainStats>),
    /// Pools that libvirt looked at again, and those whose storage did not answer, with the reason.
    Refreshed(Vec<Uuid>, Vec<(Uuid, String)>),
}

/// What changes in a domain without an event; and its state, should an event be missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Brief {
    state: DomainState,
    persistent: bool,
    autostart: Option<bool>,
    managed_save: Option<bool>,
    snapshots: Option<BTreeSet<(String, bool)>>,
}

impl Brief {
    fn of(facts: &DomainFacts) -> Self {
        let name = |snapshot: &super::facts::SnapshotFacts| (snapshot.definition.name.clone(), snapshot.current);
        Self {
            state: facts.state,
            persistent: facts.persistent,
            autostart: facts.autostart,
            managed_save: facts.managed_save,
            snapshots: facts.snapshots.as_ref().map(|snapshots| snapshots.iter().map(name).collect()),
        }
    }
}

/// Domains that are not as they are held.
pub(super) fn differing(held: &Held, briefs: &BTreeMap<Uuid, Brief>) -> BTreeSet<Uuid> {
    let mut differing: BTreeSet<Uuid> =
        held.domains.keys().copied().filter(|uuid| !briefs.contains_key(uuid)).collect();
    for (uuid, brief) in briefs {
        let same = held.domains.get(uuid).is_some_and(|facts| {
            let known = Brief::of(facts);
            // What could not be read this time says nothing.
            let snapshots = brief.snapshots.is_none() || brief.snapshots == known.snapshots;
            snapshots && Brief { snapshots: None, ..known } == Brief { snapshots: None, ..brief.clone() }
        });
        if !same {
            differing.insert(*uuid);
        }
    }
    differing
}

/// Looks at all domains.
pub(super) async fn silent(host: Host, sizes: bool) -> Polled {
    let briefs = host.run(LaneKind::Statistics, "look for changes without events", SILENT_LIMIT, |connection| {
        let mut briefs = BTreeMap::new();
        for domain in connection.domains()? {
            let Ok(uuid) = domain.uuid() else { continue };
            // One that vanished meanwhile has its event.
            let Ok((state, _)) = domain.state() else { continue };
            let Ok(persistent) = domain.is_persistent() else { continue };
            let snapshots = domain.snapshots().ok().and_then(|snapshots| {
                snapshots.iter().map(|snapshot| Some((snapshot.name().0, snapshot.is_current().ok()?))).collect()
            });
            let (autostart, managed_save) = (domain.autostart().ok(), domain.has_managed_save().ok());
            briefs.insert(uuid, Brief { state, persistent, autostart, managed_save, snapshots });
        }
        Ok(briefs)
    });
    let briefs = briefs.await.inspect_err(|error| tracing::debug!(%error, "could not look for silent changes")).ok();
    let stats = if sizes { host.domain_stats(StatsGroups::BLOCK, SILENT_LIMIT).await } else { Ok(Vec::new()) };
    let stats = stats.inspect_err(|error| tracing::debug!(%error, "could not read the sizes of disks"));
    Polled::Silent(briefs, stats.unwrap_or_default())
}

/// Makes libvirt look at these pools again, one after the other.
pub(super) async fn refresh(host: Host, pools: Vec<Uuid>) -> Polled {
    let (mut refreshed, mut hanging) = (Vec::with_capacity(pools.len()), Vec::new());
    for uuid in pools {
        match host.refresh_pool(uuid, REFRESH_LIMIT).await {
            Ok(_) => refreshed.push(uuid),
            // What is left of the pool is seen when it is read; why, it does not tell any more then.
            Err(error) if error.libvirt().is_some() => {
                tracing::warn!(pool = %uuid, reason = words(&error), "libvirt could not look at a storage pool again");
                refreshed.push(uuid);
            }
            Err(error @ kvm::Error::Deadline { .. }) => hanging.push((uuid, words(&error))),
            Err(error) => tracing::debug!(%error, pool = %uuid, "could not refresh a storage pool"),
        }
    }
    Polled::Refreshed(refreshed, hanging)
}

/// When which pool was last refreshed.
#[derive(Default)]
pub(super) struct Refreshes {
    at: HashMap<Uuid, Instant>,
    /// Those that are being refreshed now.
    pub(super) running: BTreeSet<Uuid>,
}

impl Refreshes {
    /// The pools whose turn it is, without those that are to be left alone; they count as being refreshed.
    pub(super) fn due(
        &mut self,
        pools: &BTreeMap<Uuid, PoolFacts>,
        left_alone: impl Fn(Uuid) -> bool,
        now: Instant,
    ) -> Vec<Uuid> {
        self.at.retain(|uuid, _| pools.contains_key(uuid));
        let due: Vec<Uuid> = pools
            .iter()
            .filter(|(_, facts)| {
                matches!(facts.state, PoolState::Running | PoolState::Degraded | PoolState::Inaccessible)
            })
            .filter(|(uuid, facts)| {
                let last = self.at.get(uuid);
                last.is_none_or(|last| !is_slow(facts) || now.duration_since(*last) >= SLOW_REFRESH_EVERY)
            })
            .map(|(uuid, _)| *uuid)
            .filter(|uuid| !left_alone(*uuid))
            .collect();
        self.running = due.iter().copied().collect();
        due
    }

    /// The round is over.
    pub(super) fn done(&mut self, now: Instant) {
        for uuid in std::mem::take(&mut self.running) {
            self.at.insert(uuid, now);
        }
    }
}

fn is_slow(facts: &PoolFacts) -> bool {
    let local = matches!(facts.definition.kind.as_str(), "dir" | "fs");
    !local || facts.volumes.as_ref().map_or(0, Vec::len) > MANY_VOLUMES
}
