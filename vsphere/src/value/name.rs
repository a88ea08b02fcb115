//! Interned names: element, type and property names of the vim schema.
//!
//! The schema has a few thousand names and an answer repeats them by the hundred thousand, so a name is one shared
//! allocation and cloning it is a reference count. Invariant: the process-wide table is bounded, whatever a server
//! sends; beyond the bound a name is simply not shared.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock, RwLock};

/// How many names the process-wide table keeps at most. The whole vim schema of 9.0 has about 12,000.
const TABLE_LIMIT: usize = 32_768;
/// Longer names are not interned: no name of the schema comes near.
const INTERNED_LENGTH_LIMIT: usize = 128;

/// A shared, immutable name of an element, a type or a property path.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The shared name equal to `text`.
    pub fn new(text: &str) -> Self {
        static TABLE: OnceLock<RwLock<HashSet<Arc<str>>>> = OnceLock::new();
        if text.len() > INTERNED_LENGTH_LIMIT {
            return Self(Arc::from(text));
        }
        let table = TABLE.get_or_init(Default::default);
        // A poisoned table is still a set of names; nothing in it can be half written.
        let read = table.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(name) = read.get(text) {
            return Self(Arc::clone(name));
        }
        drop(read);
        let name: Arc<str> = Arc::from(text);
        let mut write = table.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        if write.len() < TABLE_LIMIT {
            if let Some(first) = write.get(text) {
                return Self(Arc::clone(first));
            }
            write.insert(Arc::clone(&name));
        }
        Self(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Name {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl serde::Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Ok(Self::new(&text))
    }
}
