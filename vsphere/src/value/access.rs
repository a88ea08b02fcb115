//! Reading values: scalars whatever their wire type, paths, keyed elements.

use chrono::{DateTime, NaiveDateTime, Utc};

use super::path::{self, Segment};
use super::{Array, MoRef, Object, Value};

impl Value {
    /// Whether there is no value.
    pub fn is_unset(&self) -> bool {
        matches!(self, Value::Unset)
    }

    /// The value's text: of a string, an untyped leaf, an enumeration, a time, or a reference's id.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) | Value::Text(text) | Value::DateTime(text) => Some(text),
            Value::Enum(value) => Some(&value.value),
            Value::MoRef(reference) => Some(&reference.value),
            _ => None,
        }
    }

    /// The boolean, typed or as untyped text.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            Value::Text(text) => match text.trim() {
                "true" | "1" => Some(true),
                "false" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// The integer, typed or as untyped text.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Byte(value) => Some(i64::from(*value)),
            Value::Short(value) => Some(i64::from(*value)),
            Value::Int(value) => Some(i64::from(*value)),
            Value::Long(value) => Some(*value),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// The integer, when it fits.
    pub fn as_i32(&self) -> Option<i32> {
        self.as_i64().and_then(|value| i32::try_from(value).ok())
    }

    /// The integer, when it is not negative.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_i64().and_then(|value| u64::try_from(value).ok())
    }

    /// The integer, when it fits and is not negative.
    pub fn as_u32(&self) -> Option<u32> {
        self.as_i64().and_then(|value| u32::try_from(value).ok())
    }

    /// The number as floating point.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(f64::from(*value)),
            Value::Double(value) => Some(*value),
            Value::Text(text) => text.trim().parse().ok(),
            _ => self.as_i64().map(|value| value as f64),
        }
    }

    /// The point in time. A time without a zone is taken as UTC.
    pub fn as_time(&self) -> Option<DateTime<Utc>> {
        let text = match self {
            Value::DateTime(text) | Value::Text(text) => text.trim(),
            _ => return None,
        };
        if let Ok(time) = DateTime::parse_from_rfc3339(text) {
            return Some(time.with_timezone(&Utc));
        }
        text.parse::<NaiveDateTime>().ok().map(|time| time.and_utc())
    }

    /// The bytes of an `xsd:base64Binary`.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The managed object reference.
    pub fn moref(&self) -> Option<&MoRef> {
        match self {
            Value::MoRef(reference) => Some(reference),
            _ => None,
        }
    }

    /// The data object.
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The array.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }

    /// The items of an array; empty for anything else. See [`Value::items`] for "an array or one value".
    pub fn array(&self) -> &[Value] {
        match self {
            Value::Array(array) => &array.items,
            _ => &[],
        }
    }

    /// The items of an array, or the value itself as the only item, or nothing when unset.
    pub fn items(&self) -> Items<'_> {
        match self {
            Value::Unset => Items::slice(&[]),
            Value::Array(array) => Items::slice(&array.items),
            other => Items::slice(std::slice::from_ref(other)),
        }
    }

    /// The type the wire named: `VirtualDisk`, `VirtualMachinePowerState`, `ManagedObjectReference`, `xsd:int`. `None` for
    /// untyped leaves and objects; an array answers its item type.
    pub fn type_name(&self) -> Option<&str> {
        match self {
            Value::Unset | Value::Text(_) | Value::Unreadable(_) => None,
            Value::Bool(_) => Some("xsd:boolean"),
            Value::Byte(_) => Some("xsd:byte"),
            Value::Short(_) => Some("xsd:short"),
            Value::Int(_) => Some("xsd:int"),
            Value::Long(_) => Some("xsd:long"),
            Value::Float(_) => Some("xsd:float"),
            Value::Double(_) => Some("xsd:double"),
            Value::String(_) => Some("xsd:string"),
            Value::DateTime(_) => Some("xsd:dateTime"),
            Value::Binary(_) => Some("xsd:base64Binary"),
            Value::Enum(value) => Some(&value.type_name),
            Value::MoRef(_) => Some("ManagedObjectReference"),
            Value::Array(array) => array.item_type.as_deref(),
            Value::Object(object) => object.type_name.as_deref(),
        }
    }

    /// Whether the wire named exactly that type.
    pub fn is(&self, type_name: &str) -> bool {
        self.type_name() == Some(type_name)
    }

    /// The value at a path below this one, such as `backing.fileName` or `device[4000].key`. Of an array-valued property
    /// without a key, the first item; use [`Value::all`] for every item. `None` when anything on the way is absent.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let (segment, rest) = path::split_first(path)?;
        let found = self.step(segment)?;
        match rest {
            None => Some(found),
            Some(rest) => found.get(rest),
        }
    }

    /// Every item of the array-valued property at a path below this one, however the wire wrote it.
    pub fn all<'a>(&'a self, path: &'a str) -> Items<'a> {
        let Some((segment, rest)) = path::split_first(path) else { return Items::slice(&[]) };
        if let Some(rest) = rest {
            return match self.step(segment) {
                Some(found) => found.all(rest),
                None => Items::slice(&[]),
            };
        }
        if segment.key.is_some() {
            return self.step(segment).map_or(Items::slice(&[]), Value::items);
        }
        match self {
            Value::Object(object) => {
                // One field that is itself an array stands for its items.
                if let Some(array @ Value::Array(_)) = object.field(segment.name) {
                    return array.items();
                }
                Items(Inner::Fields { name: segment.name, fields: object.fields.iter() })
            }
            _ => Items::slice(&[]),
        }
    }

    /// One step of a path.
    fn step(&self, segment: Segment<'_>) -> Option<&Value> {
        match (segment.name, segment.key) {
            ("", Some(key)) => self.items().find(|item| item.has_key(key)),
            (name, None) => self.as_object()?.field(name),
            (name, Some(key)) => {
                let object = self.as_object()?;
                if let Some(Value::Array(array)) = object.field(name) {
                    return array.items.iter().find(|item| item.has_key(key));
                }
                object.fields.iter().filter(|(field, _)| field == name).map(|(_, v)| v).find(|item| item.has_key(key))
            }
        }
    }

    /// Whether a collection knows this item by that key: by its `key` field, or, where it has none, by its own value.
    pub fn has_key(&self, key: &str) -> bool {
        match self {
            Value::Object(object) => object.field("key").is_some_and(|field| field.is_scalar(key)),
            other => other.is_scalar(key),
        }
    }

    /// Whether the scalar, written as text, is `text`.
    fn is_scalar(&self, text: &str) -> bool {
        match self {
            Value::Unset | Value::Array(_) | Value::Object(_) | Value::Binary(_) => false,
            Value::Bool(value) => text == if *value { "true" } else { "false" },
            Value::Byte(_) | Value::Short(_) | Value::Int(_) | Value::Long(_) => {
                text.parse().is_ok_and(|number: i64| Some(number) == self.as_i64())
            }
            Value::Float(_) | Value::Double(_) => text.parse().is_ok_and(|number: f64| Some(number) == self.as_f64()),
            _ => self.as_str() == Some(text),
        }
    }

    /// The key by which a collection knows this item, written as in a path but without quotes.
    pub(crate) fn key(&self) -> Option<String> {
        match self {
            Value::Object(object) => match object.field("key") {
                Some(Value::Object(_)) | None => None,
                Some(field) => field.key(),
            },
            Value::MoRef(reference) => Some(reference.value.to_string()),
            Value::Byte(_) | Value::Short(_) | Value::Int(_) | Value::Long(_) => self.as_i64().map(|n| n.to_string()),
            other => other.as_str().map(str::to_owned),
        }
    }
}

impl Object {
    /// The value at a path below this object; see [`Value::get`].
    pub fn get(&self, path: &str) -> Option<&Value> {
        let (segment, rest) = path::split_first(path)?;
        let found = match segment.key {
            None => self.field(segment.name)?,
            Some(key) => match self.field(segment.name) {
                Some(Value::Array(array)) => array.items.iter().find(|item| item.has_key(key))?,
                _ => self.fields.iter().find(|(field, v)| field == segment.name && v.has_key(key)).map(|(_, v)| v)?,
            },
        };
        match rest {
            None => Some(found),
            Some(rest) => found.get(rest),
        }
    }
}

/// The items of an array-valued property.
#[derive(Clone, Debug)]
pub struct Items<'a>(Inner<'a>);

#[derive(Clone, Debug)]
enum Inner<'a> {
    Slice(std::slice::Iter<'a, Value>),
    Fields { name: &'a str, fields: std::slice::Iter<'a, (super::Name, Value)> },
}

impl<'a> Items<'a> {
    pub(crate) fn slice(items: &'a [Value]) -> Self {
        Self(Inner::Slice(items.iter()))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = &'a Value;

    fn next(&mut self) -> Option<&'a Value> {
        match &mut self.0 {
            Inner::Slice(items) => items.next(),
            Inner::Fields { name, fields } => fields.find(|(field, _)| field == name).map(|(_, value)| value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vm() -> Value {
        let disk = |key: i32, file: &str| {
            Object::new("VirtualDisk")
                .with("key", key)
                .with("backing", Object::new("VirtualDiskFlatVer2BackingInfo").with("fileName", file))
        };
        Object::untyped()
            .with("numCPU", "4")
            .with("memoryMB", 2048_i32)
            .with("changed", Value::DateTime("2026-01-02T03:04:05.678Z".into()))
            .with("hardware", Object::untyped().with_each("device", [disk(2000, "[ds] a"), disk(2001, "[ds] b")]))
            .with(
                "host",
                Array {
                    item_type: None,
                    items: vec![
                        Object::untyped().with("key", MoRef::new("HostSystem", "host-7")).with("ok", "true").into(),
                    ],
                },
            )
            .into()
    }

    #[test]
    fn scalars_read_alike_typed_and_untyped() {
        let vm = vm();
        assert_eq!(vm.get("numCPU").and_then(Value::as_i32), Some(4));
        assert_eq!(vm.get("memoryMB").and_then(Value::as_u64), Some(2048));
        assert_eq!(Value::from("x").as_i32(), None);
        assert_eq!(Value::Long(1 << 40).as_i32(), None);
        assert_eq!(Value::Int(-1).as_u64(), None);
        let time = vm.get("changed").and_then(Value::as_time).map(|time| time.timestamp_millis());
        assert_eq!(time, Some(1_767_323_045_678));
    }

    #[test]
    fn paths_reach_keyed_items_in_both_spellings_of_arrays() {
        let vm = vm();
        let file = |path| vm.get(path).and_then(Value::as_str);
        assert_eq!(file("hardware.device[2001].backing.fileName"), Some("[ds] b"));
        assert_eq!(file("hardware.device.backing.fileName"), Some("[ds] a"));
        assert_eq!(file("hardware.device[9].backing.fileName"), None);
        assert_eq!(vm.get("host[\"host-7\"].ok").and_then(Value::as_bool), Some(true));
        assert_eq!(vm.all("hardware.device").count(), 2);
        assert_eq!(vm.all("host").count(), 1);
        assert_eq!(vm.all("nothing").count(), 0);
        assert!(vm.get("hardware.device").is_some_and(|device| device.is("VirtualDisk")));
    }
}
