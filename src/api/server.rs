//! Serves the API over TCP, and lets nobody hold a connection for ever: who sends the head of a request too slowly, or does
//! not take an answer, is cut off. So many connections are open at once and no more ([`super::connections`]).
//!
//! Connections are HTTP/1.1. What cannot be parsed as HTTP at all is answered by `hyper` itself, before there is a request
//! that could be given a problem; everything else reaches the router.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use futures::future::BoxFuture;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use super::connections::{Connection, Connections};

/// The largest head of a request (line and headers) that is read, bytes.
const HEAD_MAX: usize = 128 << 10;
/// After an error of the listener (no more file descriptors) it is tried again after this.
const ACCEPT_AGAIN: Duration = Duration::from_secs(1);
/// The same, after a connection was closed to make room.
const ROOM_AGAIN: Duration = Duration::from_millis(20);

/// How patient the server is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long a new connection may take to send the head of its first request.
    pub first: Duration,
    /// How long the head of a later request may take, and how long a connection may be idle between two.
    pub head: Duration,
    /// How long a client may take nothing of an answer.
    pub stalled: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { first: Duration::from_secs(10), head: Duration::from_secs(30), stalled: Duration::from_secs(30) }
    }
}

/// Serves until `stop` is cancelled; then lets requests in progress end. Dropping it cuts them off. At most `max`
/// connections are open at once.
pub async fn serve(listener: TcpListener, router: Router, patience: Patience, max: usize, stop: CancellationToken) {
    let places = Connections::new(max);
    let mut services = router.into_make_service_with_connect_info::<SocketAddr>();
    let mut connections = JoinSet::new();
    loop {
        let (stream, address) = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_one_connection(&error) => continue,
                Err(error) => {
                    if places.make_room() {
                        // Its handle is free in a moment.
                        tokio::time::sleep(ROOM_AGAIN).await;
                        continue;
                    }
                    tracing::error!(%error, "no connection can be accepted; it is tried again");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                    continue;
                }
            },
        };
        // Full of requests in progress: who comes is not kept waiting.
        let Some(place) = places.enter() else { continue };
        let Ok(service) = services.call(address).await;
        let service = Counted { service, place: Arc::clone(&place) };
        connections.spawn(connection(stream, TowerToHyperService::new(service), place, patience, stop.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A service that says when it is being asked.
#[derive(Clone)]
struct Counted<S> {
    service: S,
    place: Arc<Connection>,
}

impl<S, R> tower::Service<R> for Counted<S>
where
    S: tower::Service<R, Response = Response>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let answering = self.place.begin();
        let answer = self.service.call(request);
        Box::pin(async move { Ok(answering.until_sent(answer.await?)) })
    }
}

async fn connection<S>(
    stream: TcpStream,
    service: S,
    place: Arc<Connection>,
    patience: Patience,
    stop: CancellationToken,
) where
    S: hyper::service::Service<
            hyper::Request<hyper::body::Incoming>,
            Response = Response,
            Error = std::convert::Infallible,
        >,
{
    // Events of the change stream are small and must not wait for each other.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small packets may be sent late");
    }
    let io = TokioIo::new(Impatient::new(stream, patience.stalled));
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience.head).max_buf_size(HEAD_MAX);
    let mut connection = pin!(builder.serve_connection(io, service));
    let mut first = pin!(tokio::time::sleep(patience.first));
    let ended = loop {
        tokio::select! {
            ended = connection.as_mut() => break ended,
            () = place.close.cancelled() => return,
            () = first.as_mut(), if !place.was_asked() => {
                if !place.was_asked() {
                    return;
                }
            }
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                break connection.await;
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Errors of `accept` that say nothing of the next connection.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionRefused | ConnectionAborted | ConnectionReset)
}

/// A stream whose writing fails when the other side takes nothing for a while.
struct Impatient<S> {
    stream: S,
    limit: Duration,
    /// Runs while a write waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Impatient<S> {
    fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, stalled: None }
    }

    /// What a write gave: when it waits, for how long it may.
    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let limit = self.limit;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + limit)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of its answer")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
