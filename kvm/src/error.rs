//! What can go wrong, always with the act that was tried.
//!
//! Invariant: an error's own text names the act and the host, the cause is its `source()`, and neither ever
//! contains a password (libvirt's messages do not carry credentials, and ours are never formatted in).

use std::borrow::Cow;
use std::time::Duration;

use crate::uri::UriError;
use crate::xml::XmlError;

/// What was being done, as the end of the sentence "could not …": `"list domains"`.
pub type Act = Cow<'static, str>;

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that this crate reports.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// libvirt refused the call or lost the connection; the code and message are in the source.
    #[error("could not {act}")]
    Libvirt {
        /// What was tried.
        act: Act,
        /// libvirt's own error.
        #[source]
        source: LibvirtError,
    },
    /// The call did not return in time. Whether it still takes effect on the host is unknown.
    #[error("could not {act} on {host} within {limit:?}")]
    Deadline {
        /// What was tried.
        act: Act,
        /// The host, by its connection URI.
        host: String,
        /// The time that was given.
        limit: Duration,
        /// True if libvirt had been called; false if the call was still waiting for its turn and never began.
        begun: bool,
    },
    /// So many earlier calls to this host are still hanging that no further one is tried.
    #[error("could not {act} on {host}: {hanging} earlier calls still hang")]
    Stuck {
        /// What was asked for.
        act: Act,
        /// The host, by its connection URI.
        host: String,
        /// How many threads hang in a call.
        hanging: usize,
    },
    /// The host handle was closed.
    #[error("could not {act}: the connection to {host} was closed here")]
    Closed {
        /// What was asked for.
        act: Act,
        /// The host, by its connection URI.
        host: String,
    },
    /// A thread for the connection could not be started.
    #[error("could not start a thread for {host}: {reason}")]
    Thread {
        /// The host, by its connection URI.
        host: String,
        /// The operating system's words.
        reason: String,
    },
    /// The URI is not one that this crate connects to.
    #[error("the libvirt URI is not usable")]
    Uri(#[from] UriError),
    /// An object's XML could not be understood.
    #[error("could not understand the XML of {object}")]
    Xml {
        /// Which object.
        object: String,
        /// Why.
        #[source]
        source: XmlError,
    },
    /// Text for or from libvirt that cannot be passed on: a NUL inside an argument, or an answer that is not UTF-8.
    #[error("could not {act}: {what}")]
    Text {
        /// What was tried.
        act: Act,
        /// Which text and why.
        what: Cow<'static, str>,
    },
    /// A call panicked inside this process; its connection was discarded.
    #[error("could not {act}: the call failed inside this process")]
    Panicked {
        /// What was tried.
        act: Act,
    },
}

impl Error {
    /// True if the connection is gone, so that nothing is known about the object that was asked for.
    pub fn is_disconnected(&self) -> bool {
        match self {
            Error::Libvirt { source, .. } => source.is_disconnected(),
            Error::Deadline { .. } | Error::Stuck { .. } => true,
            _ => false,
        }
    }

    /// True if libvirt says that the object does not exist (and the connection is fine).
    pub fn is_not_found(&self) -> bool {
        matches!(self, Error::Libvirt { source, .. } if source.is_not_found())
    }

    /// True if the host refused who we are: a wrong password, a missing credential, a denied access.
    pub fn is_unauthorized(&self) -> bool {
        matches!(self, Error::Libvirt { source, .. } if source.is_unauthorized())
    }

    /// True if the driver or its version cannot do what was asked.
    pub fn is_unsupported(&self) -> bool {
        matches!(self, Error::Libvirt { source, .. } if source.is_unsupported())
    }

    /// True if the call was refused for a flag that the driver or the daemon's version does not know.
    pub(crate) fn refuses_flags(&self) -> bool {
        self.is_unsupported() || self.libvirt().is_some_and(|error| error.code == virt_sys::VIR_ERR_INVALID_ARG)
    }

    /// libvirt's own error, if there is one.
    pub fn libvirt(&self) -> Option<&LibvirtError> {
        match self {
            Error::Libvirt { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// An error as libvirt reports it (`virError`).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (libvirt error {code}, from {domain_name})", domain_name = domain_name(*domain))]
pub struct LibvirtError {
    /// `virErrorNumber`.
    pub code: u32,
    /// `virErrorDomain`: the part of libvirt that raised it.
    pub domain: u32,
    /// How bad libvirt thinks it is.
    pub level: ErrorLevel,
    /// libvirt's message, in the daemon's language.
    pub message: String,
}

/// `virErrorLevel`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorLevel {
    /// No level was given.
    None,
    /// A warning.
    Warning,
    /// An error.
    Error,
}

impl LibvirtError {
    /// True if the code or the message says that the connection, not the object, is the trouble.
    ///
    /// The remote driver reports a lost connection as `VIR_ERR_RPC`, `VIR_ERR_SYSTEM_ERROR` (a failed
    /// read or write), `VIR_ERR_INTERNAL_ERROR` ("client socket is closed", "received hangup event on
    /// socket") or, when `virConnectPtr` itself is dead, as `VIR_ERR_INVALID_CONN`; so the domain that raised it decides.
    pub fn is_disconnected(&self) -> bool {
        use virt_sys as sys;
        let from_transport = matches!(self.domain, sys::VIR_FROM_RPC | sys::VIR_FROM_REMOTE);
        match self.code {
            sys::VIR_ERR_NO_CONNECT | sys::VIR_ERR_INVALID_CONN => true,
            sys::VIR_ERR_RPC | sys::VIR_ERR_SYSTEM_ERROR | sys::VIR_ERR_GNUTLS_ERROR => from_transport,
            sys::VIR_ERR_INTERNAL_ERROR => {
                from_transport
                    && ["closed", "hangup", "keepalive", "end of file", "connection"]
                        .iter()
                        .any(|word| self.message.to_ascii_lowercase().contains(word))
            }
            _ => false,
        }
    }

    /// True if the object that was named does not exist.
    pub fn is_not_found(&self) -> bool {
        use virt_sys as sys;
        matches!(
            self.code,
            sys::VIR_ERR_NO_DOMAIN
                | sys::VIR_ERR_NO_NETWORK
                | sys::VIR_ERR_NO_STORAGE_POOL
                | sys::VIR_ERR_NO_STORAGE_VOL
                | sys::VIR_ERR_NO_NWFILTER
                | sys::VIR_ERR_NO_DOMAIN_SNAPSHOT
                | sys::VIR_ERR_NO_DOMAIN_CHECKPOINT
                | sys::VIR_ERR_NO_DOMAIN_METADATA
        )
    }

    /// True if the host refused who we are or what we may do.
    pub fn is_unauthorized(&self) -> bool {
        use virt_sys as sys;
        // A missing credential is an "invalid argument" of the area that authenticates.
        let missing = self.domain == sys::VIR_FROM_AUTH && self.code == sys::VIR_ERR_INVALID_ARG;
        missing
            || matches!(
                self.code,
                sys::VIR_ERR_AUTH_FAILED
                    | sys::VIR_ERR_AUTH_CANCELLED
                    | sys::VIR_ERR_AUTH_UNAVAILABLE
                    | sys::VIR_ERR_ACCESS_DENIED
                    | sys::VIR_ERR_OPERATION_DENIED
            )
    }

    /// True if the driver cannot do this at all.
    pub fn is_unsupported(&self) -> bool {
        use virt_sys as sys;
        matches!(
            self.code,
            sys::VIR_ERR_NO_SUPPORT
                | sys::VIR_ERR_OPERATION_UNSUPPORTED
                | sys::VIR_ERR_CONFIG_UNSUPPORTED
                | sys::VIR_ERR_ARGUMENT_UNSUPPORTED
        )
    }
}

/// The name of a `virErrorDomain` for people; the number where it is a rare one.
fn domain_name(domain: u32) -> Cow<'static, str> {
    use virt_sys as sys;
    Cow::Borrowed(match domain {
        sys::VIR_FROM_NONE => "libvirt",
        sys::VIR_FROM_RPC => "the RPC layer",
        sys::VIR_FROM_REMOTE => "the remote driver",
        sys::VIR_FROM_QEMU => "the QEMU driver",
        sys::VIR_FROM_TEST => "the test driver",
        sys::VIR_FROM_XML => "the XML parser",
        sys::VIR_FROM_DOM | sys::VIR_FROM_DOMAIN => "domain handling",
        sys::VIR_FROM_NETWORK | sys::VIR_FROM_NET => "the network driver",
        sys::VIR_FROM_STORAGE => "the storage driver",
        sys::VIR_FROM_NWFILTER => "the nwfilter driver",
        sys::VIR_FROM_AUTH => "authentication",
        sys::VIR_FROM_POLKIT => "polkit",
        other => return Cow::Owned(format!("area {other}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: u32, domain: u32, message: &str) -> LibvirtError {
        LibvirtError { code, domain, level: ErrorLevel::Error, message: message.to_owned() }
    }

    #[test]
    fn lost_connections_are_told_from_refused_calls() {
        use virt_sys as sys;
        let check = |code, domain, message, lost| {
            assert_eq!(error(code, domain, message).is_disconnected(), lost, "{message}");
        };
        check(sys::VIR_ERR_INTERNAL_ERROR, sys::VIR_FROM_RPC, "internal error: client socket is closed", true);
        check(sys::VIR_ERR_SYSTEM_ERROR, sys::VIR_FROM_RPC, "Cannot recv data: Connection reset by peer", true);
        check(sys::VIR_ERR_RPC, sys::VIR_FROM_REMOTE, "connection lost", true);
        check(sys::VIR_ERR_SYSTEM_ERROR, sys::VIR_FROM_QEMU, "cannot open /x: No such file", false);
        check(sys::VIR_ERR_INTERNAL_ERROR, sys::VIR_FROM_QEMU, "monitor socket is closed", false);
        check(sys::VIR_ERR_NO_DOMAIN, sys::VIR_FROM_QEMU, "Domain not found", false);
        assert!(error(sys::VIR_ERR_NO_DOMAIN, sys::VIR_FROM_QEMU, "Domain not found").is_not_found());
    }

    #[test]
    fn an_error_names_the_act_and_keeps_its_cause() {
        use std::error::Error as _;
        let error = Error::Libvirt { act: "list domains".into(), source: error(1, 7, "boom") };
        assert_eq!(error.to_string(), "could not list domains");
        assert_eq!(
            error.source().map(ToString::to_string).as_deref(),
            Some("boom (libvirt error 1, from the RPC layer)")
        );
    }
}
