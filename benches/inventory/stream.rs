//! Readers of the change stream, cheap enough that a thousand of them fit beside the gateway.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::gateway::Gateway;

/// One event: the revision of its `id`, if it has one, and its whole text.
pub struct Event<'a> {
    pub revision: Option<u64>,
    pub text: &'a [u8],
}

impl Event<'_> {
    /// Whether it has this name.
    pub fn is(&self, name: &str) -> bool {
        self.text.strip_prefix(b"event: ").is_some_and(|rest| rest.starts_with(name.as_bytes()))
    }

    /// Its JSON.
    pub fn data(&self) -> anyhow::Result<serde_json::Value> {
        let at = memmem::find(self.text, b"\ndata: ").context("an event without data")?;
        let line = self.text[at + 7..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        Ok(serde_json::from_slice(line)?)
    }
}

/// A connection that reads the stream.
pub struct Stream {
    socket: TcpStream,
    /// Bytes as they came, in the pieces of HTTP's chunked encoding.
    raw: Vec<u8>,
    /// How much of the piece at hand is still to come.
    piece_left: usize,
    /// The stream itself, as far as it was not handed out.
    text: Vec<u8>,
}

impl Stream {
    /// Begins to watch. `small`: with as little room for unread bytes as the system allows.
    pub async fn open(gateway: &Gateway, query: &str, small: bool) -> anyhow::Result<Self> {
        let socket = tokio::net::TcpSocket::new_v4()?;
        if small {
            socket.set_recv_buffer_size(4096)?;
        }
        let mut socket = socket.connect(gateway.address().parse()?).await?;
        let request = format!(
            "GET /v1/watch?{query} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
            gateway.address(),
            gateway.token
        );
        socket.write_all(request.as_bytes()).await?;
        let mut raw = Vec::new();
        let head = loop {
            ensure!(socket.read_buf(&mut raw).await? > 0, "the connection ended before the answer");
            if let Some(at) = memmem::find(&raw, b"\r\n\r\n") {
                break at;
            }
        };
        ensure!(raw.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&raw[..head]));
        raw.drain(..head + 4);
        Ok(Self { socket, raw, piece_left: 0, text: Vec::new() })
    }

    /// Waits for more, hands every whole event out, and answers when the bytes came; `None` at the end of the stream.
    pub async fn read(&mut self, mut each: impl FnMut(Event<'_>)) -> anyhow::Result<Option<Instant>> {
        if self.socket.read_buf(&mut self.raw).await? == 0 {
            return Ok(None);
        }
        let now = Instant::now();
        self.unwrap_pieces();
        let mut from = 0;
        while let Some(end) = memmem::find(&self.text[from..], b"\n\n") {
            let text = &self.text[from..from + end + 1];
            let id = memmem::find(text, b"\nid: ").map(|at| &text[at + 5..]);
            let revision =
                id.and_then(|id| std::str::from_utf8(id.split(|byte| *byte == b'\n').next()?).ok()?.parse().ok());
            each(Event { revision, text });
            from += end + 2;
        }
        self.text.drain(..from);
        Ok(Some(now))
    }

    /// Takes so many bytes and looks at none of them, as somebody does who cannot keep up.
    pub async fn sip(&mut self, bytes: usize) -> anyhow::Result<bool> {
        let mut some = vec![0; bytes];
        let read = self.socket.read(&mut some).await?;
        // The end of what was sent must be found later.
        self.text.extend_from_slice(&some[..read]);
        let keep = self.text.len().saturating_sub(4096);
        self.text.drain(..keep);
        Ok(read > 0)
    }

    /// The last bytes that were sipped.
    pub fn tail(&self) -> &[u8] {
        &self.text
    }

    fn unwrap_pieces(&mut self) {
        let mut at = 0;
        loop {
            let take = self.piece_left.min(self.raw.len() - at);
            self.text.extend_from_slice(&self.raw[at..at + take]);
            at += take;
            self.piece_left -= take;
            if self.piece_left > 0 {
                break;
            }
            // `\r\n` of the piece before, then `SIZE\r\n`.
            let rest = &self.raw[at..];
            let skip = if rest.starts_with(b"\r\n") { 2 } else { 0 };
            let Some(line) = memmem::find(&rest[skip..], b"\r\n") else { break };
            let size =
                std::str::from_utf8(&rest[skip..skip + line]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
            let Some(size) = size else { break };
            at += skip + line + 2;
            self.piece_left = size;
        }
        self.raw.drain(..at);
    }
}

/// Durations, to be asked for their percentiles.
#[derive(Clone, Default)]
pub struct Spread(Vec<Duration>);

impl Spread {
    pub fn add(&mut self, duration: Duration) {
        self.0.push(duration);
    }

    pub fn extend(&mut self, other: Spread) {
        self.0.extend(other.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The duration below which so many of a hundred are.
    pub fn percentile(&mut self, percent: usize) -> Duration {
        self.0.sort_unstable();
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).copied().unwrap_or_default()
    }

    /// Median, p99 and the most, for people.
    pub fn text(&mut self) -> String {
        let ms = |duration: Duration| format!("{:.1}", duration.as_secs_f64() * 1e3);
        let (median, p99, most) = (self.percentile(50), self.percentile(99), self.percentile(100));
        format!("p50 {} ms, p99 {} ms, most {} ms", ms(median), ms(p99), ms(most))
    }
}
