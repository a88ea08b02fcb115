//! Streams of what changes.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;

use crate::model::{Kind, ObjectId, ProviderId, Revision};

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
}

impl EndReason {
    /// The word that the API writes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            EndReason::SlowConsumer => "slow_consumer",
            EndReason::ShuttingDown => "shutting_down",
        }
    }
}

/// What a watcher is told. `data` is the JSON of the event, ready to be sent; watchers share it.
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
    },
    /// A provider as it is now. Carries no revision.
    Provider {
        /// Its id.
        id: ProviderId,
        /// The JSON.
        data: Bytes,
    },
    /// A provider is gone: `{"id"}`. Carries no revision.
    ProviderRemoved {
        /// Its id.
        id: ProviderId,
        /// The JSON.
        data: Bytes,
    },
    /// Everything up to this revision was told: `{"revision"}`. Never comes from the stream: the API makes one by
    /// [`Watch::bookmark`] when it was silent for a while.
    Bookmark {
        /// The revision.
        revision: Revision,
        /// The JSON.
        data: Bytes,
    },
    /// The stream ends here: `{"reason","resume_from"}`.
    End {
        /// Why.
        reason: EndReason,
        /// From where another watch goes on without a gap.
        resume_from: Revision,
        /// The JSON.
        data: Bytes,
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
/// missed and nothing comes twice. Holds no queue: a watcher that reads slowly costs nobody anything, and is ended when it
/// is too far behind.
#[derive(Debug)]
pub struct Watch {}

impl Watch {
    /// The revision up to which everything was told.
    #[must_use]
    pub fn position(&self) -> Revision {
        unimplemented!("skeleton")
    }

    /// A bookmark of [`Watch::position`], for when nothing was sent for a while.
    #[must_use]
    pub fn bookmark(&self) -> Event {
        unimplemented!("skeleton")
    }
}

impl Stream for Watch {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Event>> {
        unimplemented!("skeleton")
    }
}
