//! Brings what runs into line with what is stored: a supervisor for each source of each provider that is enabled, and the
//! removal of what an administrator took away.
//!
//! Invariant: whatever fails here is tried again after a growing wait, and hinders no other provider.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::backoff::Backoff;
use super::guard::{Guard, caught};
use super::supervisor::{Supervisor, after, store_failed};
use super::writer::{ApplyError, Writer};
use crate::model::provider::SyncReason;
use crate::model::{ProviderId, SourceId, SourceState};
use crate::provider::{SourceError, SourceSpec};
use crate::store::{self, ProviderRecord, ProviderWithSecrets};

/// Objects deleted in one transaction while a provider is removed.
const PURGE_AT_ONCE: u64 = 2_000;

/// What runs for one provider.
struct Running {
    generation: i64,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

/// See the module.
pub(super) struct Reconciler {
    shared: Arc<Shared>,
    running: HashMap<ProviderId, Running>,
    /// How often in a row a provider could not be read.
    failing: HashMap<ProviderId, Backoff>,
    /// The provider that is being looked at: after a panic it is looked at again.
    current: Option<ProviderId>,
}

impl Reconciler {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, running: HashMap::new(), failing: HashMap::new(), current: None }
    }

    /// Looks at one provider after the other, as it is wished, until it is cancelled.
    pub(super) async fn run(&mut self, cancel: &CancellationToken) {
        if let Some(interrupted) = self.current.take() {
            self.shared.wish(interrupted);
        }
        while !cancel.is_cancelled() {
            self.current = self.shared.lock_wishes().dirty.pop_first();
            match self.current {
                Some(id) => self.reconcile(id).await,
                None => tokio::select! {
                    () = self.shared.woken.notified() => {}
                    () = cancel.cancelled() => {}
                },
            }
            self.current = None;
        }
    }

    /// Stops everything that runs, and waits for it.
    pub(super) async fn stop(self) {
        for provider in self.running.values() {
            provider.cancel.cancel();
        }
        for (_, mut provider) in self.running {
            while provider.tasks.join_next().await.is_some() {}
        }
    }

    async fn reconcile(&mut self, id: ProviderId) {
        let stored = match self.shared.store.system("bring a provider into line").provider(id).await {
            Ok(stored) => stored,
            Err(error) => return self.try_again(id, error),
        };
        self.failing.remove(&id);
        let wanted = stored.as_ref().filter(|stored| !stored.record.removing);
        if let Some(stored) = wanted
            && self.running.get(&id).is_some_and(|running| running.generation == stored.record.generation)
        {
            return;
        }
        if let Some(mut before) = self.running.remove(&id) {
            self.shared.lock_commands().remove(&id);
            before.cancel.cancel();
            while before.tasks.join_next().await.is_some() {}
        }
        self.shared.lock_writers().remove(&id);
        match stored {
            None => self.shared.forget(id),
            Some(stored) => {
                self.shared.board.show(&stored.record);
                self.running.insert(id, self.begin(stored));
            }
        }
        for told in self.shared.lock_wishes().stopped.remove(&id).unwrap_or_default() {
            // Who asked may have gone away.
            let _ = told.send(());
        }
    }

    /// A provider cannot be read from the database: says so where nothing else is known of it, and looks again later.
    fn try_again(&mut self, id: ProviderId, error: store::Error) {
        let wait = self.failing.entry(id).or_default().next(SyncReason::StoreFailed);
        tracing::warn!(
            provider = %id, error = &error as &dyn std::error::Error, wait_s = wait.as_secs_f64(),
            "a provider cannot be read from the database; it is tried again"
        );
        if !self.running.contains_key(&id) {
            let next_try_at = Some(after(&self.shared.clock, wait));
            self.shared.board.all_unreachable(id, &store_failed(error), next_try_at);
        }
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            shared.wish(id);
        });
    }

    /// Begins what a provider needs: the supervisors of its sources, or its removal.
    fn begin(&self, provider: ProviderWithSecrets) -> Running {
        let record = &provider.record;
        let mut running =
            Running { generation: record.generation, cancel: CancellationToken::new(), tasks: JoinSet::new() };
        if record.removing {
            // Nobody looks any more: what is left is not to be taken for the truth.
            self.shared.enter_all(record, SourceState::Disabled);
            let (shared, id, cancel) = (Arc::clone(&self.shared), record.id, running.cancel.clone());
            running.tasks.spawn(async move {
                let mut guard = Guard::new("removal", &shared.metrics, &cancel);
                while guard.again(caught(shared.remove(id, &cancel)).await).await {}
            });
        } else if !record.enabled {
            self.shared.enter_all(record, SourceState::Disabled);
        } else if let Some(damage) = &record.damage {
            let message = format!("what is stored of this provider cannot be read: {damage}; edit it to give it anew");
            tracing::error!(provider = %record.id, name = record.name, damage, "a provider is damaged and not synced");
            self.shared.board.all_unreachable(record.id, &SourceError::new(SyncReason::StoredDamaged, message), None);
        } else {
            self.begin_sources(provider, &mut running);
        }
        running
    }

    fn begin_sources(&self, provider: ProviderWithSecrets, running: &mut Running) {
        let shared = &self.shared;
        let ProviderWithSecrets { record, secrets } = provider;
        let sources: Vec<SourceId> = record.sources.iter().map(|source| source.id).collect();
        let writer = Arc::new(Writer::new(record.id, sources, Arc::clone(&shared.journal)));
        shared.lock_writers().insert(record.id, Arc::clone(&writer));
        shared.enter_all(&record, SourceState::Connecting);
        let mut senders = Vec::new();
        for source in record.sources {
            let (sender, commands) = mpsc::channel(4);
            senders.push(sender);
            let spec = SourceSpec {
                provider_id: record.id,
                provider_name: record.name.clone(),
                source_id: source.id,
                kind: record.kind,
                endpoint: source.endpoint,
                username: record.username.clone(),
                password: secrets.password.clone(),
                trust: record.trust.clone(),
                expected_instance_uuid: source.identity.and_then(|identity| identity.instance_uuid),
            };
            let supervisor = Supervisor {
                spec,
                connect: Arc::clone(&shared.connect),
                writer: Arc::clone(&writer),
                board: Arc::clone(&shared.board),
                metrics: shared.metrics.clone(),
                clock: shared.clock.clone(),
                pace: shared.pace,
                cancel: running.cancel.clone(),
                commands,
                refusals: Arc::clone(&shared.refusals),
            };
            running.tasks.spawn(supervisor.run());
        }
        shared.lock_commands().insert(record.id, senders);
        for removed in record.removing_sources {
            let (shared, writer, cancel) = (Arc::clone(shared), Arc::clone(&writer), running.cancel.clone());
            running.tasks.spawn(async move {
                let mut guard = Guard::new("removal", &shared.metrics, &cancel);
                let work = || shared.remove_source(record.id, removed, &writer, &cancel);
                while guard.again(caught(work()).await).await {}
            });
        }
    }
}

impl Shared {
    pub(super) fn lock_commands(
        &self,
    ) -> std::sync::MutexGuard<'_, HashMap<ProviderId, Vec<mpsc::Sender<super::Command>>>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter_all(&self, record: &ProviderRecord, state: SourceState) {
        for source in &record.sources {
            self.board.enter(record.id, source.id, state);
        }
    }

    /// Deletes what a provider brought, and then itself. Goes on after a restart: the store has noted the removal.
    async fn remove(&self, id: ProviderId, cancel: &CancellationToken) {
        let mut backoff = Backoff::default();
        while !cancel.is_cancelled() {
            match self.journal.purge_provider(id, PURGE_AT_ONCE).await {
                Ok(true) | Err(store::Error::ProviderGone(_)) => return self.forget(id),
                Ok(false) => backoff.reset(),
                Err(error) => {
                    tracing::warn!(provider = %id, %error, "the removal of a provider waits for the database");
                    pause(backoff.next(SyncReason::StoreFailed), cancel).await;
                }
            }
        }
    }

    /// Deletes what only a source told that an edit took away, and then itself.
    async fn remove_source(
        &self,
        provider: ProviderId,
        removed: SourceId,
        writer: &Writer,
        cancel: &CancellationToken,
    ) {
        let mut backoff = Backoff::default();
        while !cancel.is_cancelled() {
            let outcome = match writer.source_removed(removed).await {
                Ok(()) => self.journal.purge_source(provider, removed, PURGE_AT_ONCE).await.map_err(Into::into),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(true) | Err(ApplyError::Store(store::Error::SourceGone(_))) => return,
                Ok(false) => backoff.reset(),
                Err(error) => {
                    tracing::warn!(%provider, source = %removed, %error, "the removal of a source waits");
                    pause(backoff.next(SyncReason::StoreFailed), cancel).await;
                }
            }
        }
    }
}

async fn pause(wait: Duration, cancel: &CancellationToken) {
    cancel.run_until_cancelled(tokio::time::sleep(wait)).await;
}
