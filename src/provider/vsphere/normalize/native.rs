//! What the platform says beyond the common fields, in its own names, bounded.

use serde_json::Value as Json;
use vsphere::{ObjectState, Value};

use crate::model::Native;

/// No text of the platform is kept longer than this, in characters.
const TEXT_LIMIT: usize = 1024;

/// Collects native detail. Absent values leave nothing.
#[derive(Default)]
pub(super) struct Detail(Native);

impl Detail {
    /// With the object's reference, and its name as the platform writes it when that differs from the shown one.
    pub(super) fn of(object: &ObjectState, shown_name: &str) -> Self {
        let raw = object.str("name").filter(|raw| *raw != shown_name);
        Self::default().with("moref", Some(object.object().id())).with("rawName", raw)
    }

    /// Adds a value.
    pub(super) fn with<T: Into<Json>>(mut self, name: &str, value: Option<T>) -> Self {
        let value = match value.map(Into::into) {
            None | Some(Json::Null) => return self,
            Some(Json::String(text)) if text.is_empty() => return self,
            Some(Json::String(text)) if text.len() > TEXT_LIMIT => {
                Json::String(text.chars().take(TEXT_LIMIT).collect())
            }
            Some(value) => value,
        };
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Adds a scalar of the platform under a name.
    pub(super) fn with_value(self, name: &str, value: Option<&Value>) -> Self {
        self.with(name, value.map(scalar))
    }

    /// Adds scalar properties under the last parts of their paths.
    pub(super) fn with_paths(self, object: &ObjectState, paths: &[&str]) -> Self {
        paths.iter().fold(self, |detail, path| {
            let name = path.rsplit('.').next().unwrap_or(path);
            detail.with_value(name, object.get(path))
        })
    }

    /// What was collected.
    pub(super) fn done(self) -> Native {
        self.0
    }
}

/// A scalar as JSON; nothing for anything else. Untyped text that is a number or boolean becomes one.
fn scalar(value: &Value) -> Json {
    match value {
        Value::Bool(value) => Json::Bool(*value),
        Value::Text(text) => match &**text {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            text => text.parse::<i64>().map_or_else(|_| Json::from(text), Json::from),
        },
        Value::Float(_) | Value::Double(_) => value.as_f64().map_or(Json::Null, Json::from),
        other => match (other.as_i64(), other.as_str()) {
            (Some(number), _) => Json::from(number),
            (None, Some(text)) => Json::from(text),
            (None, None) => Json::Null,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detail_is_scalar_and_bounded() {
        let detail = Detail::default()
            .with("none", None::<&str>)
            .with("empty", Some(""))
            .with("long", Some("x".repeat(5000)))
            .with_value("number", Some(&Value::from("41")))
            .with_value("flag", Some(&Value::from("true")))
            .with_value("tree", Some(&vsphere::Object::untyped().into()))
            .done();
        assert_eq!(detail.keys().collect::<Vec<_>>(), ["flag", "long", "number"]);
        assert_eq!(detail["number"], 41);
        assert_eq!(detail["flag"], true);
        assert_eq!(detail["long"].as_str().map(str::len), Some(TEXT_LIMIT));
    }
}
