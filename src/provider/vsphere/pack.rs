//! Properties in a compact form, in which those of forty thousand machines are held.
//!
//! A tree of values costs several times its text in allocations and pointers; packed, a machine takes one to two
//! kilobytes. Two packed texts of one [`Packer`] are equal if and only if the values are, so that a comparison needs no
//! unpacking. What is packed comes back as it was, except that enumerations come back as text and binary values not at all:
//! normalization reads them alike.

use std::collections::HashMap;

use vsphere::{Array, MoRef, Name, Object, Value};

use super::properties::{Kept, Part};

/// Packs and unpacks; holds the names that the packed texts refer to.
#[derive(Debug, Default)]
pub(super) struct Packer {
    names: Vec<Name>,
    numbers: HashMap<Name, u32>,
    /// Where an object is put together: what is handed out has no room to spare.
    scratch: Vec<u8>,
}

mod tag {
    pub(super) const UNSET: u8 = 0;
    pub(super) const FALSE: u8 = 1;
    pub(super) const TRUE: u8 = 2;
    pub(super) const INTEGER: u8 = 3;
    pub(super) const NUMBER: u8 = 4;
    pub(super) const TEXT: u8 = 5;
    pub(super) const TIME: u8 = 6;
    pub(super) const REFERENCE: u8 = 7;
    pub(super) const ARRAY: u8 = 8;
    pub(super) const OBJECT: u8 = 9;
    pub(super) const STRING: u8 = 10;
    pub(super) const UNREADABLE: u8 = 12;
    /// Of an array.
    pub(super) const END: u8 = 11;
}

/// Stands in the place of a field's name behind the last field.
const NO_NAME: u64 = 0;

impl Packer {
    /// Packs what is kept of properties.
    pub(super) fn pack<'a>(&mut self, parts: impl IntoIterator<Item = Part<'a>>) -> Box<[u8]> {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        for Part { name, value, kept } in parts {
            self.name(&mut out, Some(name));
            match kept {
                // What is no list is kept as it is: it says nothing of the devices.
                Kept::Devices(_) if value.as_array().is_some() => {
                    self.items(&mut out, None, value.items().filter(|device| kept.has_device(device)), kept)
                }
                _ => self.value(&mut out, value, kept),
            }
        }
        let packed = out.as_slice().into();
        self.scratch = out;
        packed
    }

    /// Unpacks what [`Packer::pack`] made.
    pub(super) fn unpack(&self, packed: &[u8]) -> Vec<(Name, Value)> {
        let mut reader = Reader { packer: self, rest: packed };
        let mut properties = Vec::with_capacity(48);
        while !reader.rest.is_empty() {
            let (Some(Some(name)), Some(value)) = (reader.name(), reader.value()) else {
                // Whatever was packed can be unpacked.
                tracing::error!(
                    "the kept properties of an object are damaged: it is shown without some until it is read again"
                );
                break;
            };
            properties.push((name, value));
        }
        properties
    }

    /// The number of a name, one higher so that 0 can say "none".
    fn name(&mut self, out: &mut Vec<u8>, name: Option<&Name>) {
        let number = name.map_or(NO_NAME, |name| match self.numbers.get(name) {
            Some(number) => (*number).into(),
            None => {
                self.names.push(name.clone());
                let number = u32::try_from(self.names.len()).unwrap_or(0);
                self.numbers.insert(name.clone(), number);
                number.into()
            }
        });
        varint(out, number);
    }

    fn items<'a>(
        &mut self,
        out: &mut Vec<u8>,
        item_type: Option<&Name>,
        items: impl Iterator<Item = &'a Value>,
        kept: Kept,
    ) {
        out.push(tag::ARRAY);
        self.name(out, item_type);
        for item in items {
            self.value(out, item, kept);
        }
        out.push(tag::END);
    }

    fn value(&mut self, out: &mut Vec<u8>, value: &Value, kept: Kept) {
        match value {
            Value::Bool(value) => out.push(if *value { tag::TRUE } else { tag::FALSE }),
            Value::Byte(_) | Value::Short(_) | Value::Int(_) | Value::Long(_) => {
                let number = value.as_i64().unwrap_or_default();
                out.push(tag::INTEGER);
                varint(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
            }
            Value::Float(_) | Value::Double(_) => {
                out.push(tag::NUMBER);
                out.extend(value.as_f64().unwrap_or_default().to_le_bytes());
            }
            Value::DateTime(value) => text(out, tag::TIME, value),
            Value::String(value) => text(out, tag::STRING, value),
            Value::Text(value) => text(out, tag::TEXT, value),
            Value::Unreadable(value) => text(out, tag::UNREADABLE, value),
            Value::Enum(value) => text(out, tag::TEXT, &value.value),
            Value::MoRef(reference) => {
                text(out, tag::REFERENCE, &reference.value);
                self.name(out, Some(&reference.kind));
            }
            Value::Array(array) => self.items(out, array.item_type.as_ref(), array.items.iter(), kept),
            Value::Object(object) => {
                out.push(tag::OBJECT);
                self.name(out, object.type_name.as_ref());
                for (name, field) in object.fields.iter().filter(|(name, _)| kept.has_field(name)) {
                    self.name(out, Some(name));
                    self.value(out, field, kept);
                }
                varint(out, NO_NAME);
            }
            _ => out.push(tag::UNSET),
        }
    }
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn text(out: &mut Vec<u8>, tag: u8, text: &str) {
    out.push(tag);
    varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

struct Reader<'a> {
    packer: &'a Packer,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        self.varint().and_then(|length| usize::try_from(length).ok())
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).ok()
    }

    fn name(&mut self) -> Option<Option<Name>> {
        match self.length()? {
            0 => Some(None),
            number => self.packer.names.get(number - 1).cloned().map(Some),
        }
    }

    fn value(&mut self) -> Option<Value> {
        Some(match self.byte()? {
            tag::FALSE => Value::Bool(false),
            tag::TRUE => Value::Bool(true),
            tag::INTEGER => {
                let number = self.varint()?;
                Value::Long((number >> 1).cast_signed() ^ -((number & 1).cast_signed()))
            }
            tag::NUMBER => Value::Double(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            tag::TEXT => Value::Text(self.text()?.into()),
            tag::STRING => Value::String(self.text()?.into()),
            tag::UNREADABLE => Value::Unreadable(self.text()?.into()),
            tag::TIME => Value::DateTime(self.text()?.into()),
            tag::REFERENCE => {
                let id = self.text()?;
                Value::MoRef(MoRef::new(self.name()??, id))
            }
            tag::ARRAY => {
                let item_type = self.name()?;
                let mut items = Vec::new();
                while *self.rest.first()? != tag::END {
                    items.push(self.value()?);
                }
                self.byte()?;
                Array { item_type, items }.into()
            }
            tag::OBJECT => {
                let type_name = self.name()?;
                let mut fields = Vec::with_capacity(8);
                while let Some(name) = self.name()? {
                    fields.push((name, self.value()?));
                }
                Object { type_name, fields }.into()
            }
            _ => Value::Unset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let device = Object::new("VirtualDisk").with("key", "2000").with("capacityInBytes", 1_i64 << 40).with(
            "backing",
            Object::new("VirtualDiskFlatVer2BackingInfo").with("datastore", MoRef::new("Datastore", "ds-1")),
        );
        let properties = vec![
            (Name::new("name"), Value::String("Größe 🚀".into())),
            (Name::new("runtime.bootTime"), Value::DateTime("2026-01-02T03:04:05Z".into())),
            (Name::new("limit"), Value::Long(-1)),
            (Name::new("least"), Value::Long(i64::MIN)),
            (Name::new("ratio"), Value::Double(0.5)),
            (Name::new("template"), Value::Bool(true)),
            (Name::new("none"), Value::Unset),
            (
                Name::new("device"),
                Array { item_type: Some(Name::new("VirtualDevice")), items: vec![device.into()] }.into(),
            ),
        ];
        let mut packer = Packer::default();
        let parts = || properties.iter().map(|(name, value)| Part { name, value, kept: Kept::All });
        let packed = packer.pack(parts());
        assert_eq!(packer.unpack(&packed), properties);
        assert_eq!(packer.pack(parts()), packed);
        assert!(packer.unpack(&packed[..packed.len() - 3]).len() < properties.len());
    }

    #[test]
    fn an_enumeration_comes_back_as_its_word() {
        let state =
            vsphere::value::EnumValue { type_name: Name::new("VirtualMachinePowerState"), value: "poweredOn".into() };
        let mut packer = Packer::default();
        let (name, value) = (Name::new("runtime.powerState"), Value::Enum(state.into()));
        let packed = packer.pack([Part { name: &name, value: &value, kept: Kept::All }]);
        assert_eq!(packer.unpack(&packed)[0].1.as_str(), Some("poweredOn"));
    }
}
