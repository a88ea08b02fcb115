//! Reading answers: small ones at once, large ones while they arrive, on a thread that may be busy.
//!
//! Decoding megabytes on an async worker would stall whatever else it serves. So what is larger than a few packets is
//! decoded on a blocking thread that is fed through a bounded channel: the network cannot run ahead of the decoder, and
//! memory holds the tree and a few chunks, not the text.

use std::io::{self, BufRead, Read};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::sync::mpsc;

use crate::wire::{DecodeError, Limits};

/// An answer up to this size is decoded where it is received: well below a millisecond.
const INLINE_BYTES: usize = 64 << 10;
/// How many chunks may wait for the decoder.
const CHUNKS_IN_FLIGHT: usize = 8;

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum BodyError {
    Transport(reqwest::Error),
    TooLarge,
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

/// Decodes a body.
pub(super) async fn decode<T: Send + 'static>(
    mut response: reqwest::Response,
    limits: Limits,
    decode: fn(Source, &Limits) -> Result<T, DecodeError>,
) -> Result<T, BodyError> {
    let mut total: u64 = 0;
    let mut count = |chunk: &Bytes| {
        total += chunk.len() as u64;
        if total > limits.answer_bytes { Err(BodyError::TooLarge) } else { Ok(()) }
    };
    let mut head = BytesMut::new();
    loop {
        match response.chunk().await.map_err(BodyError::Transport)? {
            None => {
                let source = Source { current: head.freeze(), more: None };
                return decode(source, &limits).map_err(BodyError::Decode);
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
    let (feed, more) = mpsc::channel(CHUNKS_IN_FLIGHT);
    let source = Source { current: head.freeze(), more: Some(more) };
    let decoding = tokio::task::spawn_blocking(move || decode(source, &limits));
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Transport)? {
        count(&chunk)?;
        if feed.send(chunk).await.is_err() {
            // The decoder has seen enough: it failed, and says why.
            break;
        }
    }
    drop(feed);
    decoding.await.map_err(|_| BodyError::Stopped)?.map_err(BodyError::Decode)
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
