//! The fields of a noun that can be filtered, sorted, summed and grouped by: declared once, beside the noun.
//!
//! The read model, the filter parser, the API's documentation and the command line all read these declarations, so a
//! field that is added here is there everywhere.

use std::cmp::Ordering;
use std::sync::Arc;

use uuid::Uuid;

use crate::model::Time;

/// What kind of values a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Free text; compared without regard to case.
    Text,
    /// One of a closed set of words.
    Word(&'static [&'static str]),
    /// A whole number in the unit that the field's name ends with.
    Integer,
    /// True or false.
    Boolean,
    /// A UUID: the id of another object.
    Id,
    /// An instant, RFC 3339.
    Time,
    /// Several texts; a comparison holds when it holds for one of them.
    TextList,
    /// Several ids; a comparison holds when it holds for one of them.
    IdList,
}

/// The value of one field of one object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub enum Value {
    /// The platform does not tell, or it does not apply.
    #[default]
    Null,
    /// See [`FieldType::Boolean`].
    Bool(bool),
    /// See [`FieldType::Integer`].
    Int(i64),
    /// See [`FieldType::Word`].
    Word(&'static str),
    /// See [`FieldType::Text`].
    Text(Arc<str>),
    /// See [`FieldType::Id`].
    Id(Uuid),
    /// See [`FieldType::Time`].
    Time(Time),
    /// See [`FieldType::TextList`] and [`FieldType::IdList`].
    List(Arc<[Value]>),
}

impl Value {
    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) => 2,
            Value::Word(_) => 3,
            Value::Text(_) => 4,
            Value::Id(_) => 5,
            Value::Time(_) => 6,
            Value::List(_) => 7,
        }
    }
}

/// The order in which lists are sorted: absent values first, texts by letter without regard to case.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            (Value::Word(a), Value::Word(b)) => a.cmp(b),
            (Value::Text(a), Value::Text(b)) => folded(a).cmp(folded(b)).then_with(|| a.cmp(b)),
            (Value::Id(a), Value::Id(b)) => a.cmp(b),
            (Value::Time(a), Value::Time(b)) => a.cmp(b),
            (Value::List(a), Value::List(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().flat_map(char::to_lowercase)
}

/// A declared field of the noun `T`.
pub struct Field<T: 'static> {
    /// The name in filters and in JSON. Units come last (`memory_mib`).
    pub name: &'static str,
    /// The type of its values.
    pub field_type: FieldType,
    /// What it means, one sentence.
    pub doc: &'static str,
    /// Whether equality and order on this field are answered from an index.
    pub indexed: bool,
    /// Reads the field.
    pub get: fn(&T) -> Value,
}

/// A declared field without its noun's type: for the API, its documentation and the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSpec {
    /// See [`Field::name`].
    pub name: &'static str,
    /// See [`Field::field_type`].
    pub field_type: FieldType,
    /// See [`Field::doc`].
    pub doc: &'static str,
    /// See [`Field::indexed`].
    pub indexed: bool,
}

impl<T> Field<T> {
    /// A field that is found by reading every object.
    pub const fn new(name: &'static str, field_type: FieldType, doc: &'static str, get: fn(&T) -> Value) -> Self {
        Self { name, field_type, doc, indexed: false, get }
    }

    /// The same field, kept in an index.
    #[must_use]
    pub const fn indexed(mut self) -> Self {
        self.indexed = true;
        self
    }

    /// The declaration without the type of the noun.
    #[must_use]
    pub const fn spec(&self) -> FieldSpec {
        FieldSpec { name: self.name, field_type: self.field_type, doc: self.doc, indexed: self.indexed }
    }
}

/// Shorthands that turn a noun's members into values.
pub mod value {
    use super::{Arc, Time, Uuid, Value};

    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    /// A text that may be absent.
    #[must_use]
    pub fn opt_text(text: Option<&String>) -> Value {
        text.map_or(Value::Null, |text| Value::Text(text.as_str().into()))
    }

    /// An id that may be absent.
    pub fn opt_id<I: Copy + Into<crate::model::ObjectId>>(id: Option<I>) -> Value {
        id.map_or(Value::Null, |id| Value::Id(id.into().0))
    }

    /// A number; what does not fit is cut to the largest that does.
    #[must_use]
    pub fn int(number: u64) -> Value {
        Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// A number that may be absent.
    #[must_use]
    pub fn opt_int(number: Option<u64>) -> Value {
        number.map_or(Value::Null, int)
    }

    /// An instant that may be absent.
    #[must_use]
    pub fn opt_time(time: Option<Time>) -> Value {
        time.map_or(Value::Null, Value::Time)
    }

    /// Several texts.
    #[must_use]
    pub fn texts(texts: &[String]) -> Value {
        Value::List(texts.iter().map(|text| Value::Text(text.as_str().into())).collect())
    }

    /// Several ids.
    pub fn ids<I: Copy + Into<crate::model::ObjectId>>(ids: &[I]) -> Value {
        Value::List(ids.iter().map(|id| Value::Id((*id).into().0)).collect::<Arc<[_]>>())
    }

    /// A uuid of a platform, as an id where it is one.
    #[must_use]
    pub fn uuid(id: Uuid) -> Value {
        Value::Id(id)
    }
}
