//! Watching properties.
//!
//! One collector of our own, its filters, and one loop of `WaitForUpdatesEx` in a task of its own. The next answer is asked for
//! as soon as one has come, and the server puts it together while that one is decoded. Invariants: no version is asked with
//! whose answer has not come to its last byte, and one that cannot be read after all ends the watch; whatever makes the collector's memory of us invalid
//! (an expired session, an unknown version) is announced as [`WatchEvent::Restarted`], after which everything is sent
//! again; a session that answers with nothing is asked whether it still exists before the nothing is believed.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::Stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::retrieve::read_missing;
use super::spec::{FilterSpec, Scrap, incomplete};
use super::{ChangeOp, ObjectUpdate, PropertyChange, UpdateKind};
use crate::client::{Asked, Client};
use crate::error::{Error, Result};
use crate::transport::within;
use crate::value::{MoRef, Name, Object, Value};
use crate::wire::Fault;

/// Answers that may wait for the consumer: the next page is decoded and the one after it received while one is worked on,
/// but no more.
const EVENTS_IN_FLIGHT: usize = 1;
/// The call that waits for what happens.
const WAIT: &str = "WaitForUpdatesEx";
/// Where in an answer its version stands: behind the envelope's namespaces.
const VERSION_WITHIN_BYTES: usize = 4 << 10;
/// After so many restarts in a row that brought nothing the watch gives up.
const BARREN_RESTARTS_LIMIT: u32 = 3;
/// See [`WatchSpec::grace`].
const GRACE: Duration = Duration::from_secs(30);

/// What to watch.
#[derive(Clone, Debug)]
pub struct WatchSpec {
    filters: Vec<FilterSpec>,
    max_wait: Duration,
    grace: Duration,
    page_objects: u32,
}

impl WatchSpec {
    /// Watches these filters together. Updates name a filter by its place here.
    pub fn new(filters: impl IntoIterator<Item = FilterSpec>) -> Self {
        Self {
            filters: filters.into_iter().collect(),
            max_wait: Duration::from_secs(60),
            grace: GRACE,
            page_objects: 500,
        }
    }

    /// How long the server may wait for something to happen before it answers that nothing did. Default 60 s.
    #[must_use]
    pub fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait.max(Duration::from_secs(1));
        self
    }

    /// How much later than it was asked for an answer may come before the server counts as hanging, and the watch ends. The
    /// first answer of a watch has the time of the slowest call instead ([`Config::call_deadline`](crate::Config::call_deadline)):
    /// a large vCenter takes minutes to put it together. Default 30 s.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many objects one answer may be about; servers may have a lower limit of their own. Default 500.
    #[must_use]
    pub fn page_objects(mut self, objects: u32) -> Self {
        self.page_objects = objects.max(1);
        self
    }
}

/// What a watch reports.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// Everything is sent from the beginning: objects that are there enter (again). Those that do not enter until the
    /// first update set that is not truncated are not visible any more. Also the first event of every watch.
    Restarted(RestartReason),
    /// Something happened.
    Updates(UpdateSet),
    /// Nothing happened, and the session is alive.
    Alive,
}

/// Why everything is sent from the beginning.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RestartReason {
    /// The watch began.
    Started,
    /// The session had expired and a new one was opened.
    SessionExpired,
    /// The server did not know the version of the last answer any more.
    VersionUnknown,
}

/// One answer of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateSet {
    /// The version that the server gave this state.
    pub version: String,
    /// Whether there is more that belongs to this: the state is only complete with the next set that is not truncated.
    pub truncated: bool,
    /// What happened, by filter.
    pub filters: Vec<FilterUpdate>,
}

/// What happened to the objects of one filter.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterUpdate {
    /// Which filter: its place in the [`WatchSpec`].
    pub filter: usize,
    /// The objects.
    pub objects: Vec<ObjectUpdate>,
    /// Objects that were asked for and do not exist or cannot be seen.
    pub missing_objects: Vec<(MoRef, Fault)>,
}

/// A running watch: a stream of [`WatchEvent`]s that ends after the first error. Dropping it ends the watch and tidies up
/// on the server.
#[derive(Debug)]
pub struct Watch {
    events: mpsc::Receiver<(Instant, Result<WatchEvent>)>,
    arrived: Instant,
    task: JoinHandle<()>,
}

impl Watch {
    /// The next event; `None` after an error. Cancel safe: an event that was not received is received next time.
    pub async fn next(&mut self) -> Option<Result<WatchEvent>> {
        let (arrived, event) = self.events.recv().await?;
        self.arrived = arrived;
        Some(event)
    }

    /// When the last received event came from the server: what happened later is not in it. Events wait for a slow
    /// consumer.
    pub fn arrived(&self) -> Instant {
        self.arrived
    }
}

impl Stream for Watch {
    type Item = Result<WatchEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let received = std::task::ready!(self.events.poll_recv(context));
        Poll::Ready(received.map(|(arrived, event)| {
            self.arrived = arrived;
            event
        }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Client {
    /// Watches properties. A watch occupies its session with long calls: give it a [`sibling`](Client::sibling) of its own.
    ///
    /// ```no_run
    /// # async fn example(client: vsphere::Client) -> vsphere::Result<()> {
    /// use vsphere::{FilterSpec, WatchEvent, WatchSpec};
    /// let vms = FilterSpec::inventory(&client.content().root_folder)
    ///     .properties("VirtualMachine", ["name", "runtime.powerState"]);
    /// let mut watch = client.sibling().await?.watch(WatchSpec::new([vms]));
    /// while let Some(event) = watch.next().await {
    ///     if let WatchEvent::Updates(set) = event? {
    ///         for object in set.filters.iter().flat_map(|filter| &filter.objects) {
    ///             tracing::info!(object = %object.object, kind = ?object.kind);
    ///         }
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    pub fn watch(&self, spec: WatchSpec) -> Watch {
        let (send, events) = mpsc::channel(EVENTS_IN_FLIGHT);
        let task = tokio::spawn(run(self.clone(), spec, send));
        Watch { events, arrived: Instant::now(), task }
    }
}

type Events = mpsc::Sender<(Instant, Result<WatchEvent>)>;

/// Why a collector's life ended.
enum End {
    Restart(RestartReason),
    /// Nobody listens any more.
    Unheard,
}

async fn run(client: Client, spec: WatchSpec, events: Events) {
    let mut reason = RestartReason::Started;
    let mut barren = 0;
    loop {
        let mut brought = false;
        match live(&client, &spec, reason, &events, &mut brought).await {
            Ok(End::Unheard) => return,
            Ok(End::Restart(next)) => {
                tracing::info!(host = client.config().host(), reason = ?next, "the watch starts from the beginning");
                reason = next;
                barren = if brought { 0 } else { barren + 1 };
                if barren >= BARREN_RESTARTS_LIMIT {
                    let call = WAIT.to_owned();
                    let _ = events.send((Instant::now(), Err(Error::SessionExpired { call }))).await;
                    return;
                }
            }
            Err(error) => {
                // When nobody listens any more the error interests nobody either.
                let _ = events.send((Instant::now(), Err(error))).await;
                return;
            }
        }
    }
}

/// The collector and what it needs on the server.
struct Collector {
    /// Dropped first: with the collector its filters go.
    collector: Scrap,
    filters: Vec<MoRef>,
    _views: Vec<Scrap>,
}

impl Collector {
    async fn open(client: &Client, spec: &WatchSpec) -> Result<Self> {
        let call = "CreatePropertyCollector";
        let collector = client.call(call, &client.content().property_collector, Object::untyped()).await?;
        let collector = collector.moref().cloned().ok_or_else(|| incomplete(call, "the collector"))?;
        let mut this =
            Self { collector: Scrap::collector(client, &collector), filters: Vec::new(), _views: Vec::new() };
        for filter in &spec.filters {
            let held = filter.materialize(client, true).await?;
            let args = Object::untyped().with("spec", held.spec).with("partialUpdates", filter.sends_partial_updates());
            let made = client.call_once("CreateFilter", &collector, &args, client.config().call_deadline).await?;
            this.filters.push(made.moref().cloned().ok_or_else(|| incomplete("CreateFilter", "the filter"))?);
            this._views.extend(held.views);
        }
        Ok(this)
    }
}

/// The life of one collector.
async fn live(
    client: &Client,
    spec: &WatchSpec,
    reason: RestartReason,
    events: &Events,
    brought: &mut bool,
) -> Result<End> {
    let generation = client.generation();
    let collector = match Collector::open(client, spec).await {
        Ok(collector) => collector,
        // The session expired between two of the calls.
        Err(error) if error.is_not_authenticated() => {
            client.renew(generation).await?;
            return Ok(End::Restart(RestartReason::SessionExpired));
        }
        Err(error) => return Err(error),
    };
    // A login on the way makes a new session; the collector is of the newest.
    let generation = client.generation();
    if events.send((Instant::now(), Ok(WatchEvent::Restarted(reason)))).await.is_err() {
        return Ok(End::Unheard);
    }
    let collector = Arc::new(collector);
    let mut visible: i64 = 0;
    let mut version = String::new();
    let (mut asked, mut arrived) = ask(client, spec, &collector, &version).await;
    loop {
        let next = asked.as_ref().ok().and_then(|asked| version_of(asked.head()));
        let next = next.map(|version| Next::ask(client, spec, &collector, version));
        let answer = match asked {
            Ok(asked) => read(asked, &collector.filters).await,
            Err(error) => Err(error),
        };
        let event = match answer {
            Ok(Some(set)) => {
                visible += visible_change(&set);
                if visible <= 0 && !set.truncated {
                    // An inventory that is empty, at first or all at once.
                    if let Some(end) = expired(client, spec, generation).await? {
                        return Ok(end);
                    }
                }
                version.clone_from(&set.version);
                *brought = true;
                WatchEvent::Updates(set)
            }
            Ok(None) => {
                if let Some(end) = expired(client, spec, generation).await? {
                    return Ok(end);
                }
                *brought = true;
                WatchEvent::Alive
            }
            Err(error) if error.is_fault("InvalidCollectorVersion") => {
                return Ok(End::Restart(RestartReason::VersionUnknown));
            }
            // The collector is gone, as after an expired session that another call has renewed.
            Err(error) if error.is_not_authenticated() || error.is_fault("ManagedObjectNotFound") => {
                if error.is_not_authenticated() || client.current_session().await?.is_none() {
                    client.renew(generation).await?;
                }
                return Ok(End::Restart(RestartReason::SessionExpired));
            }
            Err(error) => return Err(error),
        };
        if events.send((arrived, Ok(event))).await.is_err() {
            return Ok(End::Unheard);
        }
        (asked, arrived) = match next.filter(|next| next.version == version) {
            Some(mut next) => next.come().await,
            None => ask(client, spec, &collector, &version).await,
        };
    }
}

/// The answer after the one that is being read: asked for, and come perhaps.
struct Next {
    version: String,
    asking: JoinHandle<(Result<Asked>, Instant)>,
}

impl Next {
    fn ask(client: &Client, spec: &WatchSpec, collector: &Arc<Collector>, version: String) -> Self {
        let (client, spec, collector, with) = (client.clone(), spec.clone(), Arc::clone(collector), version.clone());
        let asking = tokio::spawn(async move { ask(&client, &spec, &collector, &with).await });
        Self { version, asking }
    }

    async fn come(&mut self) -> (Result<Asked>, Instant) {
        match (&mut self.asking).await {
            Ok(come) => come,
            // An error of ours is not to look like one of the server's.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => (Err(Error::Closed), Instant::now()),
        }
    }
}

impl Drop for Next {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

/// Opens a new session when the server does not know this one any more.
async fn expired(client: &Client, spec: &WatchSpec, generation: u64) -> Result<Option<End>> {
    // A server that hangs just now hangs no longer than if it did in the wait.
    let limit = spec.max_wait + spec.grace;
    let session = within("RetrievePropertiesEx", limit, client.current_session()).await?;
    if session.is_some() && client.generation() == generation {
        return Ok(None);
    }
    client.renew(generation).await?;
    Ok(Some(End::Restart(RestartReason::SessionExpired)))
}

fn visible_change(set: &UpdateSet) -> i64 {
    let objects = set.filters.iter().flat_map(|filter| &filter.objects);
    objects
        .map(|object| match object.kind {
            UpdateKind::Enter => 1,
            UpdateKind::Modify => 0,
            UpdateKind::Leave => -1,
        })
        .sum()
}

/// One wait: answers when the whole answer has come, and when that was.
async fn ask(client: &Client, spec: &WatchSpec, collector: &Collector, version: &str) -> (Result<Asked>, Instant) {
    let seconds = i32::try_from(spec.max_wait.as_secs()).unwrap_or(i32::MAX);
    let objects = i32::try_from(spec.page_objects).unwrap_or(i32::MAX);
    let options = Object::new("WaitOptions").with("maxWaitSeconds", seconds).with("maxObjectUpdates", objects);
    let args = Object::untyped().with("version", version).with("options", options);
    // The first answer holds everything; later ones come when the wait is over at the latest.
    let grace = if version.is_empty() { client.config().call_deadline } else { spec.grace };
    let asked = client.ask_once(WAIT, collector.collector.this(), &args, spec.max_wait + grace).await;
    (asked, Instant::now())
}

/// What an answer says. `None` when nothing happened.
async fn read(asked: Asked, filters: &[MoRef]) -> Result<Option<UpdateSet>> {
    let set = asked.returned().await?;
    if set.is_unset() { Ok(None) } else { read_update_set(&set, filters).map(Some) }
}

/// The version of an answer, which stands at its beginning. `None` when it is not plainly there.
fn version_of(head: &[u8]) -> Option<String> {
    let text = &head[..head.len().min(VERSION_WITHIN_BYTES)];
    let text = std::str::from_utf8(text).unwrap_or_else(|error| {
        // Cut within a character.
        std::str::from_utf8(&text[..error.valid_up_to()]).unwrap_or_default()
    });
    let (_, rest) = text.split_once("<returnval><version>")?;
    let (version, _) = rest.split_once("</version>")?;
    let is_plain = !version.is_empty() && !version.contains(['&', '<', '\r']);
    is_plain.then(|| version.to_owned())
}

/// Reads an `UpdateSet`.
fn read_update_set(set: &Value, filters: &[MoRef]) -> Result<UpdateSet> {
    let version = set.get("version").and_then(Value::as_str).filter(|version| !version.is_empty());
    let mut updates = Vec::new();
    let mut paths = Paths::default();
    for update in set.all("filterSet") {
        let filter = update.get("filter").and_then(Value::moref);
        // A filter that is not ours any more, or not yet, has nothing to tell.
        let Some(filter) = filters.iter().position(|known| Some(known) == filter) else { continue };
        let objects = update.all("objectSet").map(|object| read_object_update(object, &mut paths));
        let objects = objects.collect::<Result<_>>()?;
        let missing_objects = update.all("missingObjects").filter_map(|missing| {
            let object = missing.get("obj")?.moref()?.clone();
            Some((object, missing.get("fault").map(Fault::from_localized).unwrap_or_default()))
        });
        updates.push(FilterUpdate { filter, objects, missing_objects: missing_objects.collect() });
    }
    Ok(UpdateSet {
        version: version.ok_or_else(|| incomplete(WAIT, "the version"))?.to_owned(),
        truncated: set.get("truncated").and_then(Value::as_bool).unwrap_or(false),
        filters: updates,
    })
}

/// The paths of the object before: the next one's are mostly the same, in the same order.
#[derive(Default)]
struct Paths(Vec<Name>);

impl Paths {
    fn at(&mut self, place: usize, path: &str) -> Name {
        match self.0.get(place) {
            Some(known) if *known == *path => known.clone(),
            _ => {
                let name = Name::new(path);
                self.0.truncate(place);
                self.0.push(name.clone());
                name
            }
        }
    }
}

fn read_object_update(update: &Value, paths: &mut Paths) -> Result<ObjectUpdate> {
    let lacks = |what| incomplete(WAIT, what);
    let update = update.as_object().ok_or_else(|| lacks("an update"))?;
    let kind = match update.field("kind").and_then(Value::as_str) {
        Some("enter") => UpdateKind::Enter,
        Some("modify") => UpdateKind::Modify,
        Some("leave") => UpdateKind::Leave,
        _ => return Err(lacks("the kind of an update")),
    };
    // One name repeated, as the wire has it; an array of a server that writes one all the same.
    let sets = update.fields.iter().filter(|(name, _)| name == "changeSet").flat_map(|(_, value)| value.items());
    let changes = sets.enumerate().map(|(place, change)| {
        let change = change.as_object().ok_or_else(|| lacks("a change"))?;
        let op = match change.field("op").and_then(Value::as_str) {
            Some("add") => ChangeOp::Add,
            Some("assign") => ChangeOp::Assign,
            Some("remove") => ChangeOp::Remove,
            Some("indirectRemove") => ChangeOp::IndirectRemove,
            _ => return Err(lacks("the kind of a change")),
        };
        let path = change.field("name").and_then(Value::as_str).ok_or_else(|| lacks("the name of a change"))?;
        let value = change.field("val").cloned().unwrap_or_default();
        Ok(PropertyChange { path: paths.at(place, path), op, value })
    });
    let changes = changes.collect::<Result<_>>()?;
    Ok(ObjectUpdate {
        kind,
        object: update.field("obj").and_then(Value::moref).cloned().ok_or_else(|| lacks("an object's reference"))?,
        changes,
        missing: read_missing(update.fields.iter().filter(|(name, _)| name == "missingSet").map(|(_, value)| value)),
    })
}
