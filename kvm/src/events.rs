//! Events of a host: hints that something changed, to be followed by a read.
//!
//! Invariants: a callback never blocks (it copies and pushes into a bounded channel); if the channel is full, what did not fit
//! is replaced by one [`Event::Overflow`], so a consumer that re-reads everything then has missed nothing; the end of the
//! connection is always reported, once, and ends the stream.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use uuid::Uuid;

use crate::lane::Lane;

/// Something happened on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A domain changed.
    Domain {
        /// Which one.
        uuid: Uuid,
        /// Its name.
        name: String,
        /// What happened.
        change: DomainChange,
    },
    /// A network changed.
    Network {
        /// Which one.
        uuid: Uuid,
        /// Its name.
        name: String,
        /// What happened.
        change: NetworkChange,
    },
    /// A storage pool changed. Volumes have no events of their own.
    Pool {
        /// Which one.
        uuid: Uuid,
        /// Its name.
        name: String,
        /// What happened.
        change: PoolChange,
    },
    /// Events came faster than they were taken, and some are lost: read everything again.
    Overflow,
    /// The connection is gone; nothing follows.
    Disconnected {
        /// Why.
        reason: CloseReason,
    },
}

/// What happened to a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DomainChange {
    /// Its life: defined, started, stopped, …
    Lifecycle {
        /// What.
        kind: DomainLifecycle,
        /// libvirt's number for why; its meaning depends on `kind`.
        detail: i32,
    },
    /// The guest rebooted.
    Reboot,
    /// A device was added.
    DeviceAdded {
        /// libvirt's name of the device.
        alias: String,
    },
    /// A device was removed.
    DeviceRemoved {
        /// libvirt's name of the device.
        alias: String,
    },
    /// The guest would not give a device up.
    DeviceRemovalFailed {
        /// libvirt's name of the device.
        alias: String,
    },
    /// A block job ended or became ready.
    BlockJob {
        /// The disk's target: `vda`.
        disk: String,
        /// `virDomainBlockJobType`.
        kind: i32,
        /// How it is.
        status: BlockJobStatus,
    },
    /// The balloon changed.
    Balloon {
        /// The memory that the guest has now.
        actual_bytes: u64,
    },
    /// Title, description or an entry under `<metadata>` changed.
    Metadata {
        /// The entry's namespace; `None` for title and description.
        namespace: Option<String>,
    },
    /// The guest agent came or went.
    Agent {
        /// True if it can be talked to.
        connected: bool,
    },
    /// A disk failed.
    IoError {
        /// The image's path.
        path: String,
        /// libvirt's name of the device.
        alias: String,
        /// What QEMU did: 0 nothing, 1 paused the guest, 2 told the guest.
        action: i32,
        /// `enospc` or empty.
        reason: String,
    },
    /// CPU or I/O limits changed.
    Tunable,
    /// The medium in a drive changed.
    DiskChange {
        /// libvirt's name of the device.
        alias: String,
    },
    /// A drive's tray was opened or closed.
    Tray {
        /// libvirt's name of the device.
        alias: String,
        /// True if it was opened.
        opened: bool,
    },
}

/// `virDomainEventType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DomainLifecycle {
    /// The definition is new or changed.
    Defined,
    /// The definition is gone.
    Undefined,
    /// It runs.
    Started,
    /// Its processors stopped.
    Suspended,
    /// Its processors go on.
    Resumed,
    /// It ended.
    Stopped,
    /// The guest has shut down and is about to end.
    Shutdown,
    /// The guest put itself to sleep.
    PmSuspended,
    /// The guest crashed.
    Crashed,
    /// One that this version of the crate has no word for.
    Other(i32),
}

/// How a block job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockJobStatus {
    /// Done.
    Completed,
    /// Failed.
    Failed,
    /// Canceled.
    Canceled,
    /// Source and target are equal; it can be finished.
    Ready,
    /// One that this version of the crate has no word for.
    Other(i32),
}

/// What happened to a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NetworkChange {
    /// The definition is new or changed.
    Defined,
    /// The definition is gone.
    Undefined,
    /// It is up.
    Started,
    /// It is down.
    Stopped,
    /// One that this version of the crate has no word for.
    Other(i32),
}

/// What happened to a storage pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PoolChange {
    /// The definition is new or changed.
    Defined,
    /// The definition is gone.
    Undefined,
    /// It runs.
    Started,
    /// It stopped.
    Stopped,
    /// Its storage was made.
    Created,
    /// Its storage was deleted.
    Deleted,
    /// libvirt looked at its storage again, or a volume was made or deleted through libvirt.
    Refreshed,
    /// One that this version of the crate has no word for.
    Other(i32),
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CloseReason {
    /// An error on the transport.
    Error,
    /// The daemon closed it.
    Eof,
    /// The daemon did not answer the keep-alive.
    KeepAlive,
    /// This side closed it, or another subscription took its place.
    Client,
}

/// The callbacks' end of the channel.
#[derive(Debug)]
pub(crate) struct EventSink {
    sender: Mutex<Option<mpsc::Sender<Event>>>,
    state: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    overflow: AtomicBool,
    closed: Mutex<Option<CloseReason>>,
}

impl EventSink {
    pub(crate) fn channel(capacity: usize) -> (Arc<Self>, EventStream) {
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let state = Arc::new(Shared::default());
        let sink = Arc::new(Self { sender: Mutex::new(Some(sender)), state: Arc::clone(&state) });
        (sink, EventStream { receiver, state, ended: false, lane: Weak::new() })
    }

    /// Passes an event on, or notes that it did not fit. Never blocks for longer than another push takes.
    pub(crate) fn push(&self, event: Event) {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = sender.as_ref()
            && let Err(mpsc::error::TrySendError::Full(_)) = sender.try_send(event)
        {
            self.state.overflow.store(true, Ordering::Release);
        }
    }

    /// Ends the stream; the first reason counts.
    pub(crate) fn close(&self, reason: CloseReason) {
        self.state.closed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        drop(self.sender.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The events of one host, in the order in which libvirt reported them.
///
/// It is a [`futures::Stream`], and has [`next`](EventStream::next) of its own. Subscribe first and read the inventory then: so no change is missed.
/// The last event is [`Event::Disconnected`].
#[derive(Debug)]
pub struct EventStream {
    receiver: mpsc::Receiver<Event>,
    state: Arc<Shared>,
    ended: bool,
    /// Where the registration is to be removed when the stream is dropped.
    lane: Weak<Lane>,
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let state = Arc::clone(&self.state);
        if let Some(lane) = self.lane.upgrade() {
            // Not if another stream took this one's place meanwhile: the connection knows whose registration it holds.
            lane.post(move |connection| {
                if let Some(connection) = connection {
                    connection.unsubscribe_if(&|sink| Arc::ptr_eq(&sink.state, &state));
                }
            });
        }
    }
}

impl EventStream {
    /// The next event; `None` after [`Event::Disconnected`].
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    pub(crate) fn on_lane(mut self, lane: Weak<Lane>) -> Self {
        self.lane = lane;
        self
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.state.overflow.swap(false, Ordering::AcqRel) {
            // What is still queued is covered by the reading that follows.
            while self.receiver.try_recv().is_ok() {}
            return Poll::Ready(Some(Event::Overflow));
        }
        match self.receiver.poll_recv(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(event)) => Poll::Ready(Some(event)),
            Poll::Ready(None) if self.ended => Poll::Ready(None),
            Poll::Ready(None) => {
                self.ended = true;
                let reason = *self.state.closed.lock().unwrap_or_else(PoisonError::into_inner);
                Poll::Ready(Some(Event::Disconnected { reason: reason.unwrap_or(CloseReason::Client) }))
            }
        }
    }
}

impl futures::Stream for EventStream {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u128) -> Event {
        Event::Domain { uuid: Uuid::from_u128(number), name: number.to_string(), change: DomainChange::Reboot }
    }

    #[tokio::test]
    async fn a_full_channel_becomes_one_overflow_and_the_end_is_told() {
        let (sink, mut stream) = EventSink::channel(2);
        for number in 0..5 {
            sink.push(event(number));
        }
        assert_eq!(stream.next().await, Some(Event::Overflow));
        sink.push(event(7));
        assert_eq!(stream.next().await, Some(event(7)));
        sink.push(event(8));
        sink.close(CloseReason::KeepAlive);
        sink.close(CloseReason::Client);
        sink.push(event(9));
        assert_eq!(stream.next().await, Some(event(8)), "what was queued before the end is delivered");
        assert_eq!(stream.next().await, Some(Event::Disconnected { reason: CloseReason::KeepAlive }));
        assert_eq!(stream.next().await, None);
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test]
    async fn the_end_is_told_even_if_the_channel_is_full() {
        let (sink, mut stream) = EventSink::channel(1);
        sink.push(event(1));
        sink.push(event(2));
        sink.close(CloseReason::Eof);
        assert_eq!(stream.next().await, Some(Event::Overflow));
        assert_eq!(stream.next().await, Some(Event::Disconnected { reason: CloseReason::Eof }));
    }
}
