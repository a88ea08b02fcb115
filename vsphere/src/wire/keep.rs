//! What is made of the values of properties: of large ones only the fields that somebody reads.

use std::collections::HashMap;

/// Of which properties only some fields are kept. The rest of such a value is passed over while the answer is read: it costs
/// no memory, and far less time than values do.
///
/// ```
/// use vsphere::{Config, Keep};
/// let keep = Keep::default().fields("config.hardware.device", &["key", "backing", "fileName", "capacityInBytes"]);
/// let config = Config::new("vcenter.example.org")?.keep(keep);
/// # Ok::<(), vsphere::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Keep(HashMap<String, Fields>);

impl Keep {
    /// Of this property, and of what is told of within it (`config.hardware.device[2000].backing`), only fields of these
    /// names are kept, at whatever depth. Items of arrays are.
    #[must_use]
    pub fn fields(mut self, property: &str, names: &[&str]) -> Self {
        self.0.entry(property.to_owned()).or_default().add(names);
        self
    }

    /// What is kept of the value at a path; `None`: all of it.
    pub(super) fn of(&self, path: &str) -> Option<&Fields> {
        if self.0.is_empty() {
            return None;
        }
        let ends = path.match_indices(['.', '[']).map(|(at, _)| at).chain([path.len()]);
        ends.rev().find_map(|end| self.0.get(&path[..end]))
    }
}

/// The names of fields, by their length: a look at a few names answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<Vec<Box<str>>>);

impl Fields {
    fn add(&mut self, names: &[&str]) {
        for name in names {
            if self.0.len() <= name.len() {
                self.0.resize_with(name.len() + 1, Vec::new);
            }
            self.0[name.len()].push((*name).into());
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.get(name.len()).is_some_and(|names| names.iter().any(|known| **known == *name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_property_above_a_path_says_what_is_kept() {
        let keep = Keep::default().fields("config", &["a"]).fields("config.hardware.device", &["key", "b"]);
        let check = |path: &str, field: &str, expected: Option<bool>| {
            assert_eq!(keep.of(path).map(|fields| fields.has(field)), expected, "{path} {field}");
        };
        check("config.hardware.device", "key", Some(true));
        check("config.hardware.device", "a", Some(false));
        check("config.hardware.device[2000].backing", "b", Some(true));
        check("config.hardware.deviceCount", "a", Some(true));
        check("config.hardware", "b", Some(false));
        check("configuration", "a", None);
        check("runtime.host", "a", None);
    }
}
