//! One source: connecting → loading → live, and what to do when it ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use rand::Rng as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::backoff::Backoff;
use super::board::Board;
use super::metrics::Metrics;
use super::view::ViewError;
use super::writer::{Applied, ApplyError, Ticket, Writer};
use crate::clock::Clock;
use crate::model::provider::SyncReason;
use crate::model::{ProviderId, SourceId, SourceState};
use crate::provider::{self, Command, Event, Family, LoadReason, SourceContext, SourceError, SourceSpec};
use crate::store;

/// Events that wait for the store, at most: beyond this the provider waits.
const EVENTS_WAITING: usize = 64;
/// Events committed together, at most.
const EVENTS_AT_ONCE: usize = 16;
/// A difference that a comparison found counts as missed when no notice of it came for this long.
const NOTICE_GRACE: Duration = Duration::from_secs(10);
/// Progress is shown at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// `observed_at` is shown anew at most this often.
const OBSERVED_EVERY: Duration = Duration::from_secs(5);
/// A source that was live for this long is well: its next failure is the first again.
const WELL_AFTER: Duration = Duration::from_secs(60);
/// A source whose stored state was loaded anew begins again within this, so that not all of a provider do at once.
const RENEW_WITHIN: Duration = Duration::from_secs(2);

/// How a source is watched over.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// See [`SourceContext::compare_every`].
    pub compare_every: Duration,
    /// See [`SourceContext::poll_every`].
    pub poll_every: Duration,
    /// After how long without word a source counts as lagging.
    pub lagging_after: Duration,
}

/// Keeps one source equal to its platform until it is cancelled.
pub(super) struct Supervisor {
    pub(super) spec: SourceSpec,
    pub(super) writer: Arc<Writer>,
    pub(super) board: Arc<Board>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) pace: Pace,
    pub(super) cancel: CancellationToken,
    pub(super) commands: mpsc::Receiver<Command>,
}

/// How one run of a source ended.
enum Ended {
    Cancelled,
    /// With an error; `was_well` when it had been live for a while.
    Failed {
        error: SourceError,
        was_well: bool,
    },
    /// The stored state was loaded anew: start again at once.
    Renewed,
}

/// What is kept of one run.
struct Run {
    ticket: Ticket,
    started: Instant,
    live_since: Option<Instant>,
    loading: bool,
    loaded: u64,
    expected: Option<u64>,
    shown_progress: Instant,
    shown_observed: Option<Instant>,
    heard: Instant,
    suspects: HashMap<(Family, String), Instant>,
}

impl Supervisor {
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        while !self.cancel.is_cancelled() {
            match self.once().await {
                Ended::Cancelled => break,
                Ended::Renewed => {
                    let wait = rand::rng().random_range(Duration::ZERO..RENEW_WITHIN);
                    self.pause(wait).await;
                }
                Ended::Failed { error, was_well } => {
                    if was_well {
                        backoff.reset();
                    }
                    let wait = backoff.next(error.reason);
                    self.failed(&error, wait).await;
                    self.pause(wait).await;
                }
            }
        }
    }

    fn ids(&self) -> (ProviderId, SourceId) {
        (self.spec.provider_id, self.spec.source_id)
    }

    async fn failed(&self, error: &SourceError, wait: Duration) {
        let (provider, source) = self.ids();
        let cause = error.source.as_ref().map(tracing::field::display);
        tracing::warn!(
            provider = self.spec.provider_name, endpoint = self.spec.endpoint, reason = %error.reason, cause,
            wait_s = wait.as_secs(), "{}", error.message
        );
        let next_try_at = self.clock.now() + chrono::TimeDelta::from_std(wait).unwrap_or_default();
        self.metrics.failure(&self.spec.provider_name, error.reason.as_str());
        self.board.unreachable(provider, source, error, next_try_at);
        if let Ok(ticket) = self.writer.ticket(source).await
            && let Err(error) = self.writer.source_failed(&ticket).await
        {
            tracing::debug!(%source, %error, "the failure of a source was not noted; its next run settles it");
        }
    }

    /// Waits for the next try, an administrator's word, or the end.
    async fn pause(&mut self, wait: Duration) {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.cancel.cancelled() => {}
            Some(Command::Resync) = self.commands.recv() => {}
        }
    }

    /// One connection, from the first try to its end.
    async fn once(&mut self) -> Ended {
        let (provider, source) = self.ids();
        if self.board.state(provider, source) != Some(SourceState::Unreachable) {
            self.board.enter(provider, source, SourceState::Connecting);
        }
        let ticket = match self.writer.ticket(source).await {
            Ok(ticket) => ticket,
            Err(error) => return Ended::Failed { error: store_failed(error), was_well: false },
        };
        let (events_in, mut events) = mpsc::channel(EVENTS_WAITING);
        let (commands_in, commands) = mpsc::channel(4);
        let context = SourceContext {
            identify: Arc::clone(&ticket.identities) as Arc<dyn provider::Identify>,
            events: events_in,
            commands,
            clock: self.clock.clone(),
            compare_every: self.pace.compare_every,
            poll_every: self.pace.poll_every,
        };
        // The provider runs as a task of its own: it goes on reading while a batch is committed. Dropping the guard ends it.
        let runner = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(provider::run(self.spec.clone(), context)));
        let mut run = Run::new(ticket);
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            let received = tokio::select! {
                received = events.recv_many(&mut batch, EVENTS_AT_ONCE) => received,
                () = self.cancel.cancelled() => return Ended::Cancelled,
                Some(command) = self.commands.recv() => {
                    // A full queue holds the same wish already.
                    let _ = commands_in.try_send(command);
                    continue;
                }
                _ = ticks.tick() => {
                    self.tick(&mut run);
                    continue;
                }
            };
            if received == 0 {
                break;
            }
            // Never dropped half way: see `Journal::commit`.
            if let Err(ended) = self.take(&mut run, std::mem::take(&mut batch)).await {
                return ended;
            }
        }
        let error = runner.await.unwrap_or_else(|panic| {
            tracing::error!(provider = self.spec.provider_name, %panic, "a provider's task ended by a panic");
            SourceError::new(SyncReason::Internal, "an error of the gateway itself; its log says more")
        });
        Ended::Failed { error, was_well: run.is_well() }
    }

    /// Commits events and shows what they say of the source's state.
    async fn take(&mut self, run: &mut Run, events: Vec<Event>) -> Result<(), Ended> {
        run.heard = Instant::now();
        if let Some(error) = events.iter().find_map(|event| self.joined_twice(event)) {
            return Err(Ended::Failed { error, was_well: false });
        }
        let applied = match self.writer.apply(&run.ticket, events).await {
            Ok(applied) => applied,
            Err(ApplyError::Renewed) => return Err(Ended::Renewed),
            // It is being removed: the reconciler will stop us.
            Err(ApplyError::Store(store::Error::ProviderGone(_) | store::Error::SourceGone(_))) => {
                self.cancel.cancelled().await;
                return Err(Ended::Cancelled);
            }
            Err(ApplyError::Store(error)) => {
                return Err(Ended::Failed { error: store_failed(error), was_well: run.is_well() });
            }
            Err(ApplyError::View(error @ ViewError::EmptyAnswer { .. })) => {
                let error = SourceError::new(SyncReason::EmptyAnswer, format!("{error}; nothing was removed"));
                return Err(Ended::Failed { error, was_well: run.is_well() });
            }
        };
        // A slow commit is ours, not the platform's silence.
        run.heard = Instant::now();
        self.show(run, applied);
        Ok(())
    }

    /// The error, when what was connected to is joined already under another address.
    fn joined_twice(&self, event: &Event) -> Option<SourceError> {
        let Event::Connected(identity) = event else { return None };
        let twin = self.board.same_installation(self.spec.source_id, identity.instance_uuid.as_deref()?)?;
        let message = format!(
            "{} is the same {} as that of the provider {twin}; remove one of them",
            self.spec.endpoint, identity.product
        );
        Some(SourceError::new(SyncReason::DuplicatePlatform, message))
    }

    fn show(&mut self, run: &mut Run, applied: Applied) {
        let (provider, source) = self.ids();
        self.metrics.changes(&self.spec.provider_name, applied.written);
        if let Some(identity) = applied.identity {
            // From now on another installation at this address is refused.
            if identity.instance_uuid.is_some() {
                self.spec.expected_instance_uuid.clone_from(&identity.instance_uuid);
            }
            self.board.identified(provider, source, identity);
        }
        if let Some(count) = applied.quarantined {
            self.board.quarantined(provider, source, count);
        }
        for (family, reason, expected) in applied.began {
            if family == Family::Core && reason == LoadReason::Fresh {
                run.loading = true;
                run.loaded = 0;
                run.expected = expected;
                self.board.enter(provider, source, SourceState::Loading);
                self.board.progress(provider, source, 0, expected);
            }
        }
        run.note_notices(&applied.observed);
        for (family, key) in applied.differing {
            run.suspects.insert((family, key.to_string()), Instant::now());
        }
        if run.loading {
            run.loaded += applied.observed.len() as u64;
            if run.shown_progress.elapsed() >= PROGRESS_EVERY {
                run.shown_progress = Instant::now();
                self.board.progress(provider, source, run.loaded, run.expected);
            }
        }
        for (family, reason) in applied.loaded {
            if family == Family::Core && reason == LoadReason::Fresh {
                run.loading = false;
                run.live_since.get_or_insert_with(Instant::now);
                self.metrics.load(&self.spec.provider_name, run.started.elapsed());
                self.metrics.missed(&self.spec.provider_name, 0);
                self.board.enter(provider, source, SourceState::Live);
                run.shown_observed = None;
            }
        }
        if let Some(at) = applied.caught_up.filter(|_| run.live_since.is_some() && !run.loading) {
            self.board.enter(provider, source, SourceState::Live);
            if run.shown_observed.is_none_or(|shown| shown.elapsed() >= OBSERVED_EVERY) {
                run.shown_observed = Some(Instant::now());
                self.board.observed(provider, source, at);
            }
        }
    }

    /// Once a second: silence, and differences that no notice explained.
    fn tick(&self, run: &mut Run) {
        let (provider, source) = self.ids();
        let silent = run.heard.elapsed();
        if run.live_since.is_some() && !run.loading && silent > self.pace.lagging_after {
            self.board.lagging(provider, source, self.pace.lagging_after);
        }
        let before = run.suspects.len();
        run.suspects.retain(|_, since| since.elapsed() < NOTICE_GRACE);
        let missed = before - run.suspects.len();
        if missed > 0 {
            tracing::warn!(provider = self.spec.provider_name, missed, "a comparison found changes without notice");
            self.metrics.missed(&self.spec.provider_name, missed);
        }
    }
}

impl Run {
    fn is_well(&self) -> bool {
        self.live_since.is_some_and(|since| since.elapsed() >= WELL_AFTER)
    }

    fn new(ticket: Ticket) -> Self {
        let now = Instant::now();
        Self {
            ticket,
            started: now,
            live_since: None,
            loading: false,
            loaded: 0,
            expected: None,
            shown_progress: now,
            shown_observed: None,
            heard: now,
            suspects: HashMap::new(),
        }
    }

    /// A notice that comes after a comparison saw the change first clears the suspicion.
    fn note_notices(&mut self, observed: &[(Family, String)]) {
        if !self.suspects.is_empty() {
            for group in observed {
                self.suspects.remove(group);
            }
        }
    }
}

fn store_failed(error: store::Error) -> SourceError {
    SourceError {
        reason: SyncReason::StoreFailed,
        message: "the gateway's database does not take changes".to_owned(),
        presented_thumbprint: None,
        source: Some(Box::new(error)),
    }
}
