//! Keeps the store, and with it the read model, equal to the platforms.
//!
//! A [`supervisor`] per source connects, reads everything, follows the changes and tries again when it ends. What a
//! provider tells becomes rows in [`writer`]: [`view`] says what differs from what is stored, [`journal`] commits it and
//! shows it. [`board`] holds the sync states, [`history`] writes them down. [`duplicates`] recognises hosts that are joined twice. [`reconcile`] brings what
//! runs into line with what is stored, [`guard`] begins again what panicked.
//!
//! Invariants kept here: sync writes observed facts only; an unreachable platform changes nothing but its state; nothing is
//! removed without evidence; rows, change log, ids and position commit together.

mod backoff;
mod board;
mod duplicates;
mod guard;
mod history;
mod identity;
mod journal;
mod merge;
mod metrics;
mod reconcile;
mod refusals;
mod supervisor;
#[cfg(test)]
mod tests;
mod view;
mod writer;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use self::board::Board;
use self::duplicates::Duplicates;
use self::guard::{Guard, caught};
use self::journal::Journal;
use self::metrics::Metrics;
use self::reconcile::Reconciler;
use self::refusals::Refusals;
use self::supervisor::Connect;
pub use self::supervisor::Pace;
use self::writer::Writer;
use crate::clock::Clock;
use crate::inventory::Inventory;
use crate::model::ownership::Given;
use crate::model::provider::{Capability, Connection, TestReport};
use crate::model::{ProviderId, ProviderKind, SourceId};
use crate::provider::{self, Command, SourceSpec};
use crate::store::{self, Store};

/// A connection test ends after this: before the command line gives up waiting for its report.
pub const TEST_DEADLINE: Duration = Duration::from_secs(25);
/// The id of an object that is gone is kept for so long, see [`identity`].
const KEEP_IDS: chrono::TimeDelta = chrono::TimeDelta::days(7);
/// Objects that are given to other owners in one transaction: others wait for it.
const OWNED_AT_ONCE: usize = 1_000;
/// The last states are written within this, or not at all.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Ids of what is gone are looked through this often, and not more often than everything is compared.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// The running synchronization.
pub struct Sync {
    shared: Arc<Shared>,
    cancel: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    store: Store,
    journal: Arc<Journal>,
    board: Arc<Board>,
    metrics: Metrics,
    clock: Clock,
    pace: Pace,
    connect: Connect,
    /// What the reconciler has to look at.
    wishes: Mutex<Wishes>,
    woken: Notify,
    /// Where words to running sources go.
    commands: Mutex<HashMap<ProviderId, Vec<mpsc::Sender<Command>>>>,
    writers: Mutex<HashMap<ProviderId, Arc<Writer>>>,
    refusals: Arc<Refusals>,
}

/// What came of the wish to read everything again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resync {
    /// It is being read.
    Begun,
    /// Nothing runs for the provider.
    NotRunning,
    /// The platform refused who signs in: the next try has its time.
    Refused,
}

#[derive(Default)]
struct Wishes {
    dirty: BTreeSet<ProviderId>,
    stopped: HashMap<ProviderId, Vec<oneshot::Sender<()>>>,
}

impl Sync {
    /// Begins to sync every provider of the store. One that is damaged there is shown as that; the others are synced.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(
        store: Store,
        inventory: Arc<Inventory>,
        clock: Clock,
        pace: Pace,
    ) -> Result<Arc<Self>, store::Error> {
        let connect: Connect = Arc::new(|spec, context| Box::pin(provider::run(spec, context)));
        Self::start_with(store, inventory, clock, pace, connect).await
    }

    async fn start_with(
        store: Store,
        inventory: Arc<Inventory>,
        clock: Clock,
        pace: Pace,
        connect: Connect,
    ) -> Result<Arc<Self>, store::Error> {
        let (wake, due) = mpsc::channel(1);
        let across = store.system("find what is joined twice").across_tenants();
        let duplicates = Arc::new(Duplicates::new(across, wake));
        let board = Arc::new(Board::new(across, Arc::clone(&inventory), clock.clone()));
        let shared = Arc::new(Shared {
            journal: Arc::new(Journal::new(store.clone(), inventory, duplicates)),
            store,
            metrics: Metrics::new(Arc::clone(&board), clock.clone()),
            board,
            clock,
            pace,
            connect,
            wishes: Mutex::default(),
            woken: Notify::new(),
            commands: Mutex::default(),
            writers: Mutex::default(),
            refusals: Arc::default(),
        });
        let system = shared.store.system("begin to sync");
        if let Err(error) = system.sync_history_close().await {
            tracing::warn!(%error, "the history of sync states goes on as if the process had not ended");
        }
        let providers = system.providers().await?;
        for provider in &providers {
            shared.board.show(&provider.record);
            shared.wish(provider.record.id);
        }
        shared.journal.know_hosts();
        let cancel = CancellationToken::new();
        let tasks = shared.begin(due, &cancel);
        Ok(Arc::new(Self { shared, cancel, tasks: Mutex::new(tasks) }))
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
        provider::test(&spec, TEST_DEADLINE).await
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

    /// Reads everything of the provider again. A source whose platform refused who signs in waits on.
    #[must_use]
    pub fn resync(&self, id: ProviderId) -> Resync {
        let commands = self.shared.lock_commands();
        let Some(sources) = commands.get(&id).filter(|sources| !sources.is_empty()) else { return Resync::NotRunning };
        for source in sources {
            // A full queue holds the same wish already.
            let _ = source.try_send(Command::Resync);
        }
        if self.shared.board.refused(id).iter().all(|(_, refused)| *refused) { Resync::Refused } else { Resync::Begun }
    }

    /// The connection of a provider as it is stored was tested, and all is well: what was refused is tried at once.
    pub fn provider_verified(&self, id: ProviderId) {
        let sources = self.shared.board.refused(id);
        for (source, _) in &sources {
            self.shared.refusals.forget(*source);
        }
        if !sources.iter().any(|(_, refused)| *refused) {
            return;
        }
        for source in self.shared.lock_commands().get(&id).into_iter().flatten() {
            let _ = source.try_send(Command::Resync);
        }
    }

    /// Gives objects to other owners: the one write of the inventory that is not told by a platform, in the same order.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn own(&self, moves: &[Given]) -> Result<(), store::Error> {
        for some in moves.chunks(OWNED_AT_ONCE) {
            self.shared.journal.own(some).await?;
        }
        Ok(())
    }

    /// Signs out everywhere and stops. What was acknowledged is stored.
    pub async fn stop(&self) {
        self.cancel.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "the synchronization did not end in order");
            }
        }
        let Shared { board, store, clock, .. } = self.shared.as_ref();
        match tokio::time::timeout(LAST_WORDS, board.history().end(store, clock.now())).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the last sync states are not in their history"),
            Err(_) => tracing::warn!("the last sync states are not in their history: the database does not answer"),
        }
    }
}

impl Shared {
    /// Begins what runs beside the sources.
    fn begin(self: &Arc<Self>, due: mpsc::Receiver<()>, cancel: &CancellationToken) -> Vec<JoinHandle<()>> {
        let (shared, until) = (Arc::clone(self), cancel.clone());
        let reconciler = tokio::spawn(async move {
            let mut guard = Guard::new("reconciler", &shared.metrics, &until);
            let mut reconciler = Reconciler::new(shared);
            while guard.again(caught(reconciler.run(&until)).await).await {}
            reconciler.stop().await;
        });
        let due = Arc::new(tokio::sync::Mutex::new(due));
        let duplicates = self.guarded("duplicates", cancel, move |shared| {
            let due = Arc::clone(&due);
            async move { shared.spread_duplicates(&mut *due.lock().await).await }
        });
        let board = self.guarded("board", cancel, |shared| async move { shared.board.hand_on().await });
        let sweeper = self.guarded("sweeper", cancel, |shared| async move { shared.sweep_identities().await });
        let history = self.guarded("history", cancel, |shared| async move {
            shared.board.history().write_down(&shared.store).await;
        });
        vec![reconciler, duplicates, board, sweeper, history]
    }

    /// Runs `work` in a task until it is cancelled; after a panic it is begun again.
    fn guarded<F>(
        self: &Arc<Self>,
        task: &'static str,
        cancel: &CancellationToken,
        mut work: impl FnMut(Arc<Self>) -> F + Send + 'static,
    ) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (shared, until) = (Arc::clone(self), cancel.clone());
        tokio::spawn(async move {
            let mut guard = Guard::new(task, &shared.metrics, &until);
            while guard.again(caught(until.run_until_cancelled(work(Arc::clone(&shared)))).await).await {}
        })
    }

    fn lock_wishes(&self) -> std::sync::MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_writers(&self) -> std::sync::MutexGuard<'_, HashMap<ProviderId, Arc<Writer>>> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wish(&self, id: ProviderId) {
        self.lock_wishes().dirty.insert(id);
        self.woken.notify_one();
    }

    /// A provider is gone, and with it what is shown and counted of it.
    fn forget(&self, id: ProviderId) {
        self.board.forget(id);
        self.metrics.forget(id);
    }

    /// Drops, again and again, ids of what is gone for long.
    async fn sweep_identities(&self) {
        let mut ticks = tokio::time::interval(SWEEP_EVERY.max(self.pace.compare_every * 2));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let writers: Vec<_> = self.lock_writers().iter().map(|(id, writer)| (*id, Arc::clone(writer))).collect();
            for (provider, writer) in writers {
                match writer.sweep_identities(self.clock.now() - KEEP_IDS).await {
                    Ok(0) => {}
                    Ok(dropped) => tracing::info!(%provider, dropped, "ids of what is gone for long are dropped"),
                    Err(error) => tracing::warn!(%provider, %error, "old ids stay until the next round"),
                }
            }
        }
    }

    /// Writes on hosts under which ids other providers know them, whenever that changes.
    async fn spread_duplicates(&self, due: &mut mpsc::Receiver<()>) {
        while due.recv().await.is_some() {
            for (provider, host, others) in self.journal.duplicates().take_due() {
                let writer = self.lock_writers().get(&provider).cloned();
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
