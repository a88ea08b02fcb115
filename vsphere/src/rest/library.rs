//! Content libraries and their items.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::{Rest, encode};
use crate::error::Result;
use crate::value::MoRef;

const LIBRARY: &str = "content/library";
const ITEM: &str = "content/library/item";

/// A content library.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Library {
    /// A UUID.
    pub id: String,
    /// Its name; not unique.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether its contents are its own.
    #[serde(rename = "type", default)]
    pub kind: LibraryKind,
    /// Where its contents lie.
    #[serde(default)]
    storage_backings: Vec<StorageBacking>,
    /// When it was made.
    #[serde(default)]
    pub creation_time: Option<DateTime<Utc>>,
    /// When it, not its items, was changed last.
    #[serde(default)]
    pub last_modified_time: Option<DateTime<Utc>>,
    /// Changes with every change.
    #[serde(default)]
    pub version: String,
}

/// Whether a library's contents are its own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum LibraryKind {
    /// Its own.
    Local,
    /// Another library's.
    Subscribed,
    /// A kind that this crate does not know.
    #[serde(other)]
    #[default]
    Other,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
struct StorageBacking {
    #[serde(default)]
    datastore_id: Option<String>,
}

impl Library {
    /// The datastores that its contents lie on; none when they lie elsewhere.
    pub fn datastores(&self) -> impl Iterator<Item = MoRef> {
        let ids = self.storage_backings.iter().filter_map(|backing| backing.datastore_id.as_deref());
        ids.map(|id| MoRef::new("Datastore", id))
    }
}

/// An item of a content library.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct LibraryItem {
    /// A UUID.
    pub id: String,
    /// The library that it is in.
    pub library_id: String,
    /// Unique within its library.
    pub name: String,
    /// What it is.
    #[serde(default)]
    pub description: String,
    /// `ovf`, `iso`, `vm-template`, or whatever its maker called it.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// The size of all its files, in bytes.
    #[serde(default)]
    pub size: u64,
    /// Whether its files are here, and not only known from the subscribed library.
    #[serde(default)]
    pub cached: bool,
    /// When it was made.
    #[serde(default)]
    pub creation_time: Option<DateTime<Utc>>,
    /// When it, not its files, was changed last.
    #[serde(default)]
    pub last_modified_time: Option<DateTime<Utc>>,
    /// Changes with every change of it.
    #[serde(default)]
    pub version: String,
    /// Changes with every change of its files.
    #[serde(default)]
    pub content_version: String,
}

impl Rest {
    /// Every content library that the account may see.
    pub async fn libraries(&self) -> Result<Vec<Library>> {
        let ids = self.get_list("library list", &self.inner.spelling.collection(LIBRARY)).await?;
        self.get_each("library get", LIBRARY, ids).await
    }

    /// The items of a content library.
    pub async fn library_items(&self, library_id: &str) -> Result<Vec<LibraryItem>> {
        let path = format!("{}?library_id={}", self.inner.spelling.collection(ITEM), encode(library_id));
        let ids = self.get_list("library item list", &path).await?;
        self.get_each("library item get", ITEM, ids).await
    }
}
