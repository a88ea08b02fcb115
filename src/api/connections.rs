//! The connections that are open: how many there may be, and which one goes when there are too many.
//!
//! Invariant: a connection on which a request is being answered is never closed for another. One that waits for a request
//! is: the one that has waited longest, so that whoever opens many pushes out their own first.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
use opentelemetry::metrics::UpDownCounter;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// That connections are closed or refused is logged at most this often.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// See the module. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connections(Arc<Parts>);

struct Parts {
    max: usize,
    open: Mutex<Open>,
    count: UpDownCounter<i64>,
}

#[derive(Default)]
struct Open {
    next: u64,
    places: HashMap<u64, Place>,
    /// When it was last said that there are too many.
    said: Option<Instant>,
    /// Closed or refused since.
    closed: u64,
}

struct Place {
    /// Requests in progress.
    busy: usize,
    /// Since when there are none.
    waiting: Instant,
    close: CancellationToken,
}

/// One connection's place; given back when it is dropped.
pub(super) struct Connection {
    connections: Connections,
    id: u64,
    /// Cancelled when the connection is to go for another one.
    pub(super) close: CancellationToken,
    /// Whether a request came at all.
    asked: AtomicBool,
}

impl Connections {
    /// Room for `max`. The meter provider must be set before.
    pub(super) fn new(max: usize) -> Self {
        let count = opentelemetry::global::meter("spandrel.api")
            .i64_up_down_counter("spandrel.connections")
            .with_description("Connections of clients that are open.")
            .build();
        Self(Arc::new(Parts { max, open: Mutex::default(), count }))
    }

    /// A place for a connection. Where all are taken the one that has waited longest for a request goes; `None` when there
    /// is no such.
    pub(super) fn enter(&self) -> Option<Arc<Connection>> {
        let mut open = self.lock();
        if open.places.len() >= self.0.max && !self.close_one(&mut open) {
            self.say(&mut open);
            return None;
        }
        open.next += 1;
        let id = open.next;
        let close = CancellationToken::new();
        open.places.insert(id, Place { busy: 0, waiting: Instant::now(), close: close.clone() });
        drop(open);
        self.0.count.add(1, &[]);
        Some(Arc::new(Connection { connections: self.clone(), id, close, asked: AtomicBool::new(false) }))
    }

    /// Closes the connection that has waited longest for a request. `false` when there is none.
    pub(super) fn make_room(&self) -> bool {
        self.close_one(&mut self.lock())
    }

    fn close_one(&self, open: &mut Open) -> bool {
        let waiting = open.places.iter().filter(|(_, place)| place.busy == 0);
        let Some(id) = waiting.min_by_key(|(_, place)| place.waiting).map(|(id, _)| *id) else { return false };
        // It counts as gone from now on: its task is told, and ends in a moment.
        if let Some(place) = open.places.remove(&id) {
            place.close.cancel();
        }
        self.say(open);
        true
    }

    fn say(&self, open: &mut Open) {
        open.closed += 1;
        if open.said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
            let (max, closed) = (self.0.max, std::mem::take(&mut open.closed));
            open.said = Some(Instant::now());
            tracing::warn!(
                max,
                closed,
                "there are as many connections as there may be (`server.connections_max`): those that wait longest for a \
                 request are closed"
            );
        }
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Place)) {
        if let Some(place) = self.lock().places.get_mut(&id) {
            change(place);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // Each change is of one place and whole.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// A request came: until what is given back is dropped, it is being answered.
    pub(super) fn begin(self: &Arc<Self>) -> Answering {
        self.asked.store(true, Ordering::Relaxed);
        self.connections.change(self.id, |place| place.busy += 1);
        Answering(Arc::clone(self))
    }

    /// Whether a request came at all.
    pub(super) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.lock().places.remove(&self.id);
        self.connections.0.count.add(-1, &[]);
    }
}

/// A request that is being answered.
pub(super) struct Answering(Arc<Connection>);

impl Answering {
    /// The answer, which goes on until its body is sent or given up.
    pub(super) fn until_sent(self, response: Response) -> Response {
        response.map(|body| Body::new(Answer { body, _answering: self }))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.connections.change(self.0.id, |place| {
            place.busy -= 1;
            place.waiting = Instant::now();
        });
    }
}

/// A body that keeps its request in progress.
struct Answer {
    body: Body,
    _answering: Answering,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
