//! A folder: how administrators of a vCenter arrange its objects.

use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{FolderId, Kind, Native, Noun, TagId, ZoneId};

/// A vSphere inventory folder. KVM has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Folder {
    /// The name shown to people.
    pub name: String,
    /// The zone that it is in; absent above the datacenters.
    pub zone_id: Option<ZoneId>,
    /// The folder that it is in.
    pub parent_id: Option<FolderId>,
    /// Kinds of objects it may hold, as plural names of the API.
    pub contains: Vec<String>,
    /// Names of its ancestors and itself, from the zone on, joined with `/`; a `/` within a name is written `%2f`.
    pub path: String,
    /// Tags attached to it.
    pub tag_ids: Vec<TagId>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Folder {
    const KIND: Kind = Kind::Folder;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Folder>] = &[
            Field::<Folder>::new(
                "zone_id",
                FieldType::Id,
                "The zone that it is in; absent above the datacenters.",
                |o| value::opt_id(o.zone_id),
            )
            .indexed(),
            Field::<Folder>::new("parent_id", FieldType::Id, "The folder that it is in.", |o| {
                value::opt_id(o.parent_id)
            })
            .indexed(),
            Field::<Folder>::new(
                "contains",
                FieldType::TextList,
                "Kinds of objects it may hold, as plural names of the API.",
                |o| value::texts(&o.contains),
            ),
            Field::<Folder>::new(
                "path",
                FieldType::Text,
                "Names of its ancestors and itself, from the zone on, joined with `/`; a `/` within a name is written `%2f`.",
                |o| value::text(&o.path),
            ),
            Field::<Folder>::new("tag_ids", FieldType::IdList, "Tags attached to it.", |o| value::ids(&o.tag_ids))
                .indexed(),
        ];
        FIELDS
    }
}
