//! A content library: a shelf of images.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::{Kind, Native, Noun, Value};

/// A vSphere content library. KVM has none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ContentLibrary {
    /// The name shown to people.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Whether it follows a library published elsewhere.
    pub subscribed: bool,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for ContentLibrary {
    const KIND: Kind = Kind::ContentLibrary;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<ContentLibrary>] = &[
            Field::<ContentLibrary>::new("description", FieldType::Text, "Free text.", |o| {
                value::opt_text(o.description.as_ref())
            }),
            Field::<ContentLibrary>::new(
                "subscribed",
                FieldType::Boolean,
                "Whether it follows a library published elsewhere.",
                |o| Value::Bool(o.subscribed),
            ),
            Field::<ContentLibrary>::new("created_at", FieldType::Time, "When it was made.", |o| {
                value::opt_time(o.created_at)
            }),
        ];
        FIELDS
    }
}
