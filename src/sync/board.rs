//! The sync state of every source, as it is shown.
//!
//! The one place where a [`SourceState`] changes. Every change goes to the read model, which tells the watchers and shows
//! the source's objects accordingly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::clock::Clock;
use crate::inventory::Inventory;
use crate::model::provider::{SourceIdentity, SyncReason, SyncStatus};
use crate::model::{Provider, ProviderId, Source, SourceId, SourceState, Time};
use crate::provider::SourceError;
use crate::store::ProviderRecord;

/// See the module.
pub(super) struct Board {
    inventory: Arc<Inventory>,
    clock: Clock,
    providers: Mutex<HashMap<ProviderId, Provider>>,
}

impl Board {
    pub(super) fn new(inventory: Arc<Inventory>, clock: Clock) -> Self {
        Self { inventory, clock, providers: Mutex::default() }
    }

    /// Shows a provider as the store has it. Sources keep the state that they are in, where they have one.
    pub(super) fn show(&self, record: &ProviderRecord) {
        let mut providers = self.lock();
        let before = providers.get(&record.id);
        let sources = record.sources.iter().map(|source| {
            let sync = before
                .and_then(|before| before.sources.iter().find(|shown| shown.id == source.id))
                .map_or_else(|| self.initial(source.last_contact_at), |shown| shown.sync.clone());
            Source {
                id: source.id,
                provider_id: record.id,
                endpoint: source.endpoint.clone(),
                identity: source.identity.clone(),
                sync,
                quarantined_count: source.quarantined_count,
            }
        });
        let provider = Provider {
            id: record.id,
            tenant_id: record.tenant_id,
            name: record.name.clone(),
            kind: record.kind,
            enabled: record.enabled,
            removing: record.removing,
            username: record.username.clone(),
            has_password: record.has_password,
            trust: record.trust.clone(),
            sources: sources.collect(),
            generation: record.generation,
            created_at: record.created_at,
            updated_at: record.updated_at,
        };
        self.inventory.provider_put(provider.clone());
        providers.insert(record.id, provider);
    }

    /// A provider is gone.
    pub(super) fn forget(&self, provider: ProviderId) {
        self.lock().remove(&provider);
        self.inventory.provider_removed(provider);
    }

    /// A source goes over to another state. The same state again changes nothing but `observed_at`.
    pub(super) fn enter(&self, provider: ProviderId, source: SourceId, state: SourceState) {
        let now = self.clock.now();
        self.change(provider, source, |shown| {
            if shown.sync.state != state {
                let observed_at = shown.sync.observed_at;
                shown.sync = SyncStatus { observed_at, ..SyncStatus::new(state, now) };
            }
        });
    }

    /// A source could not be reached or ended; the next try comes at `next_try_at`.
    pub(super) fn unreachable(&self, provider: ProviderId, source: SourceId, error: &SourceError, next_try_at: Time) {
        let now = self.clock.now();
        self.change(provider, source, |shown| {
            let since = if shown.sync.state == SourceState::Unreachable { shown.sync.since } else { now };
            shown.sync = SyncStatus {
                reason: Some(error.reason),
                message: Some(error.message.clone()),
                presented_thumbprint: error.presented_thumbprint.clone(),
                next_try_at: Some(next_try_at),
                observed_at: shown.sync.observed_at,
                ..SyncStatus::new(SourceState::Unreachable, since)
            };
        });
    }

    /// Nothing was heard from a source for a while.
    pub(super) fn lagging(&self, provider: ProviderId, source: SourceId, silence: Duration) {
        let now = self.clock.now();
        self.change(provider, source, |shown| {
            if shown.sync.state != SourceState::Lagging {
                shown.sync = SyncStatus {
                    reason: Some(SyncReason::TimedOut),
                    message: Some(format!("nothing was heard from the platform for more than {} s", silence.as_secs())),
                    observed_at: shown.sync.observed_at,
                    ..SyncStatus::new(SourceState::Lagging, now)
                };
            }
        });
    }

    /// How far a load is.
    pub(super) fn progress(&self, provider: ProviderId, source: SourceId, loaded: u64, expected: Option<u64>) {
        self.change(provider, source, |shown| {
            shown.sync.loaded = Some(loaded);
            shown.sync.expected = expected;
        });
    }

    /// What a source said of itself.
    pub(super) fn identified(&self, provider: ProviderId, source: SourceId, identity: SourceIdentity) {
        self.change(provider, source, |shown| shown.identity = Some(identity));
    }

    /// The provider that has this very installation already, under another address.
    pub(super) fn same_installation(&self, source: SourceId, instance_uuid: &str) -> Option<String> {
        let providers = self.lock();
        let same = |shown: &&Source| {
            let uuid = shown.identity.as_ref().and_then(|identity| identity.instance_uuid.as_deref());
            shown.id != source && uuid.is_some_and(|uuid| uuid.eq_ignore_ascii_case(instance_uuid))
        };
        let twin = providers.values().find(|provider| !provider.removing && provider.sources.iter().any(|s| same(&s)));
        twin.map(|provider| provider.name.clone())
    }

    /// Everything was known to be true at `at`.
    pub(super) fn observed(&self, provider: ProviderId, source: SourceId, at: Time) {
        self.change(provider, source, |shown| shown.sync.observed_at = Some(at));
    }

    /// How many groups of a source are in quarantine.
    pub(super) fn quarantined(&self, provider: ProviderId, source: SourceId, count: u64) {
        self.change(provider, source, |shown| shown.quarantined_count = count);
    }

    /// The state of a source, if it is shown.
    pub(super) fn state(&self, provider: ProviderId, source: SourceId) -> Option<SourceState> {
        let providers = self.lock();
        let shown = providers.get(&provider)?.sources.iter().find(|shown| shown.id == source)?;
        Some(shown.sync.state)
    }

    /// Every source's state, for metrics.
    pub(super) fn states(&self) -> Vec<(String, SourceId, SourceState)> {
        let providers = self.lock();
        let sources = providers.values().flat_map(|provider| {
            provider.sources.iter().map(|source| (provider.name.clone(), source.id, source.sync.state))
        });
        sources.collect()
    }

    fn initial(&self, last_contact_at: Option<Time>) -> SyncStatus {
        SyncStatus { observed_at: last_contact_at, ..SyncStatus::new(SourceState::Connecting, self.clock.now()) }
    }

    fn change(&self, provider: ProviderId, source: SourceId, change: impl FnOnce(&mut Source)) {
        let mut providers = self.lock();
        let Some(shown) = providers.get_mut(&provider) else { return };
        let Some(place) = shown.sources.iter_mut().find(|shown| shown.id == source) else { return };
        let before = place.clone();
        change(place);
        if *place != before {
            // Under the lock, so that states reach the read model in the order in which they came about.
            self.inventory.provider_put(shown.clone());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ProviderId, Provider>> {
        // A state is replaced as a whole: nothing is half changed after a panic.
        self.providers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
