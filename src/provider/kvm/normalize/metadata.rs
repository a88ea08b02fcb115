//! Free texts under `<metadata>`: what OpenStack, virt-manager and people's own tools write there.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use kvm::xml::{Document, DomainXml, Element};

use super::{NATIVE_ITEMS_MAX, cut};

/// Deepest nesting of an entry that is looked into.
const DEPTH_MAX: usize = 4;

/// The title and the simple texts of the metadata: `instance.flavor.memory` to `2048`. What libosinfo keeps is the guest
/// operating system and shown as such.
pub(in super::super) fn attributes(definition: &DomainXml) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in definition.metadata.iter().filter(|entry| entry.name != "libosinfo") {
        if let Ok(document) = Document::parse(&entry.xml) {
            collect(document.root(), &entry.name, DEPTH_MAX, &mut found);
        }
    }
    if let Some(title) = &definition.title {
        add("title", title, &mut found);
    }
    found
}

fn collect(element: &Element, path: &str, depth: usize, found: &mut BTreeMap<String, String>) {
    for attribute in element.attributes().iter().filter(|a| a.name != "xmlns" && !a.name.starts_with("xmlns:")) {
        add(&format!("{path}.{}", local(&attribute.name)), &attribute.value, found);
    }
    let mut children = element.elements().peekable();
    if children.peek().is_none() {
        add(path, &element.text(), found);
    } else if depth > 0 {
        for child in children {
            collect(child, &format!("{path}.{}", local(child.name())), depth - 1, found);
        }
    }
}

fn add(name: &str, text: &str, found: &mut BTreeMap<String, String>) {
    let mut text = text.trim().to_owned();
    if !text.is_empty() && found.len() < NATIVE_ITEMS_MAX {
        cut(&mut text);
        // Of several entries with one name the first counts.
        found.entry(name.to_owned()).or_insert(text);
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// When the machine was made, where a manager wrote it: OpenStack's `creationTime`, always UTC.
pub(super) fn created_at(attributes: &BTreeMap<String, String>) -> Option<DateTime<Utc>> {
    let text = attributes.iter().find(|(name, _)| name.rsplit('.').next() == Some("creationTime"))?.1;
    let plain = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().map(|time| time.and_utc());
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()).or_else(plain)
}
