//! Why a use case was not done: one small closed set, so that every interface can answer each of them.
//!
//! What a caller may read stands in the variants' fields; what is internal stands only in the source of
//! [`Error::Internal`], which goes to the log and never into an answer.

use std::time::Duration;

use crate::authz::Denied;
use crate::model::{ProviderId, Revision};

/// Why a use case was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It does not exist, or the caller may not know that it does.
    #[error("there is no {noun} {id}")]
    NotFound {
        /// What was looked for, in the words of the API.
        noun: &'static str,
        /// The id that was asked for.
        id: String,
    },
    /// What was given cannot be accepted.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Another provider has the same name or address.
    #[error("`{field}` is already used by provider {name}")]
    ProviderExists {
        /// The provider that is there.
        id: ProviderId,
        /// Its name.
        name: String,
        /// What is the same: `name`, or `endpoints[0]`.
        field: String,
    },
    /// The provider is being removed and cannot be changed any more.
    #[error("the provider {0} is being removed")]
    ProviderRemoving(ProviderId),
    /// The provider is not synced at present, so that there is nothing to do it with.
    #[error("the provider {id} is not running: {why}")]
    ProviderNotRunning {
        /// The provider.
        id: ProviderId,
        /// Why it does not run.
        why: &'static str,
    },
    /// It was changed by somebody else since the caller read it.
    #[error("the generation is {actual}, not {expected}")]
    Precondition {
        /// The generation that the caller named.
        expected: String,
        /// The present one.
        actual: i64,
    },
    /// The caller's key for this request was used for another one.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    /// The name or the password is wrong. It is never said which.
    #[error("the user name or the password is wrong")]
    CredentialsRefused,
    /// There is no token, or it is unknown, expired or signed out.
    #[error("the token is missing, unknown, expired or signed out")]
    Unauthenticated,
    /// Too many sign-ins have failed lately.
    #[error("too many failed sign-ins; try again in {} s", retry_after.as_secs())]
    TooManyAttempts {
        /// When the next try will be looked at.
        retry_after: Duration,
    },
    /// The caller is known, but may not do it.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It would give, take or change more than the caller has: nobody gives what he does not have.
    #[error("{what} {role}, which you do not have there")]
    Exceeds {
        /// How it is more.
        what: &'static str,
        /// A role or a permission that the caller lacks.
        role: String,
    },
    /// Something of the same name is there already.
    #[error("there is a {noun} named {name} already")]
    Exists {
        /// What.
        noun: &'static str,
        /// Its id.
        id: String,
        /// Its name.
        name: String,
        /// The member of the body that is the same.
        field: String,
    },
    /// Something else needs it as it is.
    #[error("{what} cannot be changed: {why}")]
    InUse {
        /// What was to be changed or removed.
        what: String,
        /// Why it cannot be, and what to do first.
        why: String,
    },
    /// The change log no longer reaches back that far: list again.
    #[error("the change log begins at revision {oldest}, after {asked}")]
    RevisionCompacted {
        /// What was asked for.
        asked: Revision,
        /// From where a watch can begin.
        oldest: Revision,
    },
    /// The revision is none of this change log: it was replaced by an older one, or is another gateway's. List again.
    #[error("revision {asked} is not in the change log: the newest is {newest}")]
    RevisionUnknown {
        /// What was asked for.
        asked: Revision,
        /// The newest that was given.
        newest: Revision,
    },
    /// It cannot be done now, but soon.
    #[error("{message}")]
    Unavailable {
        /// Why, for people.
        message: &'static str,
        /// When to try again.
        retry_after: Duration,
    },
    /// An error of the gateway itself. The source goes to the log only.
    #[error("{act}")]
    Internal {
        /// What was being done.
        act: &'static str,
        /// What went wrong.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What a use case gives back.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An internal error: what was being done, and what went wrong.
    pub fn internal(act: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal { act, source: source.into() }
    }

    /// Nothing of this id is there, or may be known to the caller.
    pub fn not_found(noun: &'static str, id: impl ToString) -> Self {
        Self::NotFound { noun, id: id.to_string() }
    }
}

/// What was given that cannot be accepted, where, and what would be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Invalid {
    /// Which part of the request.
    pub subject: Subject,
    /// The query parameter, or the member of the body (`endpoints[1]`, `trust.ca_pem`).
    pub field: String,
    /// What is wrong and how to mend it, for people.
    pub message: String,
    /// What would be accepted, where that is a list.
    pub allowed: Vec<String>,
}

/// The part of a request that cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A member of the body.
    Field,
    /// A filter of a list.
    Filter,
    /// The order of a list.
    Sort,
    /// The size of a page.
    Limit,
    /// The place in a list.
    PageToken,
    /// A revision.
    Revision,
    /// Any other query parameter.
    Parameter,
}

impl Invalid {
    /// A part of the request that cannot be accepted, and why.
    pub fn new(subject: Subject, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject, field: field.into(), message: message.into(), allowed: Vec::new() }
    }

    /// A member of the body that cannot be accepted, and why.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(Subject::Field, field, message)
    }

    /// The same, with what would be accepted.
    #[must_use]
    pub fn allowed<I: Into<String>>(mut self, allowed: impl IntoIterator<Item = I>) -> Self {
        self.allowed = allowed.into_iter().map(Into::into).collect();
        self
    }
}
