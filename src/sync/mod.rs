//! Keeps the store, and with it the read model, equal to the platforms.
//!
//! A [`supervisor`] per source connects, reads everything, follows the changes and tries again when it ends. What a
//! provider tells becomes rows in [`writer`]: [`view`] says what differs from what is stored, [`journal`] commits it and
//! shows it. [`board`] holds the sync states. [`duplicates`] recognises hosts that are joined twice.
//!
//! Invariants kept here: sync writes observed facts only; an unreachable platform changes nothing but its state; nothing is
//! removed without evidence; rows, change log, ids and position commit together.

mod backoff;
mod board;
mod duplicates;
mod identity;
mod journal;
mod merge;
mod metrics;
mod supervisor;
mod view;
mod writer;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use self::board::Board;
use self::duplicates::Duplicates;
use self::journal::Journal;
use self::metrics::Metrics;
pub use self::supervisor::Pace;
use self::supervisor::Supervisor;
use self::writer::Writer;
use crate::clock::Clock;
use crate::inventory::Inventory;
use crate::model::provider::{Capability, Connection, TestReport};
use crate::model::{ProviderId, ProviderKind, SourceId, SourceState};
use crate::provider::{self, Command, SourceSpec};
use crate::store::{self, ProviderWithSecrets, Store};

/// Objects deleted in one transaction while a provider is removed.
const PURGE_AT_ONCE: u64 = 2_000;
/// A connection test ends after this.
const TEST_DEADLINE: Duration = Duration::from_secs(30);
/// After a failure of the store, providers are brought into line again after this.
const RECONCILE_AGAIN: Duration = Duration::from_secs(2);

/// The running synchronization.
pub struct Sync {
    shared: Arc<Shared>,
    cancel: CancellationToken,
    reconciler: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

struct Shared {
    store: Store,
    journal: Arc<Journal>,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    clock: Clock,
    pace: Pace,
    /// What the reconciler has to look at.
    wishes: Mutex<Wishes>,
    woken: Notify,
    /// Where words to running sources go.
    commands: Mutex<HashMap<ProviderId, Vec<mpsc::Sender<Command>>>>,
    writers: Mutex<HashMap<ProviderId, Arc<Writer>>>,
}

#[derive(Default)]
struct Wishes {
    dirty: BTreeSet<ProviderId>,
    stopped: HashMap<ProviderId, Vec<oneshot::Sender<()>>>,
}

/// What runs for one provider.
struct Running {
    generation: i64,
    cancel: CancellationToken,
    tasks: JoinSet<()>,
}

impl Sync {
    /// Begins to sync every provider of the store.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(
        store: Store,
        inventory: Arc<Inventory>,
        clock: Clock,
        pace: Pace,
    ) -> Result<Arc<Self>, store::Error> {
        let (wake, due) = mpsc::channel(1);
        let duplicates = Arc::new(Duplicates::new(wake));
        let board = Arc::new(Board::new(Arc::clone(&inventory), clock.clone()));
        let shared = Arc::new(Shared {
            journal: Arc::new(Journal::new(store.clone(), inventory, duplicates)),
            store,
            board,
            metrics: Arc::new(Metrics::new()),
            clock,
            pace,
            wishes: Mutex::default(),
            woken: Notify::new(),
            commands: Mutex::default(),
            writers: Mutex::default(),
        });
        shared.observe_states();
        let providers = shared.store.system("begin to sync").providers().await?;
        for provider in &providers {
            shared.board.show(&provider.record);
            shared.wish(provider.record.id);
        }
        shared.journal.know_hosts();
        let cancel = CancellationToken::new();
        let reconciler = tokio::spawn(Arc::clone(&shared).reconcile_all(cancel.clone()));
        tokio::spawn(Arc::clone(&shared).spread_duplicates(due, cancel.clone()));
        Ok(Arc::new(Self { shared, cancel, reconciler: Mutex::new(Some(reconciler)) }))
    }

    /// See [`provider::normalize_endpoint`].
    ///
    /// # Errors
    /// What is wrong with the address.
    pub fn normalize_endpoint(&self, kind: ProviderKind, endpoint: &str) -> Result<String, String> {
        provider::normalize_endpoint(kind, endpoint)
    }

    /// See [`provider::capabilities`].
    #[must_use]
    pub fn capabilities(&self, kind: ProviderKind) -> Vec<Capability> {
        provider::capabilities(kind)
    }

    /// Connects once and says what is right and what is wrong.
    pub async fn test(&self, connection: &Connection) -> TestReport {
        let spec = SourceSpec {
            provider_id: ProviderId::generate(),
            provider_name: connection.provider_name.clone(),
            source_id: SourceId::generate(),
            kind: connection.kind,
            endpoint: connection.endpoint.clone(),
            username: connection.username.clone(),
            password: connection.password.clone(),
            trust: connection.trust.clone(),
            expected_instance_uuid: None,
        };
        match tokio::time::timeout(TEST_DEADLINE, provider::test(&spec)).await {
            Ok(report) => report,
            Err(_) => TestReport {
                checks: vec![crate::model::provider::Check {
                    name: "reach".to_owned(),
                    passed: Some(false),
                    message: format!("no answer within {} s", TEST_DEADLINE.as_secs()),
                }],
                ..TestReport::default()
            },
        }
    }

    /// A provider was added, edited, enabled or disabled: brings what runs into line, soon.
    pub fn provider_changed(&self, id: ProviderId) {
        self.shared.wish(id);
    }

    /// Stops a provider whose removal the store has noted; its rows are deleted afterwards, by and by.
    pub async fn provider_remove(&self, id: ProviderId) {
        let (told, stopped) = oneshot::channel();
        self.shared.lock_wishes().stopped.entry(id).or_default().push(told);
        self.shared.wish(id);
        // The sender goes away only with the process.
        let _ = stopped.await;
    }

    /// Reads everything of the provider again; `false` when it is not running.
    #[must_use]
    pub fn resync(&self, id: ProviderId) -> bool {
        let commands = self.shared.commands.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sources) = commands.get(&id) else { return false };
        for source in sources {
            // A full queue holds the same wish already.
            let _ = source.try_send(Command::Resync);
        }
        !sources.is_empty()
    }

    /// Signs out everywhere and stops. What was acknowledged is stored.
    pub async fn stop(&self) {
        self.cancel.cancel();
        let reconciler = self.reconciler.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(reconciler) = reconciler
            && let Err(error) = reconciler.await
        {
            tracing::error!(%error, "the synchronization did not end in order");
        }
    }
}

impl Shared {
    fn lock_wishes(&self) -> std::sync::MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish(&self, id: ProviderId) {
        self.lock_wishes().dirty.insert(id);
        self.woken.notify_one();
    }

    /// Exports the state of every source: 1 for the state that it is in.
    fn observe_states(self: &Arc<Self>) {
        let board = Arc::clone(&self.board);
        Metrics::meter()
            .u64_observable_gauge("spandrel_sync_state")
            .with_description("The state of every source: 1 for the state that it is in.")
            .with_callback(move |observer| {
                for (provider, source, state) in board.states() {
                    for each in SourceState::ALL {
                        let labels = [
                            opentelemetry::KeyValue::new("provider", provider.clone()),
                            opentelemetry::KeyValue::new("source", source.to_string()),
                            opentelemetry::KeyValue::new("state", each.as_str()),
                        ];
                        observer.observe(u64::from(*each == state), &labels);
                    }
                }
            })
            .build();
    }

    /// Brings what runs into line with the store, provider by provider, until it is cancelled; then stops all.
    async fn reconcile_all(self: Arc<Self>, cancel: CancellationToken) {
        let mut running: HashMap<ProviderId, Running> = HashMap::new();
        loop {
            let next = self.lock_wishes().dirty.pop_first();
            match next {
                Some(id) => self.reconcile(id, &mut running).await,
                None => tokio::select! {
                    () = self.woken.notified() => {}
                    () = cancel.cancelled() => break,
                },
            }
            if cancel.is_cancelled() {
                break;
            }
        }
        for provider in running.values() {
            provider.cancel.cancel();
        }
        for (_, mut provider) in running {
            while provider.tasks.join_next().await.is_some() {}
        }
    }

    async fn reconcile(self: &Arc<Self>, id: ProviderId, running: &mut HashMap<ProviderId, Running>) {
        let stored = match self.store.system("bring a provider into line").provider(id).await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(provider = %id, %error, "a provider cannot be read from the database; trying again");
                let shared = Arc::clone(self);
                tokio::spawn(async move {
                    tokio::time::sleep(RECONCILE_AGAIN).await;
                    shared.wish(id);
                });
                return;
            }
        };
        let wanted = stored.as_ref().filter(|stored| !stored.record.removing);
        if let Some(stored) = wanted
            && running.get(&id).is_some_and(|running| running.generation == stored.record.generation)
        {
            return;
        }
        if let Some(mut before) = running.remove(&id) {
            self.commands.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            before.cancel.cancel();
            while before.tasks.join_next().await.is_some() {}
        }
        self.writers.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        match stored {
            None => self.board.forget(id),
            Some(stored) if stored.record.removing => {
                self.board.show(&stored.record);
                for source in &stored.record.sources {
                    // Nobody looks any more: what is left is not to be taken for the truth.
                    self.board.enter(id, source.id, SourceState::Disabled);
                }
                tokio::spawn(Arc::clone(self).remove(id));
            }
            Some(stored) => {
                self.board.show(&stored.record);
                running.insert(id, self.run(stored));
            }
        }
        for told in self.lock_wishes().stopped.remove(&id).unwrap_or_default() {
            // Who asked may have gone away.
            let _ = told.send(());
        }
    }

    /// Starts a supervisor for each source of a provider.
    fn run(self: &Arc<Self>, provider: ProviderWithSecrets) -> Running {
        let ProviderWithSecrets { record, secrets } = provider;
        let sources: Vec<SourceId> = record.sources.iter().map(|source| source.id).collect();
        let writer = Arc::new(Writer::new(record.id, sources, Arc::clone(&self.journal)));
        self.writers.lock().unwrap_or_else(PoisonError::into_inner).insert(record.id, Arc::clone(&writer));
        let cancel = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let mut senders = Vec::new();
        for source in record.sources {
            if !record.enabled {
                self.board.enter(record.id, source.id, SourceState::Disabled);
                continue;
            }
            let (sender, commands) = mpsc::channel(4);
            senders.push(sender);
            self.board.enter(record.id, source.id, SourceState::Connecting);
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
                writer: Arc::clone(&writer),
                board: Arc::clone(&self.board),
                metrics: Arc::clone(&self.metrics),
                clock: self.clock.clone(),
                pace: self.pace,
                cancel: cancel.clone(),
                commands,
            };
            tasks.spawn(supervisor.run());
        }
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).insert(record.id, senders);
        for removed in record.removing_sources {
            tasks.spawn(Arc::clone(self).remove_source(record.id, removed, Arc::clone(&writer), cancel.clone()));
        }
        Running { generation: record.generation, cancel, tasks }
    }

    /// Deletes what a provider brought, and then itself. Goes on after a restart: the store has noted the removal.
    async fn remove(self: Arc<Self>, id: ProviderId) {
        loop {
            match self.journal.purge_provider(id, PURGE_AT_ONCE).await {
                Ok(true) | Err(store::Error::ProviderGone(_)) => break,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(provider = %id, %error, "the removal of a provider waits for the database");
                    tokio::time::sleep(RECONCILE_AGAIN).await;
                }
            }
        }
        self.board.forget(id);
    }

    /// Deletes what only a source told that an edit took away, and then itself.
    async fn remove_source(
        self: Arc<Self>,
        provider: ProviderId,
        removed: SourceId,
        writer: Arc<Writer>,
        cancel: CancellationToken,
    ) {
        while !cancel.is_cancelled() {
            let outcome = match writer.source_removed(removed).await {
                Ok(()) => self.journal.purge_source(provider, removed, PURGE_AT_ONCE).await.map_err(Into::into),
                Err(error) => Err(error),
            };
            match outcome {
                Ok(true) | Err(writer::ApplyError::Store(store::Error::SourceGone(_))) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%provider, source = %removed, %error, "the removal of a source waits");
                    tokio::time::sleep(RECONCILE_AGAIN).await;
                }
            }
        }
    }

    /// Writes on hosts under which ids other providers know them, whenever that changes.
    async fn spread_duplicates(self: Arc<Self>, mut due: mpsc::Receiver<()>, cancel: CancellationToken) {
        loop {
            tokio::select! {
                word = due.recv() => if word.is_none() { return },
                () = cancel.cancelled() => return,
            }
            for (provider, host, others) in self.journal.duplicates().take_due() {
                let writer = self.writers.lock().unwrap_or_else(PoisonError::into_inner).get(&provider).cloned();
                if let Some(writer) = writer
                    && let Err(error) = writer.host_known_as(host, &others).await
                {
                    // The host's next observation sets it right.
                    tracing::warn!(%provider, %host, %error, "a host joined twice was not marked yet");
                }
            }
        }
    }
}
