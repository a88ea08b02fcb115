//! What the change log says: which object changed, in which order.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Kind, Object, ObjectId, Owner, ProviderId, SourceId, Time};

/// A position in the change log. Opaque to clients: they hand back what they were given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Revision {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What an entry of the change log says that happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogOp {
    /// It is new, or differs from what was known.
    Put,
    /// It is gone.
    Delete,
}

/// One entry of the change log, with what the read model needs to apply it.
#[derive(Clone, Debug)]
pub struct Change {
    /// Its place in the log.
    pub revision: Revision,
    /// When it was committed.
    pub at: Time,
    /// The object.
    pub id: ObjectId,
    /// The object's kind.
    pub kind: Kind,
    /// Whose the object is.
    pub owner: Owner,
    /// The provider that the object belongs to.
    pub provider_id: ProviderId,
    /// The source that tells of the object.
    pub source_id: SourceId,
    /// What happened.
    pub op: ChangeOp,
}

/// What happened to an object.
#[derive(Clone, Debug)]
pub enum ChangeOp {
    /// It is new, or differs from what was known.
    Put {
        /// Its stored text: a JSON object, with the state member first where the kind has one.
        body: Arc<str>,
        /// The same, typed.
        object: Arc<Object>,
        /// When the gateway first saw it.
        created_at: Time,
    },
    /// It is gone from its platform.
    Delete,
}
