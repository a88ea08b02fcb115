//! Reading answers: small ones at once, large ones while they arrive, on a thread that may be busy.
//!
//! Decoding megabytes on an async worker would stall whatever else it serves. So what is larger than a few packets is
//! decoded on a blocking thread that is fed through a bounded channel: the network cannot run ahead of the decoder, and
//! memory holds the tree and a few chunks, not the text.

use std::io::{self, BufRead, Read};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::sync::mpsc;

use crate::wire::DecodeError;

/// An answer up to this size is decoded where it is received: well below a millisecond.
const INLINE_BYTES: usize = 64 << 10;
/// Packets are put together up to this size: waking the decoder for each costs more than decoding it.
const CHUNK_BYTES: usize = 128 << 10;

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum BodyError {
    Transport(reqwest::Error),
    TooLarge,
}

/// Why a body that has come could not be decoded.
#[derive(Debug)]
pub(super) enum Undecoded {
    Decode(DecodeError),
    /// The runtime is shutting down.
    Stopped,
}

/// The bytes of a body: what is at hand, and where more comes from.
pub(super) struct Source {
    current: Bytes,
    more: Option<mpsc::Receiver<Bytes>>,
}

impl Read for Source {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() {
            match self.more.as_mut().and_then(mpsc::Receiver::blocking_recv) {
                Some(chunk) => self.current = chunk,
                // The end, or the receiving side is gone; then nobody waits for the result either.
                None => break,
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, count: usize) {
        self.current.advance(count);
    }
}

/// A body whose bytes have all come. It may still be being decoded.
pub(super) struct Received<T> {
    /// How it begins.
    head: Bytes,
    decoding: Decoding<T>,
}

enum Decoding<T> {
    Done(Result<T, DecodeError>),
    Running(tokio::task::JoinHandle<Result<T, DecodeError>>),
}

impl<T> Received<T> {
    /// How the body begins: all of a small one.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// Waits for the end of the decoding.
    pub(super) async fn decoded(self) -> Result<T, Undecoded> {
        let decoded = match self.decoding {
            Decoding::Done(decoded) => decoded,
            Decoding::Running(task) => match task.await {
                Ok(decoded) => decoded,
                // An error of ours is not to look like an end in order.
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => return Err(Undecoded::Stopped),
            },
        };
        decoded.map_err(Undecoded::Decode)
    }
}

/// Receives a body and decodes it meanwhile. At most `ahead_bytes` of it wait for the decoder.
pub(super) async fn receive<T: Send + 'static>(
    mut response: reqwest::Response,
    answer_bytes: u64,
    ahead_bytes: usize,
    decode: impl FnOnce(Source) -> Result<T, DecodeError> + Send + 'static,
) -> Result<Received<T>, BodyError> {
    let mut total: u64 = 0;
    let mut count = |chunk: &Bytes| {
        total += chunk.len() as u64;
        if total > answer_bytes { Err(BodyError::TooLarge) } else { Ok(()) }
    };
    let mut head = BytesMut::new();
    loop {
        match response.chunk().await.map_err(BodyError::Transport)? {
            None => {
                let head = head.freeze();
                let decoded = decode(Source { current: head.clone(), more: None });
                return Ok(Received { head, decoding: Decoding::Done(decoded) });
            }
            Some(chunk) => {
                count(&chunk)?;
                head.extend_from_slice(&chunk);
            }
        }
        if head.len() > INLINE_BYTES {
            break;
        }
    }
    let head = head.freeze();
    let (feed, more) = mpsc::channel((ahead_bytes / CHUNK_BYTES).max(1));
    let source = Source { current: head.clone(), more: Some(more) };
    let decoding = tokio::task::spawn_blocking(move || decode(source));
    let mut chunk = BytesMut::new();
    loop {
        let packet = response.chunk().await.map_err(BodyError::Transport)?;
        let ended = packet.is_none();
        if let Some(packet) = packet {
            count(&packet)?;
            chunk.extend_from_slice(&packet);
        }
        if ended || chunk.len() >= CHUNK_BYTES {
            let heard = feed.send(chunk.split().freeze()).await.is_ok();
            // Either all of it was sent, or the decoder has seen enough: it failed, and says why.
            if ended || !heard {
                break;
            }
            chunk.reserve(CHUNK_BYTES + INLINE_BYTES);
        }
    }
    Ok(Received { head, decoding: Decoding::Running(decoding) })
}

/// Collects a whole body.
pub(super) async fn collect(mut response: reqwest::Response, limit_bytes: u64) -> Result<Bytes, BodyError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Transport)? {
        if (body.len() + chunk.len()) as u64 > limit_bytes {
            return Err(BodyError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
