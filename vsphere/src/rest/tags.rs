//! Tags and categories, and what they are attached to.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Rest;
use crate::error::Result;
use crate::value::{MoRef, Name};

const CATEGORY: &str = "cis/tagging/category";
const TAG: &str = "cis/tagging/tag";
const ASSOCIATION: &str = "cis/tagging/tag-association";
/// How many tags or objects one bulk question names.
const BULK: usize = 500;

/// A category of tags.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize)]
pub struct TagCategory {
    /// `urn:vmomi:InventoryServiceCategory:…:GLOBAL`.
    pub id: String,
    /// Unique among categories.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether an object may have several of its tags.
    pub cardinality: Cardinality,
    /// The kinds of objects that its tags may be attached to; empty for any.
    #[serde(default)]
    pub associable_types: Vec<String>,
}

/// Whether an object may have several tags of a category.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Cardinality {
    /// One at most.
    Single,
    /// Any number.
    Multiple,
}

/// A tag.
#[derive(Clone, Debug, Eq, PartialEq, Deserialize)]
pub struct Tag {
    /// `urn:vmomi:InventoryServiceTag:…:GLOBAL`.
    pub id: String,
    /// Its category.
    pub category_id: String,
    /// Unique within its category.
    pub name: String,
    /// What it says.
    #[serde(default)]
    pub description: String,
}

/// How the service writes a managed object reference.
#[derive(Debug, Serialize, Deserialize)]
struct DynamicId {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

impl DynamicId {
    fn moref(&self) -> MoRef {
        MoRef::new(Name::new(&self.kind), self.id.as_str())
    }
}

impl From<&MoRef> for DynamicId {
    fn from(object: &MoRef) -> Self {
        Self { kind: object.kind.to_string(), id: object.value.to_string() }
    }
}

#[derive(Deserialize)]
struct ObjectsOfTag {
    tag_id: String,
    #[serde(default)]
    object_ids: Option<Vec<DynamicId>>,
}

#[derive(Deserialize)]
struct TagsOfObject {
    object_id: DynamicId,
    #[serde(default)]
    tag_ids: Option<Vec<String>>,
}

impl Rest {
    /// Every category that the account may see.
    pub async fn tag_categories(&self) -> Result<Vec<TagCategory>> {
        let ids = self.get_list("category list", &self.inner.spelling.collection(CATEGORY)).await?;
        self.get_each("category get", CATEGORY, ids).await
    }

    /// Every tag that the account may see.
    pub async fn tags(&self) -> Result<Vec<Tag>> {
        let ids = self.tag_ids().await?;
        self.get_each("tag get", TAG, ids).await
    }

    /// The ids of every tag that the account may see: one call, where [`Rest::tags`] needs one a tag.
    pub async fn tag_ids(&self) -> Result<Vec<String>> {
        self.get_list("tag list", &self.inner.spelling.collection(TAG)).await
    }

    /// The tags with these ids, without those that do not exist (any more).
    pub async fn tags_by_id(&self, ids: Vec<String>) -> Result<Vec<Tag>> {
        self.get_each("tag get", TAG, ids).await
    }

    /// What these tags are attached to, in few calls. A tag without objects may be left out.
    pub async fn tag_objects(&self, tag_ids: &[String]) -> Result<Vec<(String, Vec<MoRef>)>> {
        let call = "list-attached-objects-on-tags";
        let path = self.inner.spelling.action(ASSOCIATION, call);
        let mut all = Vec::with_capacity(tag_ids.len());
        for tag_ids in tag_ids.chunks(BULK) {
            let answer: Vec<ObjectsOfTag> = self.post_list(call, &path, json!({ "tag_ids": tag_ids })).await?;
            all.extend(answer.into_iter().map(|tag| {
                let objects = tag.object_ids.iter().flatten();
                (tag.tag_id.clone(), objects.map(DynamicId::moref).collect())
            }));
        }
        Ok(all)
    }

    /// The ids of the tags of these objects, in few calls. An object without tags may be left out.
    pub async fn object_tags(&self, objects: &[MoRef]) -> Result<Vec<(MoRef, Vec<String>)>> {
        let call = "list-attached-tags-on-objects";
        let path = self.inner.spelling.action(ASSOCIATION, call);
        let mut all = Vec::with_capacity(objects.len());
        for objects in objects.chunks(BULK) {
            let ids: Vec<DynamicId> = objects.iter().map(DynamicId::from).collect();
            let answer: Vec<TagsOfObject> = self.post_list(call, &path, json!({ "object_ids": ids })).await?;
            all.extend(answer.into_iter().map(|object| (object.object_id.moref(), object.tag_ids.unwrap_or_default())));
        }
        Ok(all)
    }
}
