//! Reading storage pools, which hang when their storage does (a file server that is gone).
//!
//! While libvirt waits for a pool's storage it answers nothing about that pool, and does not list the pools at all; everything
//! else goes on. So a pool that did not answer in time is left alone until the call that hangs returns or libvirt tells
//! something of the pool: it is in quarantine, what was known of it stays, and the rest of the host is followed as ever.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kvm::LaneKind;
use uuid::Uuid;

use super::super::SourceError;
use super::facts::PoolFacts;
use super::fault::{self, Phase};
use super::state::GroupKey;
use super::watch::Watch;
use crate::model::Kind;
use crate::model::provider::SyncReason;

/// For one pool, or the list of them. Nothing else is followed meanwhile.
const POOL_LIMIT: Duration = Duration::from_secs(5);

/// What did not answer.
#[derive(Default)]
pub(super) struct Hanging {
    /// Pools, each with the reason.
    pools: BTreeMap<Uuid, String>,
    list: bool,
}

impl Hanging {
    /// Whether a pool is left alone.
    pub(super) fn holds(&self, pool: Uuid) -> bool {
        self.pools.contains_key(&pool)
    }

    /// libvirt told something of a pool: it can be asked again.
    pub(super) fn release(&mut self, pool: Uuid) {
        self.pools.remove(&pool);
    }
}

/// Whether an error says that there was no answer.
fn is_silence(error: &kvm::Error) -> bool {
    matches!(error, kvm::Error::Deadline { .. } | kvm::Error::Stuck { .. })
}

impl Watch {
    pub(super) async fn read_pool(&mut self, uuid: Uuid) -> Result<(), SourceError> {
        if let Some(reason) = self.hanging.pools.get(&uuid) {
            self.held.set_quarantine(GroupKey::Pool(uuid), Kind::Datastore, reason.clone());
            return Ok(());
        }
        let read = self.host.pool(uuid, POOL_LIMIT).await;
        match read.and_then(|record| record.as_ref().map(PoolFacts::new).transpose()) {
            Ok(Some(facts)) => self.held.put_pool(uuid, facts),
            Ok(None) => self.held.remove_pool(uuid),
            Err(error) => {
                let hangs = is_silence(&error);
                let reason = self.survive(error).await?;
                if hangs {
                    self.hanging.pools.insert(uuid, reason.clone());
                }
                self.held.set_quarantine(GroupKey::Pool(uuid), Kind::Datastore, reason);
            }
        }
        Ok(())
    }

    /// Which pools there are; while one of them hangs, those that are known.
    ///
    /// # Errors
    /// Before the first complete read they must be listed: without its pools it is not known what a machine's disks are.
    pub(super) async fn list_pools(&mut self) -> Result<BTreeSet<Uuid>, SourceError> {
        let list = |connection: &kvm::Connection| match connection.pools() {
            Ok(pools) => pools.iter().map(kvm::Pool::uuid).collect(),
            Err(error) if error.is_unsupported() => Ok(BTreeSet::new()),
            Err(error) => Err(error),
        };
        if self.is_loaded && (self.hanging.list || !self.hanging.pools.is_empty()) {
            return Ok(self.held.pools.keys().copied().collect());
        }
        match self.host.run(LaneKind::Storage, "list the storage pools", POOL_LIMIT, list).await {
            Ok(pools) => Ok(pools),
            Err(error) if is_silence(&error) => {
                let reason = self.survive(error).await?;
                if !self.is_loaded {
                    let message = format!("{}: {reason}: the storage of one of them does not answer", self.uri);
                    return Err(SourceError::new(SyncReason::TimedOut, message));
                }
                self.hanging.list = true;
                Ok(self.held.pools.keys().copied().collect())
            }
            Err(error) => Err(fault::source_error(&self.uri, Phase::Connected, error)),
        }
    }

    /// Pools that libvirt was to look at again, and that did not answer: they are left alone.
    pub(super) fn note_hanging(&mut self, pools: Vec<(Uuid, String)>) {
        for (uuid, reason) in pools {
            self.hints.pools.insert(uuid);
            self.hanging.pools.insert(uuid, reason);
        }
    }

    /// When no call hangs any more, everything is asked again.
    pub(super) fn retry_hanging(&mut self) {
        let hangs = |lane| self.host.lane_status(lane).hanging > 0;
        if !hangs(LaneKind::Storage) && !hangs(LaneKind::Command) {
            self.hanging.list = false;
            self.hints.pools.extend(std::mem::take(&mut self.hanging.pools).into_keys());
        }
    }
}
