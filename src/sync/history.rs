//! What the sync states of the sources were, written down beside the synchronization.
//!
//! The board says what a state becomes; this keeps it in memory and writes it later, for all sources together and not more
//! often than every few seconds. So nothing waits for the database here: while it does not answer the states wait, bounded.
//! A source whose state changes all the time does not fill the table either: what comes too often is put together into one
//! stretch that says how many changes it stands for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::model::provider::{SyncPeriod, SyncStatus};
use crate::model::{Provider, ProviderId, SourceId, SyncPeriodId, TenantId, Time};
use crate::store::{self, Store, SyncPeriodPut};

/// What happens at once is written together.
const GATHER: Duration = Duration::from_millis(300);
/// Not written more often than this.
const WRITE_EVERY: Duration = Duration::from_secs(2);
/// The database is tried again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// Stretches of one source that wait to be written, at most.
const WAITING_MAX: usize = 64;
/// Stretches written in one transaction, at most.
const WRITE_MAX: usize = 1_000;
/// So many changes of a source have a stretch each at once; one more every [`REFILL`].
const BURST: u32 = 60;
const REFILL: Duration = Duration::from_secs(300);

/// See the module.
#[derive(Default)]
pub(super) struct History {
    lines: Mutex<HashMap<SourceId, Line>>,
    woken: Notify,
}

/// The history of one source, as far as it is not written.
struct Line {
    tenant_id: TenantId,
    provider_id: ProviderId,
    /// What ended and is not written, the oldest first.
    ended: VecDeque<SyncPeriod>,
    /// What lasts.
    open: SyncPeriod,
    /// What lasts, as it is written.
    written: Option<SyncPeriod>,
    budget: Budget,
}

/// How many stretches of its own a source may still have.
struct Budget {
    left: u32,
    since: Instant,
}

impl Budget {
    fn new() -> Self {
        Self { left: BURST, since: Instant::now() }
    }

    /// Takes one, if there is one.
    fn take(&mut self) -> bool {
        let refills = u32::try_from(self.since.elapsed().as_nanos() / REFILL.as_nanos()).unwrap_or(u32::MAX);
        if refills > 0 {
            self.left = self.left.saturating_add(refills).min(BURST);
            self.since = Instant::now();
        }
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        some
    }
}

fn begin(source_id: SourceId, status: &SyncStatus) -> SyncPeriod {
    SyncPeriod {
        id: SyncPeriodId::generate(),
        source_id,
        state: status.state,
        since: status.since,
        until: None,
        reason: status.reason,
        message: status.message.clone(),
        changes: 1,
    }
}

impl Line {
    fn enter(&mut self, status: &SyncStatus) {
        if self.ended.len() < WAITING_MAX && self.budget.take() {
            let next = begin(self.open.source_id, status);
            let mut ended = std::mem::replace(&mut self.open, next);
            // A clock that goes back makes no stretch that ends before it began.
            ended.until = Some(status.since.max(ended.since));
            self.ended.push_back(ended);
            self.written = None;
        } else {
            self.open.state = status.state;
            self.open.reason = status.reason;
            self.open.message.clone_from(&status.message);
            self.open.changes = self.open.changes.saturating_add(1);
        }
    }

    fn is_open_written(&self) -> bool {
        self.written.as_ref() == Some(&self.open)
    }
}

impl History {
    /// The sources of a provider as they are shown. Those that it no longer has are forgotten.
    pub(super) fn show(&self, provider: &Provider) {
        for source in &provider.sources {
            self.enter(provider.tenant_id, provider.id, source.id, &source.sync);
        }
        let has = |source: &SourceId| provider.sources.iter().any(|shown| shown.id == *source);
        self.lock().retain(|source, line| line.provider_id != provider.id || has(source));
    }

    /// A source is in a state. The same state for the same reason again is nothing new.
    pub(super) fn enter(&self, tenant_id: TenantId, provider_id: ProviderId, source: SourceId, status: &SyncStatus) {
        let mut lines = self.lock();
        match lines.get_mut(&source) {
            Some(line) if (line.open.state, line.open.reason) == (status.state, status.reason) => return,
            Some(line) => line.enter(status),
            None => {
                let open = begin(source, status);
                let (ended, budget) = (VecDeque::new(), Budget::new());
                let line = Line { tenant_id, provider_id, ended, open, written: None, budget };
                lines.insert(source, line);
            }
        }
        self.woken.notify_one();
    }

    /// A provider is gone, and with it its history.
    pub(super) fn forget(&self, provider: ProviderId) {
        self.lock().retain(|_, line| line.provider_id != provider);
    }

    /// Writes what is new, again and again.
    pub(super) async fn write_down(&self, store: &Store) {
        // What was not written before a panic wakes nobody.
        self.woken.notify_one();
        let mut failing = false;
        loop {
            self.woken.notified().await;
            tokio::time::sleep(GATHER).await;
            while let Err(error) = self.write(store).await {
                if !std::mem::replace(&mut failing, true) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "sync states are not written to their history; they wait");
                }
                tokio::time::sleep(AGAIN).await;
            }
            failing = false;
            tokio::time::sleep(WRITE_EVERY).await;
        }
    }

    /// The process stops: what lasts ends here. Writes what there is, once.
    pub(super) async fn end(&self, store: &Store, now: Time) -> Result<(), store::Error> {
        for line in self.lock().values_mut() {
            line.open.until = Some(now.max(line.open.since));
        }
        self.write(store).await
    }

    /// Writes all that is new.
    async fn write(&self, store: &Store) -> Result<(), store::Error> {
        loop {
            let puts = self.unwritten();
            if puts.is_empty() {
                return Ok(());
            }
            store.system("write the history of sync states").sync_history_put(&puts).await?;
            self.wrote(&puts);
        }
    }

    fn unwritten(&self) -> Vec<SyncPeriodPut> {
        let lines = self.lock();
        let all = lines.values().flat_map(|line| {
            let open = Some(&line.open).filter(|_| !line.is_open_written());
            line.ended.iter().chain(open).map(|period| SyncPeriodPut {
                tenant_id: line.tenant_id,
                provider_id: line.provider_id,
                period: period.clone(),
            })
        });
        all.take(WRITE_MAX).collect()
    }

    /// What changed again while it was written stays to be written.
    fn wrote(&self, puts: &[SyncPeriodPut]) {
        let mut lines = self.lock();
        for put in puts {
            let Some(line) = lines.get_mut(&put.period.source_id) else { continue };
            if line.open.id == put.period.id {
                line.written = Some(put.period.clone());
            } else {
                line.ended.retain(|ended| *ended != put.period);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SourceId, Line>> {
        // Each line is whole after every step.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::model::SourceState;
    use crate::model::provider::SyncReason;
    use crate::store::tests::Fixture;
    use crate::store::{SyncHistoryFilter, Told};

    fn status(fixture: &Fixture, state: SourceState) -> SyncStatus {
        let reason = (state == SourceState::Unreachable).then_some(SyncReason::TimedOut);
        let message = reason.map(|_| "no answer".to_owned());
        SyncStatus { reason, message, ..SyncStatus::new(state, fixture.clock.now()) }
    }

    async fn periods(fixture: &Fixture, provider: ProviderId) -> Vec<SyncPeriod> {
        let filter = SyncHistoryFilter::default();
        let mut found = fixture.admin().sync_history(provider, &filter, None, 1_000).await.unwrap().unwrap();
        found.reverse();
        found
    }

    #[tokio::test]
    async fn a_database_that_is_gone_delays_and_loses_nothing() {
        let fixture = Fixture::sqlite().await;
        let (provider, source) = fixture.provider("vc").await;
        let history = History::default();
        let enter = |state| history.enter(TenantId::PLATFORM, provider, source, &status(&fixture, state));
        enter(SourceState::Connecting);
        enter(SourceState::Connecting);
        history.write(&fixture.store).await.unwrap();
        fixture.sql("ALTER TABLE sync_history RENAME TO away").await;
        for state in [SourceState::Loading, SourceState::Live, SourceState::Unreachable] {
            fixture.clock.advance(TimeDelta::seconds(10));
            enter(state);
            assert!(history.write(&fixture.store).await.is_err());
        }
        fixture.sql("ALTER TABLE away RENAME TO sync_history").await;
        history.write(&fixture.store).await.unwrap();
        assert_eq!(history.unwritten(), []);
        let written = periods(&fixture, provider).await;
        let states: Vec<_> = written.iter().map(|period| period.state.as_str()).collect();
        assert_eq!(states, ["connecting", "loading", "live", "unreachable"]);
        for (period, next) in written.iter().zip(&written[1..]) {
            assert_eq!(period.until, Some(next.since), "one follows the other");
            assert_eq!((period.changes, period.since + TimeDelta::seconds(10)), (1, next.since));
        }
        let last = &written[3];
        assert_eq!((last.until, last.reason), (None, Some(SyncReason::TimedOut)));
        assert_eq!(last.message.as_deref(), Some("no answer"));
        fixture.clock.advance(TimeDelta::seconds(10));
        history.end(&fixture.store, fixture.clock.now()).await.unwrap();
        assert_eq!(periods(&fixture, provider).await[3].until, Some(fixture.clock.now()), "the process stopped");
    }

    #[tokio::test]
    async fn what_changes_all_the_time_is_put_together() {
        let fixture = Fixture::sqlite().await;
        let (provider, source) = fixture.provider("vc").await;
        let history = History::default();
        for round in 0..500 {
            fixture.clock.advance(TimeDelta::seconds(1));
            let state = if round % 2 == 0 { SourceState::Lagging } else { SourceState::Live };
            history.enter(TenantId::PLATFORM, provider, source, &status(&fixture, state));
            if round == 200 {
                history.write(&fixture.store).await.unwrap();
            }
        }
        history.write(&fixture.store).await.unwrap();
        let written = periods(&fixture, provider).await;
        assert_eq!(written.len(), BURST as usize + 1);
        let changes: u32 = written.iter().map(|period| period.changes).sum();
        assert_eq!(changes, 500, "each change is counted");
        let last = &written[BURST as usize];
        assert_eq!((last.state, last.until), (SourceState::Live, None), "the last state is the present one");
        // A database that is gone for long: what waits is bounded.
        history.lock().get_mut(&source).unwrap().budget.left = u32::MAX;
        for round in 0..500 {
            let state = if round % 2 == 0 { SourceState::Lagging } else { SourceState::Unreachable };
            history.enter(TenantId::PLATFORM, provider, source, &status(&fixture, state));
        }
        assert_eq!(history.unwritten().len(), WAITING_MAX + 1);
    }

    #[tokio::test]
    async fn a_provider_that_is_gone_takes_its_history_along() {
        let fixture = Fixture::sqlite().await;
        let (provider, source) = fixture.provider("vc").await;
        let (gone, its) = fixture.provider("gone").await;
        let history = History::default();
        for (provider, source) in [(provider, source), (gone, its)] {
            history.enter(TenantId::PLATFORM, provider, source, &status(&fixture, SourceState::Live));
        }
        fixture.admin().provider_mark_removing(gone, None, Told::any()).await.unwrap();
        while !fixture.system().provider_purge(gone, 100).await.unwrap().done {}
        history.write(&fixture.store).await.unwrap();
        assert_eq!(history.unwritten(), [], "what cannot be kept does not wait for ever");
        assert_eq!(periods(&fixture, provider).await.len(), 1);
        history.forget(gone);
        assert_eq!(history.lock().len(), 1);
    }
}
