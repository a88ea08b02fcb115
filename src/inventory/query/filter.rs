//! One condition on one field.

use std::fmt::Write as _;

use memchr::memmem::Finder;
use uuid::Uuid;

use super::{QueryError, shorten};
use crate::inventory::schema::FieldRef;
use crate::inventory::text::{fold, fold_contains, fold_eq, fold_starts_with};
use crate::model::field::FieldSpec;
use crate::model::{FieldType, Time, Value};

/// Values that one filter can name.
pub(in crate::inventory) const VALUES_MAX: usize = 256;
/// Longest value of a filter, bytes.
pub(in crate::inventory) const VALUE_LEN_MAX: usize = 1024;

/// One condition on one field.
#[derive(Clone, Debug)]
pub(in crate::inventory) struct Filter {
    pub(in crate::inventory) field: FieldRef,
    pub(in crate::inventory) name: &'static str,
    pub(in crate::inventory) test: Test,
}

/// What is asked of the value. Texts are folded.
#[derive(Clone, Debug)]
pub(in crate::inventory) enum Test {
    /// It is one of these; of several values one of them is.
    AnyOf(Vec<Value>),
    /// It is none of these; absent values are none of them.
    NoneOf(Vec<Value>),
    /// It stands in this relation to the value.
    Compare(Relation, Value),
    /// It contains the text.
    Contains(String, Box<Finder<'static>>),
    /// It begins with the text.
    Prefix(String),
    /// It is there, or is not.
    Exists(bool),
}

/// How two values stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inventory) enum Relation {
    /// `gt`.
    Greater,
    /// `gte`.
    GreaterOrEqual,
    /// `lt`.
    Less,
    /// `lte`.
    LessOrEqual,
}

const EVERY: &[&str] = &["ne", "exists"];
const TEXT: &[&str] = &["ne", "contains", "prefix", "exists"];
const ORDERED: &[&str] = &["ne", "gt", "gte", "lt", "lte", "exists"];

/// The operators that can follow the name of a field of this type, besides none for equality.
fn operators(field_type: FieldType) -> &'static [&'static str] {
    match field_type {
        FieldType::Text | FieldType::TextList => TEXT,
        FieldType::Integer | FieldType::Time => ORDERED,
        FieldType::Word(_) | FieldType::Boolean | FieldType::Id | FieldType::IdList => EVERY,
    }
}

impl Filter {
    /// Reads `field.operator=value`.
    pub(super) fn parse(
        field: FieldRef,
        spec: &FieldSpec,
        operator: Option<&str>,
        text: &str,
    ) -> Result<Self, QueryError> {
        // `name.=x` is a slip of the pen and not `name=x`.
        let slipped = operator == Some("");
        let operator = operator.unwrap_or("");
        if slipped || !operator.is_empty() && !operators(spec.field_type).contains(&operator) {
            return Err(QueryError::UnknownOperator {
                field: spec.name,
                operator: shorten(operator),
                allowed: operators(spec.field_type).to_vec(),
            });
        }
        if text.len() > VALUE_LEN_MAX && !matches!(operator, "" | "ne") {
            return Err(QueryError::TooMany { field: spec.name, what: "bytes in a value", max: VALUE_LEN_MAX });
        }
        let compare = |relation| Ok(Test::Compare(relation, value(spec, text)?));
        let test = match operator {
            "ne" => Test::NoneOf(values(spec, text)?),
            "gt" => compare(Relation::Greater)?,
            "gte" => compare(Relation::GreaterOrEqual)?,
            "lt" => compare(Relation::Less)?,
            "lte" => compare(Relation::LessOrEqual)?,
            "contains" => {
                let folded = fold(text);
                let finder = Finder::new(&folded).into_owned();
                Test::Contains(folded, Box::new(finder))
            }
            "prefix" => Test::Prefix(fold(text)),
            "exists" => Test::Exists(boolean(spec, text)?),
            _ => Test::AnyOf(values(spec, text)?),
        };
        Ok(Self { field, name: spec.name, test })
    }

    /// Whether the condition holds for a value.
    pub(in crate::inventory) fn holds(&self, value: &Value) -> bool {
        match &self.test {
            Test::AnyOf(wanted) => is_any(value, wanted),
            Test::NoneOf(wanted) => !is_any(value, wanted),
            Test::Compare(relation, bound) => is_related(value, *relation, bound),
            Test::Contains(_, finder) => any_text(value, |text| fold_contains(text, finder)),
            Test::Prefix(folded) => any_text(value, |text| fold_starts_with(text, folded)),
            Test::Exists(wanted) => {
                *wanted
                    != match value {
                        Value::Null => true,
                        Value::List(items) => items.is_empty(),
                        _ => false,
                    }
            }
        }
    }

    /// The one text of this condition.
    pub(super) fn canonical(&self) -> String {
        let (operator, mut values): (&str, Vec<String>) = match &self.test {
            Test::AnyOf(wanted) => ("any", wanted.iter().map(value_text).collect()),
            Test::NoneOf(wanted) => ("none", wanted.iter().map(value_text).collect()),
            Test::Compare(Relation::Greater, bound) => ("gt", vec![value_text(bound)]),
            Test::Compare(Relation::GreaterOrEqual, bound) => ("gte", vec![value_text(bound)]),
            Test::Compare(Relation::Less, bound) => ("lt", vec![value_text(bound)]),
            Test::Compare(Relation::LessOrEqual, bound) => ("lte", vec![value_text(bound)]),
            Test::Contains(folded, _) => ("contains", vec![folded.clone()]),
            Test::Prefix(folded) => ("prefix", vec![folded.clone()]),
            Test::Exists(wanted) => ("exists", vec![wanted.to_string()]),
        };
        values.sort_unstable();
        values.dedup();
        let mut text = format!("{}.{operator}", self.name);
        for value in values {
            // With its length, no value can pass for two.
            let _ = write!(text, "|{}:{value}", value.len());
        }
        text
    }
}

fn is_any(value: &Value, wanted: &[Value]) -> bool {
    match value {
        Value::List(items) => items.iter().any(|item| wanted.iter().any(|wanted| is_equal(item, wanted))),
        single => wanted.iter().any(|wanted| is_equal(single, wanted)),
    }
}

fn is_equal(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Text(text), Value::Text(folded)) => fold_eq(text, folded),
        (value, wanted) => value == wanted,
    }
}

fn is_related(value: &Value, relation: Relation, bound: &Value) -> bool {
    let order = match (value, bound) {
        (Value::Int(value), Value::Int(bound)) => value.cmp(bound),
        (Value::Time(value), Value::Time(bound)) => value.cmp(bound),
        _ => return false,
    };
    match relation {
        Relation::Greater => order.is_gt(),
        Relation::GreaterOrEqual => order.is_ge(),
        Relation::Less => order.is_lt(),
        Relation::LessOrEqual => order.is_le(),
    }
}

fn any_text(value: &Value, holds: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::Text(text) => holds(text),
        Value::List(items) => items.iter().any(|item| matches!(item, Value::Text(text) if holds(text))),
        _ => false,
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Word(word) => (*word).to_owned(),
        Value::Text(text) => text.to_string(),
        Value::Id(id) => id.to_string(),
        Value::Time(time) => time.to_rfc3339(),
        Value::List(items) => items.iter().map(value_text).collect::<Vec<_>>().join(","),
    }
}

/// Reads `a,b`. A comma that belongs to a value is written `\,`, a backslash `\\`.
fn values(spec: &FieldSpec, text: &str) -> Result<Vec<Value>, QueryError> {
    let mut parts = vec![String::new()];
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        let literal = match char {
            ',' => {
                parts.push(String::new());
                continue;
            }
            '\\' => chars.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(part) = parts.last_mut() {
            part.push(literal);
        }
    }
    if parts.len() > VALUES_MAX {
        return Err(QueryError::TooMany { field: spec.name, what: "values", max: VALUES_MAX });
    }
    parts.iter().map(|part| value(spec, part)).collect()
}

fn value(spec: &FieldSpec, text: &str) -> Result<Value, QueryError> {
    if text.len() > VALUE_LEN_MAX {
        return Err(QueryError::TooMany { field: spec.name, what: "bytes in a value", max: VALUE_LEN_MAX });
    }
    let invalid = |expected: &'static str, allowed: &[&'static str]| QueryError::InvalidValue {
        field: spec.name,
        value: shorten(text),
        expected,
        allowed: allowed.to_vec(),
    };
    match spec.field_type {
        FieldType::Text | FieldType::TextList => Ok(Value::Text(fold(text).into())),
        FieldType::Word(words) => {
            let word = words.iter().find(|word| **word == text);
            word.map(|word| Value::Word(word)).ok_or_else(|| invalid("one of the words of this field", words))
        }
        FieldType::Integer => text.parse().map(Value::Int).map_err(|_| invalid("a whole number", &[])),
        FieldType::Boolean => boolean(spec, text).map(Value::Bool),
        FieldType::Id | FieldType::IdList => {
            Uuid::try_parse(text).map(Value::Id).map_err(|_| invalid("an id (a UUID)", &[]))
        }
        FieldType::Time => text
            .parse::<Time>()
            .map(Value::Time)
            .map_err(|_| invalid("an instant in RFC 3339, such as 2026-01-31T12:00:00Z", &[])),
    }
}

fn boolean(spec: &FieldSpec, text: &str) -> Result<bool, QueryError> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(QueryError::InvalidValue {
            field: spec.name,
            value: shorten(text),
            expected: "true or false",
            allowed: vec!["true", "false"],
        }),
    }
}
