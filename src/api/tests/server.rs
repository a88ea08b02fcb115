//! Connections: real sockets, and clients that misbehave.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use super::super::server::{Patience, serve};

const SHORT: Duration = Duration::from_millis(200);
/// What a client that does what it should never needs, also on a busy machine.
const AMPLE: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(600);
const PATIENCE: Duration = Duration::from_secs(60);

async fn start(router: Router, patience: Patience) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    start_with(router, patience, 1_000).await
}

async fn start_with(
    router: Router,
    patience: Patience,
    max: usize,
) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve(listener, router, patience, max, stop.clone()));
    (address, stop, server)
}

/// What is answered until the connection ends.
async fn ask(address: SocketAddr, head: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    // One that was cut off has said what it had said.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let router = Router::new().route("/", get(|| async { "well" }));
    let (address, _stop, _server) = start(router, Patience { first: LONG, head: SHORT, stalled: LONG }).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    let mut rest = Vec::new();
    // Ends; how is the server's business.
    let _ = slow.read_to_end(&mut rest).await;
    assert!(!String::from_utf8_lossy(&rest).contains("200"), "{rest:?}");
    // Others are served. On a busy machine one of them, too, can be late.
    while !ask(address, HEALTH).await.ends_with("well") {}
}

#[tokio::test]
async fn who_takes_nothing_of_an_endless_answer_is_cut_off() {
    let (dropped, gone) = oneshot::channel::<()>();
    let dropped = Arc::new(Mutex::new(Some(dropped)));
    let endless = move || {
        let held = dropped.lock().unwrap().take();
        async move {
            let block = bytes::Bytes::from(vec![b'x'; 64 << 10]);
            Body::from_stream(futures::stream::repeat_with(move || {
                let _ = &held;
                Ok::<_, std::io::Error>(block.clone())
            }))
        }
    };
    let (address, _stop, _server) =
        start(Router::new().route("/", get(endless)), Patience { first: LONG, head: LONG, stalled: SHORT }).await;
    let mut stalled = TcpStream::connect(address).await.unwrap();
    stalled.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    // Nothing is read here: the server gives up, and with it goes the body.
    assert!(gone.await.is_err(), "the sender was dropped with the body");
}

#[tokio::test]
async fn at_the_end_requests_in_progress_are_answered() {
    let (entered, inside) = oneshot::channel();
    let (let_go, go) = oneshot::channel::<()>();
    let parts = Arc::new(Mutex::new(Some((entered, go))));
    let handler = move || {
        let (entered, go) = parts.lock().unwrap().take().unwrap();
        async move {
            entered.send(()).unwrap();
            go.await.unwrap();
            "done"
        }
    };
    let (address, stop, server) = start(Router::new().route("/", get(handler)), Patience::default()).await;
    let asking = tokio::spawn(async move { ask(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await });
    inside.await.unwrap();
    stop.cancel();
    let_go.send(()).unwrap();
    let answer = asking.await.unwrap();
    // To its end: the server closes what it would otherwise keep open.
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("done"), "{answer}");
    server.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

const HEALTH: &str = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_new_connection_that_asks_nothing_ends_sooner() {
    let router = Router::new().route("/", get(|| async { "well" }));
    let (address, _stop, _server) = start(router, Patience { first: AMPLE, head: LONG, stalled: LONG }).await;
    let mut asking = TcpStream::connect(address).await.unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let mut ask = async || {
        asking.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 1024];
        assert!(asking.read(&mut answer).await.unwrap() > 0);
    };
    ask().await;
    assert!(matches!(silent.read(&mut [0; 8]).await, Ok(0) | Err(_)), "it is closed");
    // The one that asked came before, and may stay.
    ask().await;
}

#[tokio::test]
async fn idle_connections_make_room_and_requests_in_progress_do_not() {
    let gate = Arc::new(Semaphore::new(0));
    let entered = Arc::new(Semaphore::new(0));
    let (held, entering) = (gate.clone(), entered.clone());
    let slow = move || {
        let gate = held.clone();
        entering.add_permits(1);
        async move {
            gate.acquire().await.unwrap().forget();
            "done"
        }
    };
    let router = Router::new().route("/", get(|| async { "well" })).route("/slow", get(slow));
    let patience = Patience { first: LONG, head: LONG, stalled: LONG };
    let (address, _stop, _server) = start_with(router, patience, 8).await;
    let slow = tokio::spawn(async move { ask(address, &HEALTH.replace("GET /", "GET /slow")).await });
    entered.acquire().await.unwrap().forget();
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    for _ in 0..20 {
        let answer = tokio::time::timeout(PATIENCE, ask(address, HEALTH)).await.expect("an answer in time");
        assert!(answer.ends_with("well"), "{answer}");
    }
    let oldest = tokio::time::timeout(PATIENCE, idle[0].read(&mut [0; 8])).await.expect("it is closed");
    assert!(matches!(oldest, Ok(0) | Err(_)));
    gate.add_permits(1);
    assert!(slow.await.unwrap().ends_with("done"), "what is in progress is not cut off");
}

#[tokio::test]
async fn when_all_are_busy_who_comes_is_not_kept_waiting() {
    let entered = Arc::new(Semaphore::new(0));
    let entering = entered.clone();
    let never = move || {
        entering.add_permits(1);
        std::future::pending::<()>()
    };
    let (address, _stop, _server) = start_with(Router::new().route("/", get(never)), Patience::default(), 2).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(HEALTH.as_bytes()).await.unwrap();
        busy.push(stream);
    }
    entered.acquire_many(2).await.unwrap().forget();
    let mut third = TcpStream::connect(address).await.unwrap();
    let closed = tokio::time::timeout(PATIENCE, third.read(&mut [0; 8])).await.expect("it is closed");
    assert!(matches!(closed, Ok(0) | Err(_)));
    drop(busy);
    // There is room again as soon as the server notices.
    let taken = async {
        while entered.try_acquire().is_err() {
            let mut free = TcpStream::connect(address).await.unwrap();
            let _ = free.write_all(HEALTH.as_bytes()).await;
            let _ = tokio::time::timeout(SHORT, free.read(&mut [0; 8])).await;
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.expect("there is room again");
}
