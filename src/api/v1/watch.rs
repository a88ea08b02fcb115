//! The change stream: Server-Sent Events that are resumed from a revision.
//!
//! A task of its own carries events from the read model to the connection through a short channel. When the client does
//! not take them for [`SEND_LIMIT`], or goes away, the task ends and gives its place among the watchers back.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::future::{BoxFuture, OptionFuture};
use futures::{FutureExt, StreamExt};
use opentelemetry::metrics::UpDownCounter;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tracing::Instrument;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::Params;
use super::super::problem::Problem;
use crate::app::{EndReason, Session, WatchEvent, Watching, watch_request};
use crate::model::{ObjectId, ProviderId};

/// How long a client may leave a full connection unread.
const SEND_LIMIT: Duration = Duration::from_secs(60);
/// After how long a silence a comment is sent, so that a dead connection is noticed and no proxy closes a living one.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How many events may wait for the client. They are shared by all watchers that are told the same.
const EVENTS_WAITING: usize = 64;

/// Metrics of the change stream.
#[derive(Clone)]
pub(in crate::api) struct Metrics {
    watchers: UpDownCounter<i64>,
}

impl Metrics {
    pub fn new() -> Self {
        let meter = opentelemetry::global::meter("spandrel.api");
        let watchers = meter
            .i64_up_down_counter("spandrel.watchers")
            .with_description("Clients that follow the change stream.")
            .build();
        Self { watchers }
    }
}

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(watch))
}

/// Watch what changes
///
/// A stream of Server-Sent Events. The `id` of an event is the revision from which the stream can be resumed, by
/// `from_revision` or by the header `Last-Event-ID`; list, then watch from the revision of the list: nothing is missed.
///
/// - `provider` — a provider object. Sent first for every provider as it is now, then when its synchronization changes.
/// - `provider_removed` — `{"id"}`.
/// - `put` — `{"kind","revision","object"}`: the object is new or differs.
/// - `delete` — `{"kind","id","revision"}`.
/// - `bookmark` — `{"revision"}`: everything up to there was told. Sent at the beginning and at least every 15 s.
/// - `end` — `{"reason","resume_from"}`: `slow_consumer`, `shutting_down`, `signed_out` or `access_changed` (what you may see
///   is not what it was: list again); then the stream ends.
///
/// `410` says that the revision is too old: list again.
#[utoipa::path(get, path = "/v1/watch", tag = "Inventory", operation_id = "watch",
    params(
        ("types" = Option<String>, Query,
            description = "Only these kinds, separated by commas: `vm,host`. Providers are always told; `provider` by itself means only they.",
            example = "vm,host"),
        ("from_revision" = Option<String>, Query, description = "Everything after this revision; from now on when absent."),
        ("provider_id" = Option<ProviderId>, Query, description = "Only what belongs to this provider."),
        ("id" = Option<ObjectId>, Query, description = "Only this object."),
        ("last-event-id" = Option<String>, Header, description = "The `id` of the last event received; goes before `from_revision`.")),
    responses((status = 200, description = "The stream; it does not end by itself.", body = String,
        content_type = "text/event-stream")))]
async fn watch(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    Params(params): Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last_event_id = match headers.get("last-event-id").map(HeaderValue::to_str) {
        None => None,
        // What is not text is not a revision either.
        Some(value) => Some(value.unwrap_or("?")),
    };
    let asked = watch_request(&params, last_event_id)?;
    let watching = api.app().watch(&session, asked)?;
    let (sender, receiver) = mpsc::channel(EVENTS_WAITING);
    let access = api.app().access_changed();
    let carrier = Carrier { api, session, watching, access, sender };
    tokio::spawn(carrier.run().in_current_span());
    let mut response = Body::from_stream(ReceiverStream::new(receiver)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would else hold events back until it has a bufferful.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Why the carrier ends before the stream does.
enum Gone {
    /// The client closed the connection, or did not read.
    Client,
}

/// A watcher whose token was revoked is not told any more. While the database cannot be asked it goes on.
async fn session_is_valid(api: Api, session: Session) -> bool {
    api.app().session_is_valid(&session).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "cannot tell whether a watcher is still signed in");
        true
    })
}

/// Carries events from the read model to one connection.
struct Carrier {
    api: Api,
    session: Session,
    watching: Watching,
    /// Tells when who may do what was changed.
    access: tokio::sync::watch::Receiver<u64>,
    sender: mpsc::Sender<Result<Bytes, Infallible>>,
}

impl Carrier {
    async fn run(mut self) {
        let watchers = self.api.watch_metrics().watchers.clone();
        watchers.add(1, &[]);
        if let Err(Gone::Client) = self.carry().await {
            tracing::debug!("the watcher went away, or did not read");
        }
        watchers.add(-1, &[]);
    }

    async fn carry(&mut self) -> Result<(), Gone> {
        let bookmark_every = self.api.options().bookmark_every;
        let shutdown = self.api.options().shutdown.clone();
        self.send(Bytes::from_static(b"retry: 1000\n\n")).await?;
        // The providers, and what was asked for from the past; then this is where the present begins.
        if self.tell_all_there_is().await?.is_break() {
            return Ok(());
        }
        self.bookmark().await?;
        let mut bookmark_at = Instant::now() + bookmark_every;
        // It may have changed while it was begun.
        self.access.mark_changed();
        // Beside the events: neither they nor the bookmarks wait for the database.
        let mut checking: OptionFuture<BoxFuture<'static, bool>> = None.into();
        let mut is_checking = false;
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return self.end(EndReason::ShuttingDown).await,
                () = self.sender.closed() => return Err(Gone::Client),
                () = tokio::time::sleep_until(bookmark_at) => {
                    if !std::mem::replace(&mut is_checking, true) {
                        checking = Some(session_is_valid(self.api.clone(), self.session.clone()).boxed()).into();
                    }
                    self.bookmark().await?;
                    bookmark_at = Instant::now() + bookmark_every;
                }
                Some(valid) = &mut checking => {
                    (checking, is_checking) = (None.into(), false);
                    if !valid {
                        return self.end(EndReason::SignedOut).await;
                    }
                }
                Ok(()) = self.access.changed() => {
                    if self.is_over() {
                        return self.end(EndReason::AccessChanged).await;
                    }
                }
                event = self.watching.watch.next() => {
                    let Some(event) = event else { return Ok(()) };
                    self.tell(&event).await?;
                    if self.tell_all_there_is().await?.is_break() {
                        return Ok(());
                    }
                }
                () = tokio::time::sleep(KEEP_ALIVE) => self.send(Bytes::from_static(b":\n\n")).await?,
            }
        }
    }

    /// Without looking at the clock between one event and the next. Breaks at the end of the watch.
    async fn tell_all_there_is(&mut self) -> Result<ControlFlow<()>, Gone> {
        while let Some(event) = self.watching.watch.next().now_or_never() {
            if self.access.has_changed().unwrap_or(true) {
                self.access.mark_unchanged();
                if self.is_over() {
                    self.end(EndReason::AccessChanged).await?;
                    return Ok(ControlFlow::Break(()));
                }
            }
            let Some(event) = event else { return Ok(ControlFlow::Break(())) };
            self.tell(&event).await?;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether the watcher may not see any more just what it could when it began, or may not see anything at all.
    fn is_over(&self) -> bool {
        !self.api.app().watch_sees_the_same(&self.session, &self.watching)
    }

    async fn tell(&self, event: &WatchEvent) -> Result<(), Gone> {
        let about_object = matches!(event, WatchEvent::Put { .. } | WatchEvent::Delete { .. });
        if about_object && self.watching.providers_only {
            return Ok(());
        }
        self.send(event.frame().clone()).await
    }

    async fn bookmark(&self) -> Result<(), Gone> {
        self.tell(&self.watching.watch.bookmark()).await
    }

    async fn end(&mut self, reason: EndReason) -> Result<(), Gone> {
        let event = self.watching.watch.end(reason);
        self.tell(&event).await
    }

    async fn send(&self, bytes: Bytes) -> Result<(), Gone> {
        self.sender.send_timeout(Ok(bytes), SEND_LIMIT).await.map_err(|_| Gone::Client)
    }
}
