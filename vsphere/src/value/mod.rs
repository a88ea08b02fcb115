//! Values of the vim type system, decoded without a schema.
//!
//! The wire names a type (`xsi:type`) only where the schema allows several; everything else is untyped text or an
//! untyped tree. A [`Value`] keeps exactly that: typed where the wire said so, [`Value::Text`] where it did not, and the
//! accessors ([`Value::as_i32`], [`Value::as_str`], …) read both alike. A type that this crate has never heard of decodes
//! like any other. Trees are shared: cloning a value is cheap, changing a shared one copies what is changed.

mod access;
mod name;
pub mod path;

use std::fmt;
use std::sync::Arc;

pub use access::Items;
pub use name::Name;

/// One value of the vim type system.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// No value: `xsi:nil`, or a change that carries none.
    #[default]
    Unset,
    /// `xsd:boolean`.
    Bool(bool),
    /// `xsd:byte`.
    Byte(i8),
    /// `xsd:short`.
    Short(i16),
    /// `xsd:int`.
    Int(i32),
    /// `xsd:long`.
    Long(i64),
    /// `xsd:float`.
    Float(f32),
    /// `xsd:double`.
    Double(f64),
    /// `xsd:string` (and `xsd:anyURI`).
    String(Arc<str>),
    /// A leaf whose type the wire does not say: a number, a boolean, an enumeration, a time or a text.
    Text(Arc<str>),
    /// A leaf whose text is not of the type that the wire says it is of, as written. It answers for nothing.
    Unreadable(Arc<str>),
    /// `xsd:dateTime`, as written.
    DateTime(Arc<str>),
    /// `xsd:base64Binary`, decoded.
    Binary(Arc<[u8]>),
    /// A leaf of a named simple type: an enumeration such as `VirtualMachinePowerState`.
    Enum(Arc<EnumValue>),
    /// A managed object reference.
    MoRef(MoRef),
    /// `ArrayOf…`.
    Array(Arc<Array>),
    /// A data object.
    Object(Arc<Object>),
}

/// A leaf of a named simple type.
#[derive(Clone, Debug, PartialEq)]
pub struct EnumValue {
    /// The type, such as `VirtualMachinePowerState`.
    pub type_name: Name,
    /// The value, such as `poweredOn`.
    pub value: Arc<str>,
}

/// An `ArrayOf…` value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array {
    /// The declared type of the items: `VirtualDevice` of `ArrayOfVirtualDevice`. `None` when the wire did not say.
    pub item_type: Option<Name>,
    /// The items in the server's order.
    pub items: Vec<Value>,
}

/// A data object: named values in the order of the wire. A name that occurs several times is an array-valued property.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// The type, where the wire names it: `VirtualDisk`.
    pub type_name: Option<Name>,
    /// The fields. Array-valued ones repeat.
    pub fields: Vec<(Name, Value)>,
}

/// A managed object reference: the kind of a server-side object and its id, unique within one server only.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct MoRef {
    /// The managed object's type: `VirtualMachine`.
    pub kind: Name,
    /// The id within the server: `vm-42`.
    pub value: Arc<str>,
}

impl MoRef {
    /// A reference of that kind with that id.
    pub fn new(kind: impl Into<Name>, value: impl Into<Arc<str>>) -> Self {
        Self { kind: kind.into(), value: value.into() }
    }

    /// Whether this refers to an object of exactly that kind.
    pub fn is(&self, kind: &str) -> bool {
        self.kind == *kind
    }

    /// The id within the server: `vm-42`.
    pub fn id(&self) -> &str {
        &self.value
    }
}

/// `VirtualMachine:vm-42`, as other vSphere tools write it.
impl fmt::Display for MoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.value)
    }
}

impl fmt::Debug for MoRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is not a managed object reference.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a managed object reference of the form Kind:id")]
pub struct MoRefError;

impl std::str::FromStr for MoRef {
    type Err = MoRefError;

    fn from_str(text: &str) -> Result<Self, MoRefError> {
        match text.split_once(':') {
            Some((kind, value)) if !kind.is_empty() && !value.is_empty() => Ok(Self::new(kind, value)),
            _ => Err(MoRefError),
        }
    }
}

impl Object {
    /// An empty object of a named type, to be sent to the server.
    pub fn new(type_name: &str) -> Self {
        Self { type_name: Some(Name::new(type_name)), fields: Vec::new() }
    }

    /// An empty object whose type follows from where it stands.
    pub fn untyped() -> Self {
        Self::default()
    }

    /// Adds a field. The schema's order matters to the server: add fields in that order. An unset value adds nothing.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !matches!(value, Value::Unset) {
            self.fields.push((Name::new(name), value));
        }
        self
    }

    /// Adds an array-valued field: the name repeated for every value.
    #[must_use]
    pub fn with_each<V: Into<Value>>(mut self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        for value in values {
            self = self.with(name, value);
        }
        self
    }

    /// The first field with that name (a plain name, not a path).
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }
}

macro_rules! value_from {
    ($($from:ty => |$x:ident| $to:expr;)*) => {$(
        impl From<$from> for Value {
            fn from($x: $from) -> Self { $to }
        }
    )*};
}

// Native types become typed values, except text, which stays untyped: the server reads it as whatever the schema says.
value_from! {
    bool => |x| Value::Bool(x);
    i8 => |x| Value::Byte(x);
    i16 => |x| Value::Short(x);
    i32 => |x| Value::Int(x);
    i64 => |x| Value::Long(x);
    f32 => |x| Value::Float(x);
    f64 => |x| Value::Double(x);
    &str => |x| Value::Text(Arc::from(x));
    String => |x| Value::Text(Arc::from(x));
    &Name => |x| Value::Text(Arc::from(x.as_str()));
    MoRef => |x| Value::MoRef(x);
    &MoRef => |x| Value::MoRef(x.clone());
    Object => |x| Value::Object(Arc::new(x));
    Array => |x| Value::Array(Arc::new(x));
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Unset, Into::into)
    }
}
