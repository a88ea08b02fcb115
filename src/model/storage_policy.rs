//! A storage policy: what is asked of the storage of a disk.

use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{Kind, Native, Noun};

/// A vSphere storage policy (SPBM). KVM has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StoragePolicy {
    /// The name shown to people.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for StoragePolicy {
    const KIND: Kind = Kind::StoragePolicy;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<StoragePolicy>] =
            &[Field::new("description", FieldType::Text, "Free text.", |o| value::opt_text(o.description.as_ref()))];
        FIELDS
    }
}
