//! A lane: one libvirt connection, one thread that owns it, one bounded queue of jobs with deadlines.
//!
//! libvirt's calls block, some for ever, and nothing can interrupt them. So a call that does not return in time is left
//! alone with its thread and connection, and a fresh thread takes over the queue — up to a bound of threads that hang, after which
//! the lane answers "stuck" at once until one of them comes back.
//!
//! Invariants: nothing here blocks an async worker; a job runs at most once; the number of threads is bounded; a connection
//! is opened, used and closed on one thread only; whatever the threads do, a caller has its answer at its deadline.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::error::{Act, Error, Result};
use crate::ffi::Connection;

/// Opens the connection; called on the lane's thread whenever there is none that is alive.
pub(crate) type Opener = Box<dyn Fn() -> Result<Connection> + Send + Sync>;

/// What a job does on the lane's thread.
type Work = Box<dyn FnOnce(&mut Session<'_>) + Send>;

/// Limits of a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LaneLimits {
    /// Jobs that may wait.
    pub queue_max: usize,
    /// Threads that may hang in a call before the lane counts as stuck.
    pub hanging_max: usize,
}

/// One lane; shared by its callers and its threads.
pub(crate) struct Lane {
    /// The host, for messages.
    host: String,
    thread_name: &'static str,
    limits: LaneLimits,
    opener: Opener,
    state: Mutex<State>,
    /// Wakes the thread: there is a job, or the lane was closed.
    work: Condvar,
    /// Wakes callers: there is room in the queue, or the lane was closed or got stuck.
    room: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// The number of the thread that serves the queue, if there is one.
    worker: Option<u64>,
    /// The number of the next thread and the next job.
    next_number: u64,
    running: Option<Running>,
    /// Threads that hang in a call whose deadline has passed.
    hanging: usize,
    closed: bool,
}

struct Job {
    number: u64,
    deadline: Instant,
    cancelled: Arc<AtomicBool>,
    work: Work,
}

#[derive(Clone, Copy)]
struct Running {
    deadline: Instant,
}

/// What a job works with.
pub(crate) struct Session<'a> {
    opener: &'a Opener,
    connection: &'a mut Option<Connection>,
    cancelled: Arc<AtomicBool>,
}

impl Session<'_> {
    /// The open connection; opens one if there is none that is alive.
    fn connection(&mut self) -> Result<&Connection> {
        if self.connection.as_ref().is_some_and(|connection| !connection.is_alive()) {
            *self.connection = None;
        }
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => (self.opener)()?,
        };
        connection.set_cancelled(Some(Arc::clone(&self.cancelled)));
        Ok(self.connection.insert(connection))
    }
}

/// How a lane is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LaneStatus {
    /// Jobs that wait.
    pub queued: usize,
    /// A job runs.
    pub running: bool,
    /// Threads that hang in a call whose deadline has passed.
    pub hanging: usize,
    /// True if the lane answers "stuck" until a hanging call returns.
    pub stuck: bool,
}

impl Lane {
    pub(crate) fn new(host: String, thread_name: &'static str, limits: LaneLimits, opener: Opener) -> Arc<Self> {
        Arc::new(Self {
            host,
            thread_name,
            limits,
            opener,
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            room: Notify::new(),
        })
    }

    /// Runs `work` with the open connection on the lane's thread and waits for its result, at most for `limit`.
    pub(crate) async fn call<T, F>(self: &Arc<Self>, act: Act, limit: Duration, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let deadline = Instant::now() + limit;
        let (sender, mut receiver) = oneshot::channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let job_act = act.clone();
        let job = move |session: &mut Session<'_>| {
            let result = catch_unwind(AssertUnwindSafe(|| session.connection().and_then(work)));
            let result = result.unwrap_or(Err(Error::Panicked { act: job_act }));
            if matches!(&result, Err(error) if error.is_disconnected() || matches!(error, Error::Panicked { .. })) {
                // Before the answer is given: the next job must not find a dead connection.
                *session.connection = None;
            }
            // Nobody may be waiting any more; the result is then dropped here, on the thread that may block.
            let _ = sender.send(result);
        };
        // From here on a dropped future takes the job back, or tells a running one to stop between two objects.
        let _cancel = CancelOnDrop(Arc::clone(&cancelled));
        let number = self.submit(&act, limit, deadline, cancelled, Box::new(job)).await?;
        loop {
            let wake_at = self.overdue_at().map_or(deadline, |at| at.min(deadline));
            match timeout_at(wake_at, &mut receiver).await {
                Ok(Ok(result)) => return result,
                // The job was dropped without running: it came too late, or the lane was closed or got stuck.
                Ok(Err(_)) if Instant::now() >= deadline => {
                    return Err(Error::Deadline { act, host: self.host.clone(), limit, begun: false });
                }
                Ok(Err(_)) => return Err(self.refusal(act)),
                Err(_) => {
                    let begun = self.on_deadline(number, Instant::now());
                    if Instant::now() >= deadline {
                        return Err(Error::Deadline { act, host: self.host.clone(), limit, begun });
                    }
                }
            }
        }
    }

    /// Queues work that nobody waits for, if the lane is up and has room.
    pub(crate) fn post(self: &Arc<Self>, work: impl FnOnce(Option<&Connection>) + Send + 'static) {
        let mut state = self.lock();
        // A lane without a thread has no connection that the work could be about.
        if state.closed || state.worker.is_none() || state.queue.len() >= self.limits.queue_max {
            return;
        }
        let number = state.number();
        state.queue.push_back(Job {
            number,
            deadline: Instant::now() + Duration::from_secs(30),
            cancelled: Arc::new(AtomicBool::new(false)),
            work: Box::new(|session| work(session.connection.as_ref())),
        });
        self.work.notify_one();
    }

    /// Refuses further calls, drops waiting ones, and lets the thread close its connection in its own time.
    pub(crate) fn close(&self) {
        let dropped = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.queue)
        };
        drop(dropped);
        self.work.notify_all();
        self.room.notify_waiters();
    }

    pub(crate) fn status(&self) -> LaneStatus {
        let state = self.lock();
        LaneStatus {
            queued: state.queue.len(),
            running: state.running.is_some(),
            hanging: state.hanging,
            stuck: state.worker.is_none() && state.hanging >= self.limits.hanging_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; if something ever does, the state is still consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a job into the queue, waiting for room until the deadline. Answers the job's number.
    async fn submit(
        self: &Arc<Self>,
        act: &Act,
        limit: Duration,
        deadline: Instant,
        cancelled: Arc<AtomicBool>,
        work: Work,
    ) -> Result<u64> {
        let mut work = Some(work);
        loop {
            // Made before the look at the queue, so that a wake-up in between is not missed.
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            if let Some(number) = self.try_submit(act, deadline, &cancelled, &mut work)? {
                return Ok(number);
            }
            let wake_at = self.overdue_at().map_or(deadline, |at| at.min(deadline));
            let _ = timeout_at(wake_at, room).await;
            if Instant::now() >= deadline {
                return Err(Error::Deadline { act: act.clone(), host: self.host.clone(), limit, begun: false });
            }
        }
    }

    fn try_submit(
        self: &Arc<Self>,
        act: &Act,
        deadline: Instant,
        cancelled: &Arc<AtomicBool>,
        work: &mut Option<Work>,
    ) -> Result<Option<u64>> {
        let mut state = self.lock();
        if state.closed {
            return Err(Error::Closed { act: act.clone(), host: self.host.clone() });
        }
        let mut dropped = self.abandon_overdue(&mut state, Instant::now());
        if state.worker.is_none() && state.hanging >= self.limits.hanging_max {
            return Err(Error::Stuck { act: act.clone(), host: self.host.clone(), hanging: state.hanging });
        }
        // Jobs whose callers have left make room.
        let (kept, gone) = state.queue.drain(..).partition(|job: &Job| !job.cancelled.load(Ordering::Relaxed));
        state.queue = kept;
        dropped.extend::<VecDeque<Job>>(gone);
        let number = if state.queue.len() < self.limits.queue_max {
            self.ensure_worker(&mut state)?;
            let number = state.number();
            if let Some(work) = work.take() {
                state.queue.push_back(Job { number, deadline, cancelled: Arc::clone(cancelled), work });
            }
            self.work.notify_one();
            Some(number)
        } else {
            None
        };
        drop(state);
        drop(dropped);
        Ok(number)
    }

    /// When the running job is overdue.
    fn overdue_at(&self) -> Option<Instant> {
        self.lock().running.map(|running| running.deadline)
    }

    /// A caller's or the running job's deadline has come. True if that caller's job has begun.
    fn on_deadline(self: &Arc<Self>, number: u64, now: Instant) -> bool {
        let mut state = self.lock();
        let begun = !state.queue.iter().any(|job| job.number == number);
        let mut dropped = self.abandon_overdue(&mut state, now);
        if !state.queue.is_empty()
            && let Err(error) = self.ensure_worker(&mut state)
        {
            tracing::error!(host = %self.host, error = ?error, "no thread for waiting calls");
            dropped.extend(state.queue.drain(..));
        }
        drop(state);
        drop(dropped);
        begun
    }

    /// Leaves a thread alone whose job is overdue. Answers jobs that nobody will serve, to be dropped without the lock.
    fn abandon_overdue(&self, state: &mut State, now: Instant) -> VecDeque<Job> {
        match state.running {
            Some(running) if running.deadline <= now => {
                state.running = None;
                state.worker = None;
                state.hanging += 1;
                tracing::warn!(host = %self.host, lane = self.thread_name, hanging = state.hanging, "a libvirt call hangs");
                if state.hanging >= self.limits.hanging_max {
                    self.room.notify_waiters();
                    return std::mem::take(&mut state.queue);
                }
                VecDeque::new()
            }
            _ => VecDeque::new(),
        }
    }

    fn ensure_worker(self: &Arc<Self>, state: &mut State) -> Result<()> {
        if state.worker.is_some() || state.hanging >= self.limits.hanging_max {
            return Ok(());
        }
        let number = state.number();
        let lane = Arc::clone(self);
        std::thread::Builder::new()
            .name(self.thread_name.to_owned())
            .spawn(move || lane.serve(number))
            .map_err(|error| Error::Thread { host: self.host.clone(), reason: error.to_string() })?;
        state.worker = Some(number);
        Ok(())
    }

    /// Why a job was dropped without running.
    fn refusal(&self, act: Act) -> Error {
        let state = self.lock();
        if state.closed {
            Error::Closed { act, host: self.host.clone() }
        } else {
            Error::Stuck { act, host: self.host.clone(), hanging: state.hanging }
        }
    }

    /// The thread: takes jobs while it is the lane's worker, and closes its connection at the end.
    fn serve(self: Arc<Self>, me: u64) {
        let mut connection: Option<Connection> = None;
        while let Some(job) = self.take_job(me) {
            let mut session = Session { opener: &self.opener, connection: &mut connection, cancelled: job.cancelled };
            // A panic inside the work was caught there; one outside would only be ours.
            (job.work)(&mut session);
            if let Some(connection) = &connection {
                connection.set_cancelled(None);
            }
            let mut state = self.lock();
            if state.worker != Some(me) {
                break;
            }
            state.running = None;
        }
        // This may block as well, so it comes before the thread is counted as back.
        drop(connection);
        let mut state = self.lock();
        if state.worker == Some(me) {
            state.worker = None;
        } else {
            state.hanging -= 1;
            tracing::info!(host = %self.host, lane = self.thread_name, hanging = state.hanging, "a hanging libvirt call has returned");
            self.room.notify_waiters();
        }
    }

    /// Waits for a job; `None` if the thread shall end.
    fn take_job(&self, me: u64) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.closed || state.worker != Some(me) {
                return None;
            }
            match state.queue.pop_front() {
                // One whose deadline has come is not begun: it would only count as hanging.
                Some(job) if job.cancelled.load(Ordering::Relaxed) || job.deadline <= Instant::now() => drop(job),
                Some(job) => {
                    state.running = Some(Running { deadline: job.deadline });
                    self.room.notify_waiters();
                    return Some(job);
                }
                None => state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

impl State {
    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

impl std::fmt::Debug for Lane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("host", &self.host).field("name", &self.thread_name).finish_non_exhaustive()
    }
}

struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
