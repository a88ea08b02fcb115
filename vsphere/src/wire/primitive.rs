//! The simple types that `xsi:type` names.

use std::sync::Arc;

use base64::Engine as _;

use super::decode::Texts;
use crate::value::{MoRef, Name, Value};

/// What an `xsi:type` means for decoding.
#[derive(Clone, Debug)]
pub(super) enum Class {
    Primitive(Primitive),
    Reference,
    /// `ArrayOf…`: the item type, and how to read untyped items.
    Array(Name, Option<Primitive>),
    /// Any other: a data object, or an enumeration when it is a leaf.
    Named(Name),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Primitive {
    Bool,
    Byte,
    Short,
    Int,
    Long,
    Float,
    Double,
    String,
    DateTime,
    Binary,
}

impl Class {
    /// The class of a type name without its prefix.
    pub(super) fn of(type_name: &str) -> Self {
        if let Some(primitive) = Primitive::of(type_name) {
            return Class::Primitive(primitive);
        }
        if type_name == "ManagedObjectReference" {
            return Class::Reference;
        }
        match type_name.strip_prefix("ArrayOf") {
            Some(item) if !item.is_empty() => {
                // `ArrayOfInt` holds `int`s; the first letter is the only difference, and always ASCII in the schema.
                let mut lower = item.to_owned();
                if let Some(first) = lower.get_mut(..1) {
                    first.make_ascii_lowercase();
                }
                Class::Array(Name::new(item), Primitive::of(&lower))
            }
            _ => Class::Named(Name::new(type_name)),
        }
    }
}

impl Primitive {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "boolean" => Primitive::Bool,
            "byte" => Primitive::Byte,
            "short" => Primitive::Short,
            "int" | "integer" => Primitive::Int,
            "long" => Primitive::Long,
            "float" => Primitive::Float,
            "double" => Primitive::Double,
            "string" | "anyURI" => Primitive::String,
            "dateTime" => Primitive::DateTime,
            "base64Binary" => Primitive::Binary,
            _ => return None,
        })
    }

    /// Reads the text as this type. What does not parse is kept as unreadable: decoding never fails over a value.
    pub(super) fn read(self, text: &str, texts: &mut Texts) -> Value {
        let trimmed = text.trim();
        let value = match self {
            Primitive::Bool => match trimmed {
                "true" | "1" => Some(Value::Bool(true)),
                "false" | "0" => Some(Value::Bool(false)),
                _ => None,
            },
            Primitive::Byte => trimmed.parse().ok().map(Value::Byte),
            Primitive::Short => trimmed.parse().ok().map(Value::Short),
            Primitive::Int => trimmed.parse().ok().map(Value::Int),
            Primitive::Long => trimmed.parse().ok().map(Value::Long),
            Primitive::Float => trimmed.parse().ok().map(Value::Float),
            Primitive::Double => trimmed.parse().ok().map(Value::Double),
            Primitive::String => Some(Value::String(texts.get(text))),
            Primitive::DateTime => Some(Value::DateTime(texts.get(trimmed))),
            Primitive::Binary => {
                let compact: Vec<u8> = trimmed.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
                let bytes = base64::engine::general_purpose::STANDARD.decode(compact).ok();
                bytes.map(|bytes| Value::Binary(Arc::from(bytes)))
            }
        };
        value.unwrap_or_else(|| Value::Unreadable(texts.get(text)))
    }
}

/// A reference from its `type` attribute and text.
pub(super) fn reference(kind: Option<Name>, text: &str, texts: &mut Texts) -> Value {
    Value::MoRef(MoRef { kind: kind.unwrap_or_else(|| Name::new("")), value: texts.get(text.trim()) })
}
