//! One source: connecting → loading → live, and what to do when it ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use rand::Rng as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::backoff::Backoff;
use super::board::Board;
use super::guard::{Panic, caught};
use super::metrics::Metrics;
use super::refusals::{Left, Refusals};
use super::view::ViewError;
use super::writer::{Applied, ApplyError, Ticket, Writer};
use crate::clock::Clock;
use crate::model::provider::SyncReason;
use crate::model::{ProviderId, SourceId, SourceState, Time};
use crate::provider::{self, Command, Event, Family, LoadReason, SourceContext, SourceError, SourceSpec};
use crate::store;

/// Events that wait for the store, at most: beyond this the provider waits. During a load one has some megabytes.
const EVENTS_WAITING: usize = 4;
/// Events committed together, at most: of a load a thousand machines, each of which is held several times on the way.
const EVENTS_AT_ONCE: usize = 4;
/// A difference that a comparison found counts as missed when no notice of it came for this long, although the platform said
/// so often meanwhile that everything was told: before, the notice may be on its way.
const NOTICE_GRACE: Duration = Duration::from_secs(10);
const NOTICE_WORDS: u32 = 2;
/// Progress is shown at most this often.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// `observed_at` is shown anew at most this often.
const OBSERVED_EVERY: Duration = Duration::from_secs(5);
/// A source that was live for this long is well: its next failure is the first again.
const WELL_AFTER: Duration = Duration::from_secs(10);
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

/// Runs a source: [`provider::run`], or in tests a platform of their own.
pub(super) type Connect = Arc<dyn Fn(SourceSpec, SourceContext) -> BoxFuture<'static, SourceError> + Send + Sync>;

/// Keeps one source equal to its platform until it is cancelled.
pub(super) struct Supervisor {
    pub(super) spec: SourceSpec,
    pub(super) connect: Connect,
    pub(super) writer: Arc<Writer>,
    pub(super) board: Arc<Board>,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
    pub(super) pace: Pace,
    pub(super) cancel: CancellationToken,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) refusals: Arc<Refusals>,
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
    /// The spans of what is under way; none when it is not.
    load: tracing::Span,
    compare: tracing::Span,
    loaded: u64,
    written: u64,
    expected: Option<u64>,
    shown_progress: Instant,
    shown_observed: Option<Instant>,
    heard: Instant,
    suspects: HashMap<(Family, String), Suspect>,
}

/// A difference that a comparison found, of which there was no notice yet.
struct Suspect {
    since: Instant,
    /// How often everything was told since then.
    words: u32,
}

impl Supervisor {
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::default();
        if let Some(Left { message, wait, backoff: before }) = self.refusals.left(&self.spec) {
            // Switched off and on, or called otherwise: who signs in is still the one that was refused.
            let (provider, source) = self.ids();
            let error = SourceError::new(SyncReason::CredentialsRefused, message);
            self.board.unreachable(provider, source, &error, Some(after(&self.clock, wait)));
            backoff = before;
            self.pause(wait).await;
        }
        while !self.cancel.is_cancelled() {
            if let Err(panic) = caught(self.turn(&mut backoff)).await {
                self.board.release(self.spec.source_id);
                // What is kept in memory of the provider went away with the panic, and is loaded from the store again.
                let error = self.panicked("supervisor", panic);
                let wait = backoff.next(error.reason);
                self.show_failure(&error, wait);
                self.pause(wait).await;
            }
        }
    }

    /// One run of the source, and the wait after it.
    async fn turn(&mut self, backoff: &mut Backoff) {
        let ended = self.once().await;
        self.board.release(self.spec.source_id);
        match ended {
            Ended::Cancelled => {}
            Ended::Renewed => {
                let (provider, source) = self.ids();
                self.board.enter(provider, source, SourceState::Connecting);
                let wait = rand::rng().random_range(Duration::ZERO..RENEW_WITHIN);
                self.pause(wait).await;
            }
            Ended::Failed { error, was_well } => {
                if was_well {
                    backoff.reset();
                }
                let wait = backoff.next(error.reason);
                if error.reason == SyncReason::CredentialsRefused {
                    self.refusals.note(&self.spec, &error.message, wait, backoff);
                }
                self.failed(&error, wait).await;
                self.pause(wait).await;
            }
        }
    }

    /// Logs and counts a panic of one of the source's tasks; what it is shown as.
    fn panicked(&self, task: &'static str, Panic(panic): Panic) -> SourceError {
        tracing::error!(
            provider = self.spec.provider_name,
            endpoint = self.spec.endpoint,
            task,
            panic,
            "a task panicked"
        );
        self.metrics.panic(task);
        SourceError::new(SyncReason::Internal, INTERNAL)
    }

    fn ids(&self) -> (ProviderId, SourceId) {
        (self.spec.provider_id, self.spec.source_id)
    }

    async fn failed(&self, error: &SourceError, wait: Duration) {
        let (_, source) = self.ids();
        self.show_failure(error, wait);
        let noted = async { self.writer.source_failed(&self.writer.ticket(source).await?).await };
        if let Err(error) = noted.await {
            tracing::debug!(%source, %error, "the failure of a source was not noted; its next run settles it");
        }
    }

    fn show_failure(&self, error: &SourceError, wait: Duration) {
        let (provider, source) = self.ids();
        let cause = error.source.as_ref().map(tracing::field::display);
        tracing::warn!(
            provider = self.spec.provider_name, endpoint = self.spec.endpoint, reason = %error.reason, cause,
            wait_s = wait.as_secs(), "{}", error.message
        );
        self.metrics.failure(provider, &self.spec.provider_name, error.reason.as_str());
        self.board.unreachable(provider, source, error, Some(after(&self.clock, wait)));
    }

    /// Waits for the next try, an administrator's word, or the end. After a refusal of who signs in that word alone does not
    /// do.
    async fn pause(&mut self, wait: Duration) {
        let mut sleep = std::pin::pin!(tokio::time::sleep(wait));
        loop {
            tokio::select! {
                () = sleep.as_mut() => return,
                () = self.cancel.cancelled() => return,
                Some(Command::Resync) = self.commands.recv() => {
                    if self.refusals.left(&self.spec).is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// One connection, from the first try to its end.
    async fn once(&mut self) -> Ended {
        let (provider, source) = self.ids();
        if self.board.state(provider, source) != Some(SourceState::Unreachable) {
            self.board.enter(provider, source, SourceState::Connecting);
        }
        let load = self.load_span("connected");
        let ticket = match self.writer.ticket(source).instrument(load.clone()).await {
            Ok(ticket) => ticket,
            Err(error) => return Ended::Failed { error: apply_failed(error), was_well: false },
        };
        let (events_in, mut events) = mpsc::channel(EVENTS_WAITING);
        let (commands_in, commands) = mpsc::channel(4);
        let context = SourceContext {
            identify: Arc::clone(&ticket.identities) as Arc<dyn provider::Identify>,
            events: events_in,
            commands,
            questions: self.writer.questions(source),
            clock: self.clock.clone(),
            compare_every: self.pace.compare_every,
            poll_every: self.pace.poll_every,
            first_load: load.clone(),
        };
        // The provider runs as a task of its own: it goes on reading while a batch is committed. Dropping the guard ends it.
        let mut runner =
            tokio_util::task::AbortOnDropHandle::new(tokio::spawn((self.connect)(self.spec.clone(), context)));
        let mut run = Run::new(ticket, load);
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(EVENTS_AT_ONCE);
        let mut ended = None;
        loop {
            let received = tokio::select! {
                result = &mut runner, if ended.is_none() => {
                    // What it told before its end is still taken.
                    ended = Some(result);
                    events.close();
                    continue;
                }
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
        let ended = match ended {
            Some(ended) => ended,
            None => runner.await,
        };
        let error = ended.unwrap_or_else(|panic| self.panicked("provider", Panic(panic.to_string())));
        Ended::Failed { error, was_well: run.is_well() }
    }

    /// Commits events and shows what they say of the source's state.
    async fn take(&mut self, run: &mut Run, events: Vec<Event>) -> Result<(), Ended> {
        let begun = Instant::now();
        let caught_up = events.iter().any(|event| matches!(event, Event::CaughtUp { .. }));
        if let Some(error) = events.iter().find_map(|event| self.joined_twice(event)) {
            return Err(Ended::Failed { error, was_well: false });
        }
        self.announce(run, &events);
        let applied = match self.apply(run, events).await {
            Ok(applied) => applied,
            Err(ApplyError::Renewed) => return Err(Ended::Renewed),
            // It is being removed: the reconciler will stop us.
            Err(ApplyError::Store(store::Error::ProviderGone(_) | store::Error::SourceGone(_))) => {
                self.cancel.cancelled().await;
                return Err(Ended::Cancelled);
            }
            Err(error) => return Err(Ended::Failed { error: apply_failed(error), was_well: run.is_well() }),
        };
        // Only that everything was told is a word: a comparison goes on while the notices hang. A slow commit is ours, not
        // the platform's silence.
        run.heard = if caught_up || !run.is_live() { Instant::now() } else { run.heard + begun.elapsed() };
        self.show(run, applied);
        Ok(())
    }

    /// Commits events. While that takes long, what the platform told is not shown: that is said.
    async fn apply(&self, run: &Run, events: Vec<Event>) -> Result<Applied, ApplyError> {
        let span = self.apply_span(run, &events);
        let mut applying = std::pin::pin!(self.writer.apply(&run.ticket, events).instrument(span));
        if let Ok(applied) = tokio::time::timeout(self.pace.lagging_after, &mut applying).await {
            return applied;
        }
        if run.is_live() {
            let (provider, source) = self.ids();
            let message = "the gateway's database is slow to take changes".to_owned();
            self.board.lagging(provider, source, SyncReason::StoreFailed, message);
        }
        applying.await
    }

    /// The error, when what was connected to is joined already under another address. Else it is claimed for this source,
    /// before anything of it is committed.
    fn joined_twice(&self, event: &Event) -> Option<SourceError> {
        let Event::Connected(identity) = event else { return None };
        // It was let in.
        self.refusals.forget(self.spec.source_id);
        let twin = self.board.claim(self.spec.source_id, identity.instance_uuid.as_deref()?).err()?;
        let message = format!(
            "{} is the same {} as that of the provider {twin}; remove one of them",
            self.spec.endpoint, identity.product
        );
        Some(SourceError::new(SyncReason::DuplicatePlatform, message))
    }

    /// Shows what is read as it comes: to store it takes its time, and nobody should look at `0 of n` meanwhile.
    fn announce(&self, run: &mut Run, events: &[Event]) {
        let (provider, source) = self.ids();
        let before = run.loaded;
        for event in events {
            match event {
                Event::LoadBegan { family: Family::Core, reason: LoadReason::Comparison, expected } => {
                    run.compare = self.compare_span(*expected);
                }
                Event::LoadBegan { family: Family::Core, reason: LoadReason::Fresh, expected } => {
                    if run.load.is_none() {
                        run.load = self.load_span("asked or notices lost");
                        run.written = 0;
                    }
                    run.loading = true;
                    run.loaded = 0;
                    run.expected = *expected;
                    self.board.enter(provider, source, SourceState::Loading);
                    self.board.progress(provider, source, 0, *expected);
                }
                Event::Observed(groups) if run.loading => {
                    run.loaded += groups.iter().filter(|group| group.family == Family::Core).count() as u64;
                }
                _ => {}
            }
        }
        let due = before == 0 || run.shown_progress.elapsed() >= PROGRESS_EVERY;
        if run.loading && run.loaded != before && due {
            run.shown_progress = Instant::now();
            // What changes while it is read may be told twice.
            let loaded = run.expected.map_or(run.loaded, |expected| run.loaded.min(expected));
            self.board.progress(provider, source, loaded, run.expected);
        }
    }

    fn show(&mut self, run: &mut Run, applied: Applied) {
        let (provider, source) = self.ids();
        self.metrics.changes(provider, &self.spec.provider_name, applied.written);
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
        run.note_notices(&applied.observed);
        if applied.caught_up.is_some() {
            run.suspects.values_mut().for_each(|suspect| suspect.words += 1);
        }
        for (family, key) in applied.differing {
            run.suspects.insert((family, key.to_string()), Suspect { since: Instant::now(), words: 0 });
        }
        run.written += applied.written as u64;
        for (family, reason) in applied.loaded {
            if family == Family::Core && reason == LoadReason::Comparison {
                run.compare = tracing::Span::none();
                self.metrics.comparison(provider, &self.spec.provider_name);
            }
            if family == Family::Core && reason == LoadReason::Fresh {
                run.loading = false;
                run.load.record("groups", run.loaded).record("rows", run.written);
                run.load = tracing::Span::none();
                run.live_since.get_or_insert_with(Instant::now);
                self.metrics.load(provider, &self.spec.provider_name, run.started.elapsed());
                self.metrics.missed(provider, &self.spec.provider_name, 0);
                self.board.enter(provider, source, SourceState::Live);
                run.shown_observed = None;
            }
        }
        if let Some(at) = applied.caught_up.filter(|_| run.is_live()) {
            self.board.enter(provider, source, SourceState::Live);
            if run.shown_observed.is_none_or(|shown| shown.elapsed() >= OBSERVED_EVERY) {
                run.shown_observed = Some(Instant::now());
                self.board.observed(provider, source, at);
            }
        }
    }

    /// A span of everything that a complete read takes: connecting, reading, comparing, committing, showing.
    fn load_span(&self, why: &'static str) -> tracing::Span {
        tracing::info_span!(
            parent: None,
            "load",
            provider = self.spec.provider_name,
            provider_id = %self.spec.provider_id,
            source_id = %self.spec.source_id,
            kind = self.spec.kind.as_str(),
            endpoint = self.spec.endpoint,
            why,
            groups = tracing::field::Empty,
            rows = tracing::field::Empty,
        )
    }

    /// A span of what a comparison brings; its reading has one of its own, in the provider.
    fn compare_span(&self, expected: Option<u64>) -> tracing::Span {
        tracing::info_span!(
            parent: None,
            "compare",
            provider = self.spec.provider_name,
            provider_id = %self.spec.provider_id,
            source_id = %self.spec.source_id,
            groups = expected,
        )
    }

    /// A span of the application of events, under the load or the comparison that they belong to. An idle source's word
    /// that all is well is not worth one.
    fn apply_span(&self, run: &Run, events: &[Event]) -> tracing::Span {
        if events.iter().all(|event| matches!(event, Event::CaughtUp { .. } | Event::Answered { .. })) {
            return tracing::Span::none();
        }
        let parent = if run.load.is_none() { &run.compare } else { &run.load };
        tracing::info_span!(
            parent: parent,
            "apply",
            provider = self.spec.provider_name,
            source_id = %self.spec.source_id,
            events = events.len(),
            groups = tracing::field::Empty,
            rows = tracing::field::Empty,
        )
    }

    /// Once a second: silence, and differences that no notice explained.
    fn tick(&self, run: &mut Run) {
        let (provider, source) = self.ids();
        let silent = run.heard.elapsed();
        if run.is_live() && silent > self.pace.lagging_after {
            let silence_s = self.pace.lagging_after.as_secs();
            let message = format!("nothing was heard from the platform for more than {silence_s} s");
            self.board.lagging(provider, source, SyncReason::TimedOut, message);
        }
        let before = run.suspects.len();
        run.suspects.retain(|_, suspect| suspect.since.elapsed() < NOTICE_GRACE || suspect.words < NOTICE_WORDS);
        let missed = before - run.suspects.len();
        if missed > 0 {
            tracing::warn!(provider = self.spec.provider_name, missed, "a comparison found changes without notice");
            self.metrics.missed(provider, &self.spec.provider_name, missed);
        }
    }
}

impl Run {
    /// Whether everything was read, and changes are followed.
    fn is_live(&self) -> bool {
        self.live_since.is_some() && !self.loading
    }

    fn is_well(&self) -> bool {
        self.live_since.is_some_and(|since| since.elapsed() >= WELL_AFTER)
    }

    fn new(ticket: Ticket, load: tracing::Span) -> Self {
        let now = Instant::now();
        Self {
            ticket,
            started: now,
            live_since: None,
            loading: false,
            load,
            compare: tracing::Span::none(),
            loaded: 0,
            written: 0,
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

const INTERNAL: &str = "an error of the gateway itself; its log says more";

/// What a failure to apply events is shown as.
fn apply_failed(error: ApplyError) -> SourceError {
    match error {
        ApplyError::Store(error) => store_failed(error),
        ApplyError::View(error @ ViewError::EmptyAnswer { .. }) => {
            SourceError::new(SyncReason::EmptyAnswer, format!("{error}; nothing was removed"))
        }
        ApplyError::View(_) | ApplyError::Renewed => {
            SourceError { source: Some(Box::new(error)), ..SourceError::new(SyncReason::Internal, INTERNAL) }
        }
    }
}

/// What a failure of the database is shown as.
pub(super) fn store_failed(error: store::Error) -> SourceError {
    let message = "the gateway's database does not take changes";
    SourceError { source: Some(Box::new(error)), ..SourceError::new(SyncReason::StoreFailed, message) }
}

/// The time of day that a wait from now on ends at.
pub(super) fn after(clock: &Clock, wait: Duration) -> Time {
    clock.now() + chrono::TimeDelta::from_std(wait).unwrap_or_default()
}
