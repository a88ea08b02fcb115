//! Small readers that the typed views share: numbers, switches and sizes with the path in the error.

use std::str::FromStr;

use uuid::Uuid;

use super::document::Element;
use super::parse::shorten;
use super::{XmlError, size_to_bytes};

pub(super) fn value_error(path: impl Into<String>, value: &str, reason: &'static str) -> XmlError {
    XmlError::Value { path: path.into(), value: shorten(value), reason }
}

/// Checks the root element's name.
pub(super) fn expect_root(root: &Element, expected: &'static str) -> Result<(), XmlError> {
    if root.name() == expected {
        return Ok(());
    }
    Err(XmlError::Root { expected, found: shorten(root.name()) })
}

/// A text that must be there.
pub(super) fn required_text(root: &Element, path: &'static str) -> Result<String, XmlError> {
    root.text_at(path).ok_or(XmlError::Missing { path })
}

/// The object's UUID, which must be there.
pub(super) fn required_uuid(root: &Element, path: &'static str) -> Result<Uuid, XmlError> {
    uuid(root, path)?.ok_or(XmlError::Missing { path })
}

/// A UUID that may be absent.
pub(super) fn uuid(root: &Element, path: &str) -> Result<Option<Uuid>, XmlError> {
    root.text_at(path)
        .map(|text| Uuid::from_str(&text).map_err(|_| value_error(path, &text, "it is not a UUID")))
        .transpose()
}

/// A number in an element's text.
pub(super) fn number<T: FromStr>(root: &Element, path: &str) -> Result<Option<T>, XmlError> {
    root.text_at(path).map(|text| parse_number(&text, path)).transpose()
}

/// A number in an attribute of the element itself.
pub(super) fn number_attribute<T: FromStr>(element: &Element, name: &str) -> Result<Option<T>, XmlError> {
    element.attribute(name).map(|text| parse_number(text, &format!("{}/@{name}", element.name()))).transpose()
}

fn parse_number<T: FromStr>(text: &str, path: &str) -> Result<T, XmlError> {
    text.trim().parse().map_err(|_| value_error(path, text, "it is not a number of the right size"))
}

/// A size: `<memory unit='KiB'>…</memory>`.
pub(super) fn size(root: &Element, path: &str, default_unit: &str) -> Result<Option<u64>, XmlError> {
    let Some(element) = root.at(path) else { return Ok(None) };
    let text = element.text();
    if text.is_empty() {
        return Ok(None);
    }
    size_to_bytes(&text, element.attribute("unit"), default_unit, path).map(Some)
}

/// `yes`/`on` as true, `no`/`off` as false, anything else as not said.
pub(super) fn switch(value: Option<&str>) -> Option<bool> {
    match value {
        Some("yes" | "on" | "1" | "true") => Some(true),
        Some("no" | "off" | "0" | "false") => Some(false),
        _ => None,
    }
}

/// An attribute as an owned text; an empty one counts as absent.
pub(super) fn owned(element: &Element, name: &str) -> Option<String> {
    element.attribute(name).filter(|value| !value.is_empty()).map(str::to_owned)
}

/// An attribute of the element at a path as an owned text.
pub(super) fn owned_at(element: &Element, path: &str, name: &str) -> Option<String> {
    element.at(path).and_then(|element| owned(element, name))
}

/// The PCI, USB or other address of a device as libvirt writes it: `0000:03:00.1`.
pub(super) fn pci_address(element: &Element) -> Option<String> {
    let part = |name| {
        let text = element.attribute(name)?;
        u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()
    };
    Some(format!(
        "{:04x}:{:02x}:{:02x}.{:x}",
        part("domain").unwrap_or(0),
        part("bus")?,
        part("slot")?,
        part("function")?
    ))
}
