//! A zone: machines, storage and networks near one another.

use serde::{Deserialize, Serialize};

use super::field::Field;
use super::{Kind, Native, Noun};

/// A zone. On vSphere a datacenter; a KVM provider has exactly one, which bears the provider's name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Zone {
    /// The name shown to people.
    pub name: String,
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
        &[]
    }
}
