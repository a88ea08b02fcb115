//! Forwards the audit log as syslog (RFC 5424): each entry is one message, its JSON line as the text.
//!
//! It follows the table from the last entry that was forwarded, which the database remembers; so a receiver that is away, or
//! a restart, loses nothing. Syslog answers nothing: what was written to a connection counts as forwarded when the
//! connection still stands a moment later. When it breaks before, those entries are sent again; so a receiver may get some
//! twice (`seq` tells), and what a network swallowed while the connection seemed to stand is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use opentelemetry::global;
use rand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::model::{AuditEntry, AuditResult};
use crate::store::Store;

/// How often the table is looked at when there was nothing new.
const EVERY: Duration = Duration::from_secs(1);
/// How many entries are sent before the place is remembered.
const BATCH: u64 = 500;
/// How long a connection may take to come about, and a batch to be taken.
const DEADLINE: Duration = Duration::from_secs(10);
/// For so long a connection has to stand after a batch.
const STANDS_FOR: Duration = Duration::from_millis(250);
/// The first wait after a failure, and the longest.
const WAIT_FIRST: Duration = Duration::from_millis(500);
const WAIT_LONGEST: Duration = Duration::from_secs(60);
/// How long a batch that is under way may take to end when the gateway stops: else its entries would be sent again.
const GRACE: Duration = Duration::from_secs(2);
/// The facility "log audit".
const FACILITY: u8 = 13;

/// Where syslog is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Whether by TCP; else by UDP.
    pub tcp: bool,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl std::fmt::Display for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}:{}", if self.tcp { "tcp" } else { "udp" }, self.host, self.port)
    }
}

/// Why an entry was not forwarded.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the receiver cannot be reached or has gone")]
    Receiver(#[from] std::io::Error),
    #[error("the receiver did not take it within {} s", DEADLINE.as_secs())]
    Deadline(#[from] tokio::time::error::Elapsed),
    #[error("the audit log cannot be read, or its place cannot be remembered")]
    Store(#[from] crate::store::Error),
}

/// What is told of it.
#[derive(Clone, Default)]
struct Figures {
    /// Entries that wait.
    waiting: Arc<AtomicI64>,
    /// Since when the oldest of them waits, microseconds since 1970; 0 when none does.
    since: Arc<AtomicI64>,
    failures: Arc<AtomicU64>,
}

impl Figures {
    /// Instruments of the process-wide meter provider, which must be set before.
    fn observed(clock: Clock) -> Self {
        let figures = Self::default();
        let meter = global::meter("spandrel.audit");
        let waiting = Arc::clone(&figures.waiting);
        let _ = meter
            .i64_observable_up_down_counter("spandrel_audit_waiting")
            .with_description("Entries of the audit log that were not forwarded yet.")
            .with_callback(move |observer| observer.observe(waiting.load(Ordering::Relaxed), &[]))
            .build();
        let since = Arc::clone(&figures.since);
        let _ = meter
            .f64_observable_up_down_counter("spandrel_audit_lag")
            .with_unit("s")
            .with_description("How long the oldest entry that was not forwarded yet waits.")
            .with_callback(move |observer| {
                let since = since.load(Ordering::Relaxed);
                let micros = if since == 0 { 0 } else { clock.now().timestamp_micros().saturating_sub(since).max(0) };
                observer.observe(Duration::from_micros(micros.unsigned_abs()).as_secs_f64(), &[]);
            })
            .build();
        let failures = Arc::clone(&figures.failures);
        let _ = meter
            .u64_observable_counter("spandrel_audit_forward_failures")
            .with_description("Times that forwarding the audit log failed and was begun again.")
            .with_callback(move |observer| observer.observe(failures.load(Ordering::Relaxed), &[]))
            .build();
        figures
    }

    fn waits(&self, count: u64, oldest: Option<&AuditEntry>) {
        self.waiting.store(i64::try_from(count).unwrap_or(i64::MAX), Ordering::Relaxed);
        self.since.store(oldest.map_or(0, |entry| entry.at.timestamp_micros()), Ordering::Relaxed);
    }
}

/// Forwards the log until it is cancelled.
pub async fn forward(store: Store, receiver: Receiver, clock: Clock, cancel: CancellationToken) {
    let figures = Figures::observed(clock);
    let head = header_end();
    let mut failures = 0;
    loop {
        // The connection begins anew with each round that failed.
        let following = follow(&store, &receiver, &head, &figures, &mut failures, &cancel);
        let error = tokio::select! {
            ended = following => match ended {
                Ok(()) => return,
                Err(error) => error,
            },
            () = async { cancel.cancelled().await; tokio::time::sleep(GRACE).await } => return,
        };
        figures.failures.fetch_add(1, Ordering::Relaxed);
        if failures == 0 {
            tracing::warn!(%receiver, error = &error as &dyn std::error::Error, "the audit log is not forwarded at present");
        }
        let wait = wait_after(failures);
        failures = failures.saturating_add(1);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = cancel.cancelled() => return,
        }
    }
}

/// Jittered, from half of the step to the whole step.
fn wait_after(failures: u32) -> Duration {
    let step = WAIT_FIRST.saturating_mul(1 << failures.min(10)).min(WAIT_LONGEST);
    step.mul_f64(rand::rng().random_range(0.5..=1.0))
}

/// Sends what is new, again and again, over one connection, until it is cancelled.
async fn follow(
    store: &Store,
    receiver: &Receiver,
    head: &str,
    figures: &Figures,
    failures: &mut u32,
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    let mut connection = None;
    while !cancel.is_cancelled() {
        let sent = round(store, receiver, head, figures, &mut connection).await?;
        if *failures > 0 && sent > 0 {
            tracing::info!(%receiver, "the audit log is forwarded again");
            *failures = 0;
        }
        if sent < BATCH {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = cancel.cancelled() => {}
            }
        }
    }
    Ok(())
}

/// Sends a batch, and remembers that it was sent. Gives how many.
async fn round(
    store: &Store,
    receiver: &Receiver,
    head: &str,
    figures: &Figures,
    connection: &mut Option<Connection>,
) -> Result<u64, Failure> {
    let system = store.system("forward the audit log");
    let place = system.audit_head().await?;
    // What retention dropped cannot be sent any more.
    if place.forwarded_through < place.dropped_through {
        let lost = place.dropped_through - place.forwarded_through;
        tracing::error!(lost, "entries of the audit log were dropped before they were forwarded");
    }
    let after = place.forwarded_through.max(place.dropped_through);
    let entries = system.audit_after(after, BATCH).await?;
    figures.waits(place.seq.saturating_sub(after), entries.first());
    let Some(last) = entries.last() else { return Ok(0) };
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(tokio::time::timeout(DEADLINE, Connection::open(receiver)).await??),
    };
    tokio::time::timeout(DEADLINE, connection.send(&entries, head)).await??;
    connection.stands().await?;
    system.audit_forwarded(last.seq).await?;
    figures.waits(place.seq.saturating_sub(last.seq), None);
    Ok(entries.len() as u64)
}

/// A way to the receiver.
enum Connection {
    Tcp(TcpStream),
    Udp(UdpSocket),
}

impl Connection {
    async fn open(receiver: &Receiver) -> std::io::Result<Self> {
        let address = (receiver.host.as_str(), receiver.port);
        if receiver.tcp {
            return Ok(Self::Tcp(TcpStream::connect(address).await?));
        }
        let mut why = std::io::Error::from(std::io::ErrorKind::NotFound);
        for address in tokio::net::lookup_host(address).await? {
            let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any).await?;
            match socket.connect(address).await {
                Ok(()) => return Ok(Self::Udp(socket)),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    async fn send(&mut self, entries: &[AuditEntry], head: &str) -> std::io::Result<()> {
        match self {
            Self::Tcp(stream) => {
                let mut bytes = Vec::with_capacity(entries.len() * 600);
                for message in entries.iter().map(|entry| message(entry, head)) {
                    // RFC 6587: the length goes before it, so that no text can end a message.
                    bytes.extend_from_slice(format!("{} ", message.len()).as_bytes());
                    bytes.extend_from_slice(message.as_bytes());
                }
                stream.write_all(&bytes).await?;
                stream.flush().await
            }
            Self::Udp(socket) => {
                for entry in entries {
                    socket.send(message(entry, head).as_bytes()).await?;
                }
                Ok(())
            }
        }
    }

    /// Fails when the other end has gone. What it sends is thrown away: syslog has no answers.
    async fn stands(&mut self) -> std::io::Result<()> {
        let mut answer = [0; 512];
        let ends = async {
            loop {
                let read = match self {
                    Self::Tcp(stream) => stream.read(&mut answer).await?,
                    Self::Udp(socket) => socket.recv(&mut answer).await?.max(1),
                };
                if read == 0 {
                    return Err::<(), _>(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
                }
            }
        };
        tokio::time::timeout(STANDS_FOR, ends).await.unwrap_or(Ok(()))
    }
}

/// A message of RFC 5424.
fn message(entry: &AuditEntry, head: &str) -> String {
    let severity = match entry.result {
        AuditResult::Done => 6,
        AuditResult::Failed => 5,
        AuditResult::Denied => 4,
    };
    let at = entry.at.format("%Y-%m-%dT%H:%M:%S%.6fZ");
    let id: String = entry.action.chars().filter(char::is_ascii_graphic).take(32).collect();
    let id = if id.is_empty() { "-" } else { &id };
    format!("<{}>1 {at} {head} {id} - {}", FACILITY * 8 + severity, entry.line())
}

/// What of a message's head is always the same: the machine, the program, its process.
fn header_end() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.chars().filter(char::is_ascii_graphic).take(255).collect();
    let name = if name.is_empty() { "-" } else { &name };
    format!("{name} spandrel {}", std::process::id())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::net::TcpListener;

    use super::*;
    use crate::model::{Door, NewAudit};
    use crate::store::tests::Fixture;

    async fn append(fx: &Fixture, count: usize) {
        for _ in 0..count {
            let new = NewAudit { actor: "ädmin\n".to_owned(), ..NewAudit::of_gateway(Door::Api, "login", "session") };
            fx.system().audit_append(new).await.unwrap();
        }
    }

    fn start(fx: &Fixture, tcp: bool, address: SocketAddr) -> (CancellationToken, tokio::task::JoinHandle<()>) {
        let cancel = CancellationToken::new();
        let receiver = Receiver { tcp, host: address.ip().to_string(), port: address.port() };
        let task = tokio::spawn(forward(fx.store.clone(), receiver, fx.clock.clone(), cancel.clone()));
        (cancel, task)
    }

    /// Reads one message, as RFC 6587 counts it; gives the entry's number.
    async fn read_one(stream: &mut TcpStream) -> Option<u64> {
        let mut length = 0;
        loop {
            match stream.read_u8().await.ok()? {
                b' ' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut message = vec![0; length];
        stream.read_exact(&mut message).await.ok()?;
        Some(check(std::str::from_utf8(&message).unwrap()))
    }

    fn check(message: &str) -> u64 {
        let mut parts = message.splitn(8, ' ');
        let mut next = || parts.next().unwrap();
        assert_eq!(next(), "<110>1");
        assert_eq!(next(), "2027-01-15T08:00:00.123456Z");
        let machine = next();
        assert!(!machine.is_empty());
        assert_eq!((next(), next()), ("spandrel", std::process::id().to_string().as_str()));
        assert_eq!((next(), next()), ("login", "-"));
        let entry: serde_json::Value = serde_json::from_str(next()).unwrap();
        assert_eq!(entry["actor"], "ädmin\n");
        entry["seq"].as_u64().unwrap()
    }

    async fn forwarded(fx: &Fixture, through: u64) {
        while fx.system().audit_head().await.unwrap().forwarded_through < through {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn entries_are_sent_once_in_their_order_and_go_on_after_a_restart() {
        let fx = Fixture::sqlite().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        append(&fx, 700).await;
        for (first, last) in [(1, 700), (701, 703)] {
            let (cancel, task) = start(&fx, true, listener.local_addr().unwrap());
            let (mut stream, _) = listener.accept().await.unwrap();
            for expected in first..=last {
                assert_eq!(read_one(&mut stream).await, Some(expected));
            }
            // What was sent is remembered, also when it stops at this moment.
            cancel.cancel();
            task.await.unwrap();
            forwarded(&fx, last).await;
            assert_eq!(read_one(&mut stream).await, None, "nothing more was sent");
            append(&fx, 3).await;
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_a_broken_connection_may_have_swallowed_is_sent_again() {
        let fx = Fixture::sqlite().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        append(&fx, 5).await;
        let (cancel, task) = start(&fx, true, listener.local_addr().unwrap());
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!(read_one(&mut stream).await, Some(1));
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        for expected in 1..=5 {
            assert_eq!(read_one(&mut stream).await, Some(expected));
        }
        forwarded(&fx, 5).await;
        // A receiver that went away while there was nothing to send.
        drop(stream);
        append(&fx, 2).await;
        let (mut stream, _) = listener.accept().await.unwrap();
        assert_eq!((read_one(&mut stream).await, read_one(&mut stream).await), (Some(6), Some(7)));
        forwarded(&fx, 7).await;
        cancel.cancel();
        task.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_receiver_that_is_away_gets_everything_when_it_comes() {
        let fx = Fixture::sqlite().await;
        let address = {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap()
        };
        append(&fx, 3).await;
        let (cancel, task) = start(&fx, true, address);
        tokio::time::sleep(Duration::from_millis(300)).await;
        let listener = TcpListener::bind(address).await.unwrap();
        let (mut stream, _) = listener.accept().await.unwrap();
        for expected in 1..=3 {
            assert_eq!(read_one(&mut stream).await, Some(expected));
        }
        forwarded(&fx, 3).await;
        cancel.cancel();
        task.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn by_udp_each_entry_is_a_datagram() {
        let fx = Fixture::sqlite().await;
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        append(&fx, 4).await;
        let (cancel, task) = start(&fx, false, socket.local_addr().unwrap());
        let mut buffer = vec![0; 65_536];
        for expected in 1..=4 {
            let length = socket.recv(&mut buffer).await.unwrap();
            assert_eq!(check(std::str::from_utf8(&buffer[..length]).unwrap()), expected);
        }
        forwarded(&fx, 4).await;
        cancel.cancel();
        task.await.unwrap();
    }

    #[test]
    fn waits_grow_to_a_limit() {
        for failures in 0..40 {
            let wait = wait_after(failures);
            assert!(wait >= WAIT_FIRST / 2 && wait <= WAIT_LONGEST, "{wait:?}");
        }
        assert!(wait_after(0) <= WAIT_FIRST && wait_after(30) >= WAIT_LONGEST / 2);
    }
}
