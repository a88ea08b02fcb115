//! Tasks: what the server does in its own time.
//!
//! All tasks of a session that somebody waits for are in one watched list, so that a thousand waits cost one outstanding
//! call; no task is polled. The watch begins with the first wait and ends soon after the last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, watch};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::property::{FilterSpec, ObjectList, ObjectState, ObjectUpdate, UpdateKind, Watch, WatchEvent, WatchSpec};
use crate::value::{MoRef, Value};
use crate::wire::Fault;

/// How long the watch goes on without a task: sequences of tasks share one.
const LINGER: Duration = Duration::from_secs(5);
/// Requests that may wait for the watch.
const REQUESTS_IN_FLIGHT: usize = 64;

/// Where a task stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TaskState {
    /// Waits for its turn.
    Queued,
    /// Under way.
    Running,
    /// Done.
    Success,
    /// Failed, or cancelled.
    Error,
}

/// What the server says of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskInfo {
    /// The task.
    pub task: MoRef,
    /// Where it stands.
    pub state: TaskState,
    /// How much is done, in percent.
    pub progress: Option<u8>,
    /// The object that it works on.
    pub entity: Option<MoRef>,
    /// What it does: `VirtualMachine.powerOn`.
    pub description_id: String,
    /// What it made, when it succeeded.
    pub result: Value,
    /// Why it failed.
    pub error: Option<Fault>,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// When it began.
    pub start_time: Option<DateTime<Utc>>,
    /// When it ended.
    pub complete_time: Option<DateTime<Utc>>,
}

impl TaskInfo {
    /// Reads `Task.info`; `None` when it lacks the state.
    pub fn read(task: &MoRef, info: &Value) -> Option<Self> {
        let state = match info.get("state")?.as_str()? {
            "queued" => TaskState::Queued,
            "running" => TaskState::Running,
            "success" => TaskState::Success,
            "error" => TaskState::Error,
            _ => return None,
        };
        Some(Self {
            task: task.clone(),
            state,
            progress: info.get("progress").and_then(Value::as_i32).map(|percent| percent.clamp(0, 100) as u8),
            entity: info.get("entity").and_then(Value::moref).cloned(),
            description_id: info.get("descriptionId").and_then(Value::as_str).unwrap_or_default().to_owned(),
            result: info.get("result").cloned().unwrap_or_default(),
            error: info.get("error").map(Fault::from_localized),
            cancelled: info.get("cancelled").and_then(Value::as_bool).unwrap_or(false),
            start_time: info.get("startTime").and_then(Value::as_time),
            complete_time: info.get("completeTime").and_then(Value::as_time),
        })
    }

    /// Whether the task has ended.
    pub fn is_over(&self) -> bool {
        matches!(self.state, TaskState::Success | TaskState::Error)
    }
}

/// What is known of a followed task.
#[derive(Clone, Debug)]
enum Sight {
    Waiting,
    Seen(Box<TaskInfo>),
    Lost(Arc<Error>),
}

/// A task that is being followed.
#[derive(Debug)]
pub struct Task {
    task: MoRef,
    sight: watch::Receiver<Sight>,
}

impl Task {
    /// The next state of the task that differs from what was seen. After the end it is the last one.
    ///
    /// # Errors
    /// [`Error::TaskLost`] when it cannot be followed any further. A failed task is not an error here.
    pub async fn next(&mut self) -> Result<TaskInfo> {
        loop {
            let over = matches!(&*self.sight.borrow(), Sight::Seen(info) if info.is_over());
            if !over && self.sight.changed().await.is_err() {
                return Err(self.lost(Arc::new(Error::Closed)));
            }
            let sight = self.sight.borrow_and_update().clone();
            match sight {
                Sight::Waiting => {}
                Sight::Seen(info) => return Ok(*info),
                Sight::Lost(cause) => return Err(self.lost(cause)),
            }
        }
    }

    /// Waits for the task's end. Has no time limit of its own: some tasks take hours.
    ///
    /// # Errors
    /// [`Error::TaskFailed`] with the server's fault, [`Error::TaskLost`].
    pub async fn wait(mut self) -> Result<TaskInfo> {
        loop {
            let info = self.next().await?;
            match info.state {
                TaskState::Success => return Ok(info),
                TaskState::Error => {
                    let fault = Box::new(info.error.unwrap_or_default());
                    return Err(Error::TaskFailed { task: self.task, fault });
                }
                TaskState::Queued | TaskState::Running => {}
            }
        }
    }

    fn lost(&self, source: Arc<Error>) -> Error {
        Error::TaskLost { task: self.task.clone(), source }
    }
}

/// A wish to follow a task.
#[derive(Debug)]
struct Request {
    task: MoRef,
    sight: watch::Sender<Sight>,
}

/// The way to the running watch of a session's tasks, if any.
#[derive(Debug, Default)]
pub(crate) struct Tracker(Mutex<Option<mpsc::Sender<Request>>>);

impl Client {
    /// Follows a task.
    pub async fn task(&self, task: &MoRef) -> Task {
        let (send, sight) = watch::channel(Sight::Waiting);
        let mut request = Request { task: task.clone(), sight: send };
        loop {
            let tracker = self.tracker();
            match tracker.send(request).await {
                Ok(()) => return Task { task: task.clone(), sight },
                // That watch has just ended: the next one takes it.
                Err(mpsc::error::SendError(back)) => request = back,
            }
        }
    }

    /// Waits for a task's end: [`Client::task`] and [`Task::wait`].
    pub async fn task_wait(&self, task: &MoRef) -> Result<TaskInfo> {
        self.task(task).await.wait().await
    }

    fn tracker(&self) -> mpsc::Sender<Request> {
        let mut tracker = self.inner.tasks.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match &*tracker {
            Some(running) if !running.is_closed() => running.clone(),
            _ => {
                let (send, requests) = mpsc::channel(REQUESTS_IN_FLIGHT);
                tokio::spawn(follow(self.clone(), requests));
                tracker.insert(send).clone()
            }
        }
    }
}

/// The watch over the tasks of one session.
struct Follower {
    client: Client,
    list: ObjectList,
    watch: Watch,
    /// Several may wait for one task.
    followed: HashMap<MoRef, Followed>,
}

struct Followed {
    state: ObjectState,
    sights: Vec<watch::Sender<Sight>>,
}

async fn follow(client: Client, mut requests: mpsc::Receiver<Request>) {
    let list = ObjectList::new();
    let filter = FilterSpec::list(&list).properties("Task", ["info"]);
    let watch = client.watch(WatchSpec::new([filter]));
    let mut follower = Follower { client, list, watch, followed: HashMap::new() };
    loop {
        let idle = follower.followed.is_empty();
        let step = tokio::select! {
            request = requests.recv() => match request {
                Some(request) => follower.begin(request).await,
                None => return,
            },
            event = follower.watch.next() => follower.see(event).await,
            () = tokio::time::sleep(LINGER), if idle => {
                // Whatever was sent before the door closed is still served.
                requests.close();
                match requests.recv().await {
                    Some(request) => follower.begin(request).await,
                    None => return,
                }
            }
        };
        if let Err(cause) = step {
            let cause = Arc::new(cause);
            requests.close();
            while let Some(request) = requests.recv().await {
                request.sight.send_replace(Sight::Lost(Arc::clone(&cause)));
            }
            for sight in follower.followed.drain().flat_map(|(_, followed)| followed.sights) {
                sight.send_replace(Sight::Lost(Arc::clone(&cause)));
            }
            return;
        }
    }
}

impl Follower {
    async fn begin(&mut self, request: Request) -> Result<()> {
        let Request { task, sight } = request;
        if let Some(followed) = self.followed.get_mut(&task) {
            followed.sights.push(sight);
            followed.tell();
            return Ok(());
        }
        let state = ObjectState::new(task.clone());
        let followed = Followed { state, sights: vec![sight] };
        self.followed.insert(task.clone(), followed);
        if !self.list.add(&self.client, &task).await? {
            self.lose(&task);
        }
        Ok(())
    }

    async fn see(&mut self, event: Option<Result<WatchEvent>>) -> Result<()> {
        let set = match event {
            None => return Err(Error::Closed),
            Some(Ok(WatchEvent::Updates(set))) => set,
            Some(event) => return event.map(drop),
        };
        for update in set.filters.into_iter().flat_map(|filter| filter.objects) {
            self.update(&update).await?;
        }
        Ok(())
    }

    async fn update(&mut self, update: &ObjectUpdate) -> Result<()> {
        let task = &update.object;
        let Some(followed) = self.followed.get_mut(task) else { return Ok(()) };
        followed.sights.retain(|sight| !sight.is_closed());
        if update.kind == UpdateKind::Leave {
            self.lose(task);
        } else {
            if followed.state.apply(update).is_err() {
                followed.state = self.client.read(task, &["info"]).await?;
            }
            if !followed.tell() && !followed.sights.is_empty() {
                return Ok(());
            }
            self.followed.remove(task);
        }
        self.list.remove(&self.client, task).await
    }

    fn lose(&mut self, task: &MoRef) {
        let fault = Fault { kind: "ManagedObjectNotFound".to_owned(), ..Fault::default() };
        let cause = Arc::new(Error::Fault { call: "Task".to_owned(), fault: Box::new(fault) });
        for sight in self.followed.remove(task).into_iter().flat_map(|followed| followed.sights) {
            sight.send_replace(Sight::Lost(Arc::clone(&cause)));
        }
    }
}

impl Followed {
    /// Tells all who wait; answers whether the task is over.
    fn tell(&self) -> bool {
        let info = self.state.get("info").and_then(|info| TaskInfo::read(self.state.object(), info));
        let Some(info) = info else { return false };
        let over = info.is_over();
        for sight in &self.sights {
            sight.send_replace(Sight::Seen(Box::new(info.clone())));
        }
        over
    }
}
