//! Streams of what changes.
//!
//! A watcher is a place in the log, not a queue: it wakes up when a snapshot is published and reads on from where it was.
//! Writers do not know of watchers, and a slow one costs the others nothing.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use tokio::sync::watch;
use tokio_stream::wrappers::WatchStream;

use super::entry::Entry;
use super::feed::Inventory;
use super::log::{Frame, Logged, LoggedOp, version};
use super::snapshot::Snapshot;
use crate::authz::{InventoryRead, ProviderRead, TenantScope};
use crate::model::{Kind, ObjectId, ProviderId, Revision};

/// Changes looked at in one go before others get their turn.
const LOOK_MAX: usize = 4096;

/// What a watcher wants to hear.
#[derive(Clone, Debug, Default)]
pub struct WatchRequest {
    /// Only these kinds of objects; empty for all. Providers are always told.
    pub kinds: Vec<Kind>,
    /// Only what belongs to this provider.
    pub provider_id: Option<ProviderId>,
    /// Only this object.
    pub id: Option<ObjectId>,
    /// Everything after this revision; absent for "from now on".
    pub from: Option<Revision>,
}

/// A watch cannot begin where it was asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The log no longer reaches back to it: list again.
    #[error("changes are only kept from revision {oldest} on")]
    Compacted {
        /// The oldest revision from which a watch can begin.
        oldest: Revision,
    },
    /// There is no such revision yet.
    #[error("the newest revision is {newest}")]
    Future {
        /// The newest revision.
        newest: Revision,
    },
}

/// Why a watch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The watcher was too far behind.
    SlowConsumer,
    /// The gateway stops.
    ShuttingDown,
    /// The watcher's token is worth nothing any more.
    SignedOut,
    /// What the watcher may see is not what it was: list again.
    AccessChanged,
}

impl EndReason {
    /// The word that the API writes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            EndReason::SlowConsumer => "slow_consumer",
            EndReason::ShuttingDown => "shutting_down",
            EndReason::SignedOut => "signed_out",
            EndReason::AccessChanged => "access_changed",
        }
    }
}

/// What a watcher is told. `data` is the JSON of the event; `frame` the whole of a server-sent event around it, with its
/// name, the revision as its id, and the empty line at its end. Watchers share both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An object is new or changed: `{"kind","revision","object"}`.
    Put {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: ObjectId,
        /// The revision.
        revision: Revision,
        /// The JSON.
        data: Bytes,
        /// The server-sent event.
        frame: Bytes,
    },
    /// An object is gone, or no longer visible: `{"kind","id","revision"}`.
    Delete {
        /// Its kind.
        kind: Kind,
        /// Its id.
        id: ObjectId,
        /// The revision.
        revision: Revision,
        /// The JSON.
        data: Bytes,
        /// The server-sent event.
        frame: Bytes,
    },
    /// A provider as it is now. Carries no revision.
    Provider {
        /// Its id.
        id: ProviderId,
        /// The JSON.
        data: Bytes,
        /// The server-sent event.
        frame: Bytes,
    },
    /// A provider is gone: `{"id"}`. Carries no revision.
    ProviderRemoved {
        /// Its id.
        id: ProviderId,
        /// The JSON.
        data: Bytes,
        /// The server-sent event.
        frame: Bytes,
    },
    /// Everything up to this revision was told: `{"revision"}`. Never comes from the stream: the API makes one by
    /// [`Watch::bookmark`] when it was silent for a while.
    Bookmark {
        /// The revision.
        revision: Revision,
        /// The JSON.
        data: Bytes,
        /// The server-sent event.
        frame: Bytes,
    },
    /// The stream ends here: `{"reason","resume_from"}`.
    End {
        /// Why.
        reason: EndReason,
        /// From where another watch goes on without a gap.
        resume_from: Revision,
        /// The JSON.
        data: Bytes,
        /// The server-sent event.
        frame: Bytes,
    },
}

impl Event {
    /// The name of the event in the stream.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Event::Put { .. } => "put",
            Event::Delete { .. } => "delete",
            Event::Provider { .. } => "provider",
            Event::ProviderRemoved { .. } => "provider_removed",
            Event::Bookmark { .. } => "bookmark",
            Event::End { .. } => "end",
        }
    }

    /// The JSON.
    #[must_use]
    pub const fn data(&self) -> &Bytes {
        match self {
            Event::Put { data, .. }
            | Event::Delete { data, .. }
            | Event::Provider { data, .. }
            | Event::ProviderRemoved { data, .. }
            | Event::Bookmark { data, .. }
            | Event::End { data, .. } => data,
        }
    }

    /// The whole of a server-sent event, ready to be written to the connection.
    #[must_use]
    pub const fn frame(&self) -> &Bytes {
        match self {
            Event::Put { frame, .. }
            | Event::Delete { frame, .. }
            | Event::Provider { frame, .. }
            | Event::ProviderRemoved { frame, .. }
            | Event::Bookmark { frame, .. }
            | Event::End { frame, .. } => frame,
        }
    }

    /// The revision from which a watch that got this event can be resumed; absent where the event moves nothing.
    #[must_use]
    pub const fn revision(&self) -> Option<Revision> {
        match self {
            Event::Put { revision, .. } | Event::Delete { revision, .. } | Event::Bookmark { revision, .. } => {
                Some(*revision)
            }
            Event::End { resume_from, .. } => Some(*resume_from),
            Event::Provider { .. } | Event::ProviderRemoved { .. } => None,
        }
    }
}

/// A stream of what changes: first one [`Event::Provider`] for each visible provider as it is now, then what happened
/// since the asked revision, then what happens. The changes of one object come in the order of their revisions; nothing is
/// missed and nothing comes twice. Versions of an object that were replaced long ago are left out (see
/// [`InventoryConfig::version_max`]). A provider that changes often is told as it is whenever the watcher gets to it. The
/// state of an object whose source becomes untrustworthy is not told again: the provider is.
///
/// Holds no queue: a watcher that reads slowly costs nobody anything, and is ended when it is too far behind.
///
/// [`InventoryConfig::version_max`]: super::InventoryConfig::version_max
#[derive(Debug)]
pub struct Watch {
    inventory: Arc<Inventory>,
    published: WatchStream<u64>,
    scope: TenantScope<InventoryRead>,
    /// Which providers are told.
    seen_providers: TenantScope<ProviderRead>,
    request: WatchRequest,
    /// The number of the next change in the log.
    next: u64,
    /// The end of the log when the watch began: being behind it is no fault of the watcher.
    began_at: u64,
    position: Revision,
    providers_version: Option<u64>,
    providers: HashMap<ProviderId, u64>,
    waiting: VecDeque<Event>,
    ended: bool,
}

impl Watch {
    pub(super) fn begin(
        inventory: Arc<Inventory>,
        published: watch::Receiver<u64>,
        scope: TenantScope<InventoryRead>,
        seen_providers: TenantScope<ProviderRead>,
        request: WatchRequest,
    ) -> Result<Self, WatchError> {
        let snapshot = inventory.snapshot();
        let (next, position) = match request.from {
            None => (snapshot.log.end(), snapshot.revision),
            Some(from) if from > snapshot.revision => {
                return Err(WatchError::Future { newest: snapshot.revision });
            }
            Some(from) => {
                let oldest = snapshot.log.oldest();
                (snapshot.log.after(from).ok_or(WatchError::Compacted { oldest })?, from)
            }
        };
        Ok(Self {
            began_at: snapshot.log.end(),
            inventory,
            published: WatchStream::new(published),
            scope,
            seen_providers,
            request,
            next,
            position,
            providers_version: None,
            providers: HashMap::new(),
            waiting: VecDeque::new(),
            ended: false,
        })
    }

    /// The revision up to which everything was told.
    #[must_use]
    pub fn position(&self) -> Revision {
        self.position
    }

    /// A bookmark of [`Watch::position`], for when nothing was sent for a while.
    #[must_use]
    pub fn bookmark(&self) -> Event {
        let revision = self.position;
        let Frame { frame, data } = Frame::new("bookmark", Some(revision), |out| {
            out.extend_from_slice(format!("{{\"revision\":\"{revision}\"}}").as_bytes());
        });
        Event::Bookmark { revision, data, frame }
    }

    /// Ends the watch. Gives what it says last.
    pub fn end(&mut self, reason: EndReason) -> Event {
        self.ended = true;
        let resume_from = self.position;
        let Frame { frame, data } = Frame::new("end", Some(resume_from), |out| {
            let text = format!("{{\"reason\":\"{}\",\"resume_from\":\"{resume_from}\"}}", reason.as_str());
            out.extend_from_slice(text.as_bytes());
        });
        Event::End { reason, resume_from, data, frame }
    }

    /// Whether the watcher is too far behind: more changes came since it began, or since where it is, than are allowed.
    fn is_slow(&self, snapshot: &Snapshot) -> bool {
        let behind = snapshot.log.end() - self.next.max(self.began_at);
        let lost = self.next < snapshot.log.end() && snapshot.log.get(self.next).is_none();
        lost || behind > self.inventory.config.lag_max as u64
    }

    /// Puts the providers that differ from what was told into the queue.
    fn tell_providers(&mut self, snapshot: &Snapshot) {
        let table = &snapshot.providers;
        if self.providers_version == Some(table.version()) {
            return;
        }
        self.providers_version = Some(table.version());
        let wanted = |id: ProviderId| self.request.provider_id.is_none_or(|wanted| wanted == id);
        let mut now = HashMap::new();
        for entry in table.visible(&self.seen_providers).filter(|entry| wanted(entry.provider().id)) {
            let id = entry.provider().id;
            now.insert(id, entry.version());
            if self.providers.get(&id) != Some(&entry.version()) {
                let Frame { frame, data } = entry.frame();
                self.waiting.push_back(Event::Provider { id, data, frame });
            }
        }
        for id in self.providers.keys().filter(|id| !now.contains_key(id)) {
            let Frame { frame, data } = Frame::new("provider_removed", None, |out| {
                out.extend_from_slice(format!("{{\"id\":\"{id}\"}}").as_bytes());
            });
            self.waiting.push_back(Event::ProviderRemoved { id: *id, data, frame });
        }
        self.providers = now;
    }

    /// What a change means for this watcher, if anything.
    fn event(&self, change: &Logged, snapshot: &Snapshot) -> Option<Event> {
        let WatchRequest { kinds, provider_id, id, from: _ } = &self.request;
        if (!kinds.is_empty() && !kinds.contains(&change.kind))
            || provider_id.is_some_and(|wanted| wanted != change.provider_id)
            || id.is_some_and(|wanted| wanted != change.id)
        {
            return None;
        }
        let sees = |owner| self.scope.sees(owner, change.id);
        let saw = change.from_owner.is_some_and(sees);
        match &change.op {
            LoggedOp::Deleted(rendered) => {
                (sees(change.owner) || saw).then(|| deleted(change, rendered.get(None, || delete_frame(change))))
            }
            // It was given to an owner that this watcher does not see.
            _ if !sees(change.owner) => saw.then(|| deleted(change, delete_frame(change))),
            LoggedOp::Version(..) | LoggedOp::Changed => {
                let entry = version(change, snapshot)?;
                if !sees(entry.owner()) {
                    return None;
                }
                let source = snapshot.providers.source(entry.source_id());
                let frame = match &change.op {
                    LoggedOp::Version(_, rendered) => rendered.get(source, || put_frame(entry, snapshot)),
                    _ => put_frame(entry, snapshot),
                };
                let Frame { frame, data } = frame;
                Some(Event::Put { kind: change.kind, id: change.id, revision: change.revision, data, frame })
            }
        }
    }
}

fn deleted(change: &Logged, Frame { frame, data }: Frame) -> Event {
    Event::Delete { kind: change.kind, id: change.id, revision: change.revision, data, frame }
}

fn delete_frame(change: &Logged) -> Frame {
    let Logged { revision, id, kind, .. } = change;
    Frame::new("delete", Some(*revision), |out| {
        let text = format!("{{\"kind\":\"{kind}\",\"id\":\"{id}\",\"revision\":\"{revision}\"}}");
        out.extend_from_slice(text.as_bytes());
    })
}

fn put_frame(entry: &Entry, snapshot: &Snapshot) -> Frame {
    let (kind, revision) = (entry.kind(), entry.revision());
    Frame::new("put", Some(revision), |out| {
        out.extend_from_slice(format!("{{\"kind\":\"{kind}\",\"revision\":\"{revision}\",\"object\":").as_bytes());
        entry.write_json(&snapshot.providers, out);
        out.push(b'}');
    })
}

impl Stream for Watch {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let this = self.get_mut();
        loop {
            if this.ended {
                return Poll::Ready(None);
            }
            if let Some(event) = this.waiting.pop_front() {
                return Poll::Ready(Some(event));
            }
            // Registered before the snapshot is read, so that none that is published meanwhile is overlooked. It does not end:
            // the inventory, which publishes, is held here.
            let news = Pin::new(&mut this.published).poll_next(cx);
            let snapshot = this.inventory.snapshot();
            if this.is_slow(&snapshot) {
                return Poll::Ready(Some(this.end(EndReason::SlowConsumer)));
            }
            this.tell_providers(&snapshot);
            if !this.waiting.is_empty() {
                continue;
            }
            for _ in 0..LOOK_MAX {
                let Some(change) = snapshot.log.get(this.next) else { break };
                let event = this.event(change, &snapshot);
                this.next += 1;
                this.position = change.revision;
                if event.is_some() {
                    return Poll::Ready(event);
                }
            }
            if this.next < snapshot.log.end() {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            this.position = this.position.max(snapshot.revision);
            if news.is_pending() {
                return Poll::Pending;
            }
        }
    }
}
