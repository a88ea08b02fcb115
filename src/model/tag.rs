//! A tag, with its category.

use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{Kind, Native, Noun, Value};

/// A vSphere tag. KVM has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Tag {
    /// The name shown to people.
    pub name: String,
    /// The category's name.
    pub category: String,
    /// Free text.
    pub description: Option<String>,
    /// Whether an object can have only one tag of this category.
    pub exclusive: bool,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Tag {
    const KIND: Kind = Kind::Tag;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Tag>] = &[
            Field::<Tag>::new("category", FieldType::Text, "The category's name.", |o| value::text(&o.category))
                .indexed(),
            Field::<Tag>::new("description", FieldType::Text, "Free text.", |o| {
                value::opt_text(o.description.as_ref())
            }),
            Field::<Tag>::new(
                "exclusive",
                FieldType::Boolean,
                "Whether an object can have only one tag of this category.",
                |o| Value::Bool(o.exclusive),
            ),
        ];
        FIELDS
    }
}
