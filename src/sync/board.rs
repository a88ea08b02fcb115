//! The sync state of every source, as it is shown.
//!
//! The one place where a [`SourceState`] changes. A change of a state goes to the read model at once, which tells the
//! watchers and shows the source's objects accordingly. How old what is shown is, and how far a load is, changes with every
//! source all the time: that is gathered, and told for all sources of a provider together, so that the cost of telling
//! grows with the number of sources and not with its square.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::history::History;
use super::metrics::SourceFigures;
use crate::clock::Clock;
use crate::inventory::Inventory;
use crate::model::provider::{SourceIdentity, SyncReason, SyncStatus};
use crate::model::{Provider, ProviderId, Source, SourceId, SourceState, Time};
use crate::provider::SourceError;
use crate::store::{AcrossTenants, PlatformUuid, ProviderRecord};

/// What was gathered goes to the read model this often.
const GATHER: Duration = Duration::from_millis(500);
/// Watchers are told how old what is shown of a provider is at most this often.
const AGES_EVERY: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Board {
    across: AcrossTenants,
    inventory: Arc<Inventory>,
    clock: Clock,
    history: History,
    /// [`AGES_EVERY`].
    ages_every: Duration,
    providers: Mutex<HashMap<ProviderId, Shown>>,
    /// The source that is joining an installation at present. Changed under the lock of `providers`.
    claims: Mutex<HashMap<PlatformUuid, SourceId>>,
}

struct Shown {
    provider: Provider,
    /// What the read model does not have yet.
    news: News,
    /// When watchers were last told.
    told: Instant,
    /// Whether the read model has what watchers were not told.
    untold: bool,
}

/// What changed since a provider was last handed on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    Nothing,
    /// How old something is.
    Age,
    /// How far a load is.
    Progress,
}

impl Board {
    pub(super) fn new(across: AcrossTenants, inventory: Arc<Inventory>, clock: Clock) -> Self {
        Self {
            across,
            inventory,
            clock,
            history: History::default(),
            ages_every: AGES_EVERY,
            providers: Mutex::default(),
            claims: Mutex::default(),
        }
    }

    /// What the states were.
    pub(super) fn history(&self) -> &History {
        &self.history
    }

    /// Shows a provider as the store has it. Sources keep the state that they are in, where they have one.
    pub(super) fn show(&self, record: &ProviderRecord) {
        let mut providers = self.lock();
        let before = providers.get(&record.id).map(|shown| &shown.provider);
        let before: HashMap<SourceId, &SyncStatus> =
            before.iter().flat_map(|before| &before.sources).map(|source| (source.id, &source.sync)).collect();
        let provider = record.shown(|source| {
            let initial = || self.initial(record.enabled && !record.removing, source.last_contact_at);
            before.get(&source.id).map_or_else(initial, |shown| SyncStatus::clone(shown))
        });
        self.history.show(&provider);
        self.inventory.provider_put(provider.clone());
        providers.insert(record.id, Shown { provider, news: News::Nothing, told: Instant::now(), untold: false });
    }

    /// Hands on what is gathered, again and again.
    pub(super) async fn hand_on(&self) {
        let mut ticks = interval(GATHER);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.hand_on_once();
        }
    }

    fn hand_on_once(&self) {
        let mut providers = self.lock();
        let mut quietly = Vec::new();
        for shown in providers.values_mut() {
            let news = std::mem::replace(&mut shown.news, News::Nothing);
            let aged = news == News::Age || shown.untold;
            if news == News::Progress || (aged && shown.told.elapsed() >= self.ages_every) {
                self.tell(shown);
            } else if news == News::Age {
                shown.untold = true;
                quietly.push(shown.provider.clone());
            }
        }
        if !quietly.is_empty() {
            self.inventory.providers_refreshed(quietly);
        }
    }

    /// Hands a provider on and tells the watchers. Under the lock, so that states reach the read model in the order in which
    /// they came about.
    fn tell(&self, shown: &mut Shown) {
        (shown.news, shown.told, shown.untold) = (News::Nothing, Instant::now(), false);
        self.inventory.provider_put(shown.provider.clone());
    }

    /// A provider is gone.
    pub(super) fn forget(&self, provider: ProviderId) {
        self.lock().remove(&provider);
        self.history.forget(provider);
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

    /// A source could not be reached or ended; the next try comes at `next_try_at`, or not by itself.
    pub(super) fn unreachable(
        &self,
        provider: ProviderId,
        source: SourceId,
        error: &SourceError,
        next_try_at: Option<Time>,
    ) {
        let now = self.clock.now();
        self.change(provider, source, |shown| {
            let since = if shown.sync.state == SourceState::Unreachable { shown.sync.since } else { now };
            shown.sync = SyncStatus {
                reason: Some(error.reason),
                message: Some(error.message.clone()),
                presented_thumbprint: error.presented_thumbprint.clone(),
                next_try_at,
                observed_at: shown.sync.observed_at,
                ..SyncStatus::new(SourceState::Unreachable, since)
            };
        });
    }

    /// None of a provider's sources can be followed.
    pub(super) fn all_unreachable(&self, provider: ProviderId, error: &SourceError, next_try_at: Option<Time>) {
        let sources: Vec<SourceId> = match self.lock().get(&provider) {
            Some(shown) => shown.provider.sources.iter().map(|source| source.id).collect(),
            None => return,
        };
        for source in sources {
            self.unreachable(provider, source, error, next_try_at);
        }
    }

    /// What a source tells does not get here in time.
    pub(super) fn lagging(&self, provider: ProviderId, source: SourceId, reason: SyncReason, message: String) {
        let now = self.clock.now();
        self.change(provider, source, |shown| {
            if shown.sync.state != SourceState::Lagging {
                shown.sync = SyncStatus {
                    reason: Some(reason),
                    message: Some(message),
                    observed_at: shown.sync.observed_at,
                    ..SyncStatus::new(SourceState::Lagging, now)
                };
            }
        });
    }

    /// How far a load is.
    pub(super) fn progress(&self, provider: ProviderId, source: SourceId, loaded: u64, expected: Option<u64>) {
        self.gather(provider, source, News::Progress, |shown| {
            shown.sync.loaded = Some(loaded);
            shown.sync.expected = expected;
        });
    }

    /// What a source said of itself.
    pub(super) fn identified(&self, provider: ProviderId, source: SourceId, identity: SourceIdentity) {
        self.change(provider, source, |shown| shown.identity = Some(identity));
    }

    /// Claims an installation for a source, until [`Board::release`]: of two that join the same at the same moment one is
    /// refused. From the first commit on, what is shown says whose it is.
    ///
    /// # Errors
    /// The name of the provider that has it already, or is joining it, under another address.
    pub(super) fn claim(&self, source: SourceId, instance_uuid: &str) -> Result<(), String> {
        let wanted = self.across.uuid(instance_uuid);
        let providers = self.lock();
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let claimed = claims.get(&wanted).copied();
        let has = |shown: &Source| {
            let uuid = shown.identity.as_ref().and_then(|identity| identity.instance_uuid.as_deref());
            let same = uuid.is_some_and(|uuid| self.across.uuid(uuid) == wanted);
            shown.id != source && (same || claimed == Some(shown.id))
        };
        let mut others = providers.values().map(|shown| &shown.provider).filter(|provider| !provider.removing);
        match others.find(|provider| provider.sources.iter().any(has)) {
            Some(other) => Err(other.name.clone()),
            None => {
                claims.insert(wanted, source);
                Ok(())
            }
        }
    }

    /// A run of a source ended: it joins nothing any more.
    pub(super) fn release(&self, source: SourceId) {
        let _order = self.lock();
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, claimed| *claimed != source);
    }

    /// The sources of a provider, and of each whether its platform refused who signs in.
    pub(super) fn refused(&self, provider: ProviderId) -> Vec<(SourceId, bool)> {
        let providers = self.lock();
        let sources = providers.get(&provider).into_iter().flat_map(|shown| &shown.provider.sources);
        sources.map(|source| (source.id, source.sync.reason == Some(SyncReason::CredentialsRefused))).collect()
    }

    /// Everything was known to be true at `at`.
    pub(super) fn observed(&self, provider: ProviderId, source: SourceId, at: Time) {
        self.gather(provider, source, News::Age, |shown| shown.sync.observed_at = Some(at));
    }

    /// How many groups of a source are in quarantine.
    pub(super) fn quarantined(&self, provider: ProviderId, source: SourceId, count: u64) {
        self.change(provider, source, |shown| shown.quarantined_count = count);
    }

    /// The state of a source, if it is shown.
    pub(super) fn state(&self, provider: ProviderId, source: SourceId) -> Option<SourceState> {
        let providers = self.lock();
        let shown = providers.get(&provider)?.provider.sources.iter().find(|shown| shown.id == source)?;
        Some(shown.sync.state)
    }

    /// Every source, for metrics.
    pub(super) fn sources(&self) -> Vec<SourceFigures> {
        let providers = self.lock();
        let sources = providers.values().map(|shown| &shown.provider).flat_map(|provider| {
            provider.sources.iter().map(|source| SourceFigures {
                provider: provider.name.clone(),
                source: source.id.to_string(),
                state: source.sync.state,
                observed_at: source.sync.observed_at,
                quarantined: source.quarantined_count,
            })
        });
        sources.collect()
    }

    fn initial(&self, synced: bool, last_contact_at: Option<Time>) -> SyncStatus {
        let state = if synced { SourceState::Connecting } else { SourceState::Disabled };
        SyncStatus { observed_at: last_contact_at, ..SyncStatus::new(state, self.clock.now()) }
    }

    fn change(&self, provider: ProviderId, source: SourceId, change: impl FnOnce(&mut Source)) {
        let mut providers = self.lock();
        let Some(shown) = providers.get_mut(&provider) else { return };
        let Some(place) = shown.provider.sources.iter_mut().find(|shown| shown.id == source) else { return };
        let before = place.clone();
        change(place);
        if *place != before {
            if (place.sync.state, place.sync.reason) != (before.sync.state, before.sync.reason) {
                self.history.enter(shown.provider.tenant_id, provider, source, &place.sync);
            }
            self.tell(shown);
        }
    }

    /// A change that can wait for the next time that all of its kind are handed on.
    fn gather(&self, provider: ProviderId, source: SourceId, news: News, change: impl FnOnce(&mut Source)) {
        let mut providers = self.lock();
        let Some(shown) = providers.get_mut(&provider) else { return };
        let Some(place) = shown.provider.sources.iter_mut().find(|shown| shown.id == source) else { return };
        change(place);
        shown.news = shown.news.max(news);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProviderId, Shown>> {
        // A state is replaced as a whole: nothing is half changed after a panic.
        self.providers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};
    use serde_json::{Value, json};

    use super::*;
    use crate::inventory::{InventoryConfig, TokenKey, WatchRequest};
    use crate::model::Revision;
    use crate::store::SourceRecord;
    use crate::store::tests::Fixture;

    const SOURCES: usize = 50;

    fn ages(data: &[u8]) -> Vec<Value> {
        let told: Value = serde_json::from_slice(data).unwrap();
        told["sources"].as_array().unwrap().iter().map(|source| source["sync"]["observed_at"].clone()).collect()
    }

    /// However many sources a provider has, how old they are is told together.
    #[tokio::test]
    async fn ages_are_read_at_once_and_told_together() {
        let fixture = Fixture::sqlite().await;
        let (id, _) = fixture.provider("vc").await;
        let mut record = fixture.system().provider(id).await.unwrap().unwrap().record;
        let of = record.sources[0].clone();
        record.sources = (0..SOURCES).map(|_| SourceRecord { id: SourceId::generate(), ..of.clone() }).collect();
        let inventory = Inventory::new(InventoryConfig::default(), TokenKey::new([7; 32]));
        inventory.loader().finish(&[], Revision(0), Revision(0));
        let mut board = Board::new(fixture.system().across_tenants(), Arc::clone(&inventory), fixture.clock.clone());
        board.show(&record);
        let mut watch = inventory.watch(fixture.scope(), fixture.scope(), WatchRequest::default()).unwrap();
        let mut told = move || {
            let events = std::iter::from_fn(|| watch.next().now_or_never().flatten());
            events.map(|event| ages(event.data())).collect::<Vec<_>>()
        };
        assert_eq!(told().len(), 1);
        for (ages_every, expected) in [(Duration::from_secs(3_600), 0), (Duration::ZERO, 1)] {
            board.ages_every = ages_every;
            for _ in 0..10 {
                fixture.clock.advance(chrono::TimeDelta::seconds(1));
                let now = fixture.clock.now();
                for source in &record.sources {
                    board.observed(id, source.id, now);
                }
                board.hand_on_once();
                let read = inventory.provider(&fixture.providers(), id).unwrap();
                assert_eq!(ages(&read.json()), vec![json!(now); SOURCES], "readers see it");
                assert_eq!(told().len(), expected, "at most every {ages_every:?}");
            }
            board.hand_on_once();
            assert!(told().is_empty(), "nothing is new");
        }
        // A state is told at once, with whatever else there is.
        board.ages_every = Duration::from_secs(3_600);
        fixture.clock.advance(chrono::TimeDelta::seconds(1));
        board.observed(id, record.sources[0].id, fixture.clock.now());
        board.hand_on_once();
        assert!(told().is_empty());
        board.enter(id, record.sources[1].id, SourceState::Live);
        let now = told();
        assert_eq!((now.len(), &now[0][0]), (1, &json!(fixture.clock.now())));
        // What was gathered without being told is told when its time has come.
        board.observed(id, record.sources[2].id, fixture.clock.now());
        board.hand_on_once();
        board.ages_every = Duration::ZERO;
        board.hand_on_once();
        assert_eq!(told().len(), 1);
    }
}
