//! The wire: SOAP envelopes to and from [`Value`](crate::Value)s.
//!
//! Knows XML and the vim type system, and nothing of HTTP, sessions or particular calls. Invariant: no input makes it
//! panic, recurse, expand an entity or exceed its [`Limits`].

mod decode;
mod encode;
mod keep;
mod limits;
mod primitive;
mod scan;

pub(crate) use decode::decode_document;
pub use decode::{Answer, DecodeError, Fault, LimitKind, decode, decode_kept};
pub(crate) use encode::Envelope;
pub use keep::Keep;
pub use limits::Limits;

#[cfg(test)]
mod tests;
