//! What can go wrong between this client and a server.

use std::sync::Arc;
use std::time::Duration;

use crate::transport::Thumbprint;
use crate::value::MoRef;
use crate::wire::{DecodeError, Fault};

/// The result of a call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed. No variant ever holds a password, a cookie or a token.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not one of a vSphere server.
    #[error("the address is not usable: {0}")]
    Address(String),
    /// The certificate bundle or thumbprint cannot be used.
    #[error("the trust settings are not usable: {0}")]
    Trust(String),
    /// The server's certificate is not trusted. Compare the thumbprint with the server's own, then pin it.
    #[error("the certificate of {host} is not trusted ({reason}); its SHA-256 thumbprint is {presented}")]
    Untrusted {
        /// Host and port.
        host: String,
        /// The SHA-256 thumbprint of the certificate that the server presented.
        presented: Thumbprint,
        /// Why it is not trusted.
        reason: String,
    },
    /// The server could not be reached, or the connection broke.
    #[error("{call}: the connection to {host} failed")]
    Connection {
        /// The call.
        call: String,
        /// Host and port.
        host: String,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server did not answer in time.
    #[error("{call}: no answer within {} s", .limit.as_secs_f64())]
    Deadline {
        /// The call.
        call: String,
        /// The time it had.
        limit: Duration,
    },
    /// What answered is not a vSphere server.
    #[error("{host} is not a vSphere server: {reason}")]
    NotVsphere {
        /// Host and port.
        host: String,
        /// What it answered.
        reason: String,
    },
    /// The server refused the HTTP request.
    #[error("{call}: HTTP status {status}")]
    Status {
        /// The call.
        call: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer could not be decoded.
    #[error("{call}: the answer cannot be read")]
    Decode {
        /// The call.
        call: String,
        /// Why not.
        #[source]
        source: DecodeError,
    },
    /// The answer was understood but lacks what the call promises.
    #[error("{call}: the answer lacks {what}")]
    Incomplete {
        /// The call.
        call: String,
        /// What is missing.
        what: &'static str,
    },
    /// The request cannot be written.
    #[error("{call}: the request cannot be written: {reason}")]
    Request {
        /// The call.
        call: String,
        /// Why not.
        reason: String,
    },
    /// The server refused the user name or password. It was tried once and is not tried again, so that the account does
    /// not get locked, until [`Client::set_credentials`](crate::Client::set_credentials).
    #[error(
        "the server refused the user name or password; tried once, and not again until the credentials are replaced"
    )]
    InvalidLogin,
    /// The call failed on the server.
    #[error("{call}: {fault}")]
    Fault {
        /// The call.
        call: String,
        /// The server's fault.
        fault: Box<Fault>,
    },
    /// A REST call failed on the server.
    #[error("{call}: HTTP status {status}: {message}")]
    Rest {
        /// The call.
        call: String,
        /// The HTTP status.
        status: u16,
        /// The server's words, shortened.
        message: String,
    },
    /// The session ended on the server and what was held there (collectors, views, pages) with it.
    #[error("{call}: the session had expired")]
    SessionExpired {
        /// The call.
        call: String,
    },
    /// The task ended with an error.
    #[error("{task} failed: {fault}")]
    TaskFailed {
        /// The task.
        task: MoRef,
        /// The server's fault.
        fault: Box<Fault>,
    },
    /// The task could not be followed to its end; it may go on. Wait for it again, or read its state.
    #[error("{task} was lost sight of")]
    TaskLost {
        /// The task.
        task: MoRef,
        /// Why.
        #[source]
        source: Arc<Error>,
    },
    /// The server does not offer this.
    #[error("the server does not offer {0}")]
    Unsupported(&'static str),
    /// The background work that served this call has ended.
    #[error("the session is closed")]
    Closed,
}

impl Error {
    /// The server's fault, when the call failed on the server.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Error::Fault { fault, .. } => Some(fault),
            _ => None,
        }
    }

    /// Whether the call failed on the server with exactly that fault.
    pub fn is_fault(&self, kind: &str) -> bool {
        self.fault().is_some_and(|fault| fault.is(kind))
    }

    /// Whether the same call may well succeed later without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Connection { .. } | Error::Deadline { .. } | Error::SessionExpired { .. } => true,
            Error::Status { status, .. } | Error::Rest { status, .. } => matches!(status, 429 | 500..),
            _ => false,
        }
    }

    pub(crate) fn is_not_authenticated(&self) -> bool {
        matches!(self, Error::SessionExpired { .. }) || self.is_fault("NotAuthenticated")
    }
}
