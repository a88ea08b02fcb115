//! A zone: machines, storage and networks near one another.

use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{Kind, Native, Noun, TagId};

/// A zone. On vSphere a datacenter; a KVM provider has exactly one, which bears the provider's name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Zone {
    /// The name shown to people.
    pub name: String,
    /// Tags attached to it.
    #[serde(default)]
    pub tag_ids: Vec<TagId>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Zone {
    const KIND: Kind = Kind::Zone;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Zone>] =
            &[Field::<Zone>::new("tag_ids", FieldType::IdList, "Tags attached to it.", |zone| {
                value::ids(&zone.tag_ids)
            })
            .indexed()];
        FIELDS
    }
}
