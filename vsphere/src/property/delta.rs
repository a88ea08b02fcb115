//! Applying property changes to a held object.
//!
//! A server that sends partial updates names what changed below a property (`config.hardware.device[4000].backing`)
//! instead of sending the whole property again. [`ObjectState`] holds an object's properties and applies such changes.
//! Invariant: after a change that could be applied the held tree is what the server holds; a change that cannot be applied
//! with certainty is refused with the reason and changes nothing, and the consumer must read the object again.

use std::sync::Arc;

use super::{ChangeOp, MissingProperty, ObjectUpdate, PropertyChange, UpdateKind};
use crate::value::path::{self, Segment};
use crate::value::{Array, Items, MoRef, Name, Object, Value};

/// One managed object and those of its properties that were asked for and are set.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectState {
    object: MoRef,
    properties: Vec<(Name, Value)>,
    missing: Vec<MissingProperty>,
}

/// Why a change could not be applied. The object must be read again.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the change of {path} of {object} cannot be applied: {reason}")]
pub struct DeltaError {
    /// The object.
    pub object: MoRef,
    /// The path of the first change that could not be applied.
    pub path: Name,
    /// Why not.
    pub reason: DeltaReason,
}

/// What stands in the way of a change.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DeltaReason {
    /// The path cannot be read.
    #[error("the path is malformed")]
    Path,
    /// What the path goes through is not held.
    #[error("the parent is not held")]
    NoParent,
    /// The element that the path goes through is not held.
    #[error("no element has that key")]
    NoElement,
    /// The path goes through a scalar.
    #[error("the parent is not an object")]
    NotAnObject,
    /// The path goes through several elements without saying which.
    #[error("the path does not say which element")]
    Ambiguous,
    /// An element came without the key by which later changes would name it.
    #[error("the element has no key")]
    NoKey,
    /// The change is to something wider than what was asked for.
    #[error("the change is to a parent of held properties")]
    Wider,
    /// The change belongs to another object.
    #[error("the change is of another object")]
    OtherObject,
}

impl ObjectState {
    /// An object of which nothing is held yet.
    pub fn new(object: MoRef) -> Self {
        Self { object, properties: Vec::new(), missing: Vec::new() }
    }

    /// An object of which these properties are held, as when a consumer kept them in a form of its own.
    pub fn from_parts(object: MoRef, mut properties: Vec<(Name, Value)>, missing: Vec<MissingProperty>) -> Self {
        sort(&mut properties);
        Self { object, properties, missing }
    }

    /// Which object this is.
    pub fn object(&self) -> &MoRef {
        &self.object
    }

    /// The held properties by the paths they were asked with.
    pub fn properties(&self) -> impl Iterator<Item = (&Name, &Value)> {
        self.properties.iter().map(|(name, value)| (name, value))
    }

    /// The properties that the server could not or would not answer, with the reason (often `NoPermission`).
    pub fn missing(&self) -> &[MissingProperty] {
        &self.missing
    }

    /// The value at a path: a held property, or something within one. See [`Value::get`] for paths.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let (value, rest) = self.held(path)?;
        match rest {
            "" => Some(value),
            rest => value.get(rest),
        }
    }

    /// Every item of an array-valued property, held as such or within another. Empty when it is not set.
    pub fn all<'a>(&'a self, path: &'a str) -> Items<'a> {
        match self.held(path) {
            None => Items::slice(&[]),
            Some((value, "")) => value.items(),
            Some((value, rest)) => value.all(rest),
        }
    }

    /// The text at a path.
    pub fn str(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// The reference at a path.
    pub fn moref(&self, path: &str) -> Option<&MoRef> {
        self.get(path)?.moref()
    }

    /// Applies everything of one update.
    ///
    /// `enter` begins anew; `leave` drops everything. When a change cannot be applied the others still are, the first
    /// failure is returned, and the object must be read again.
    pub fn apply(&mut self, update: &ObjectUpdate) -> Result<(), DeltaError> {
        if update.object != self.object {
            let path = Name::new("");
            return Err(DeltaError { object: self.object.clone(), path, reason: DeltaReason::OtherObject });
        }
        if update.kind != UpdateKind::Modify {
            self.properties.clear();
            self.missing.clear();
        }
        let mut first = Ok(());
        if update.kind == UpdateKind::Enter && names_apart(&update.changes) {
            // As nearly always: nothing is there that a change could be within.
            self.properties.extend(update.changes.iter().filter_map(|change| match Edit::of(change) {
                Edit::Assign(value) => Some((change.path.clone(), value.clone())),
                Edit::Add(_) | Edit::Remove => None,
            }));
            sort(&mut self.properties);
        } else {
            for change in &update.changes {
                let applied = self.apply_change(change);
                first = first.and(applied);
            }
        }
        for missing in &update.missing {
            self.properties.retain(|(name, _)| *name != missing.path);
            self.missing.retain(|known| known.path != missing.path);
            self.missing.push(missing.clone());
        }
        first
    }

    /// Applies one change.
    pub fn apply_change(&mut self, change: &PropertyChange) -> Result<(), DeltaError> {
        self.try_apply(change).map_err(|reason| DeltaError {
            object: self.object.clone(),
            path: change.path.clone(),
            reason,
        })
    }

    fn try_apply(&mut self, change: &PropertyChange) -> Result<(), DeltaReason> {
        let segments = path::parse(&change.path).map_err(|_| DeltaReason::Path)?;
        let edit = Edit::of(change);
        let held = self.properties.iter().position(|(name, _)| rest_below(&change.path, name).is_some());
        if let Some(index) = held {
            let rest = rest_below(&change.path, &self.properties[index].0).unwrap_or_default();
            if rest.is_empty() {
                self.edit_property(index, edit)?;
            } else {
                let rest = path::parse(rest.strip_prefix('.').unwrap_or(rest)).map_err(|_| DeltaReason::Path)?;
                edit_value(&mut self.properties[index].1, &rest, edit)?;
            }
        } else if self.properties.iter().any(|(name, _)| rest_below(name, &change.path).is_some()) {
            // Of a parent of what is held: its end is theirs; a new value cannot be told apart into them with certainty.
            if !edit.removes() {
                return Err(DeltaReason::Wider);
            }
            self.properties.retain(|(name, _)| rest_below(name, &change.path).is_none());
        } else {
            self.insert_property(change, &segments, edit)?;
        }
        self.missing.retain(|missing| missing.path != change.path);
        Ok(())
    }

    /// A change of a whole held property.
    fn edit_property(&mut self, index: usize, edit: Edit<'_>) -> Result<(), DeltaReason> {
        match edit {
            Edit::Remove => {
                self.properties.remove(index);
            }
            Edit::Assign(value) => self.properties[index].1 = value.clone(),
            Edit::Add(value) => match &mut self.properties[index].1 {
                Value::Array(array) => add_items(&mut Arc::make_mut(array).items, value)?,
                _ => return Err(DeltaReason::NotAnObject),
            },
        }
        Ok(())
    }

    /// A change of a property of which nothing is held: it was not set so far.
    fn insert_property(
        &mut self,
        change: &PropertyChange,
        segments: &[Segment<'_>],
        edit: Edit<'_>,
    ) -> Result<(), DeltaReason> {
        let value = match edit {
            Edit::Remove => return Ok(()),
            // An element or a part of something unheld: what it belongs to is not known.
            _ if segments.iter().any(|segment| segment.key.is_some()) => return Err(DeltaReason::NoParent),
            Edit::Assign(value) => value.clone(),
            Edit::Add(value) => {
                let mut array = Array::default();
                add_items(&mut array.items, value)?;
                array.into()
            }
        };
        let at = self.properties.partition_point(|(name, _)| *name < change.path);
        self.properties.insert(at, (change.path.clone(), value));
        Ok(())
    }

    /// The held property that a path is of or within, and the rest of the path below it.
    fn held<'a, 'p>(&'a self, path: &'p str) -> Option<(&'a Value, &'p str)> {
        let ends = std::iter::successors(Some(path.len()), |end| path[..*end].rfind(['.', '[']));
        ends.into_iter().find_map(|end| {
            let (name, rest) = path.split_at(end);
            let at = self.properties.binary_search_by(|(held, _)| (**held).cmp(name)).ok()?;
            Some((&self.properties[at].1, rest.strip_prefix('.').unwrap_or(rest)))
        })
    }
}

/// Properties are held in the order of their names.
fn sort(properties: &mut [(Name, Value)]) {
    if !properties.is_sorted_by(|(a, _), (b, _)| a <= b) {
        properties.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
}

/// Whether changes are assignments of whole properties, none of which is or is within another.
fn names_apart(changes: &[PropertyChange]) -> bool {
    let is_plain = |path: &str| {
        path.split('.').all(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    if !changes.iter().all(|change| change.op != ChangeOp::Add && is_plain(&change.path)) {
        return false;
    }
    // A dot comes before all letters and digits: what is within a property comes next to it.
    let mut paths: Vec<&str> = changes.iter().map(|change| &*change.path).collect();
    paths.sort_unstable();
    paths.windows(2).all(|pair| rest_below(pair[1], pair[0]).is_none())
}

/// The rest of `path` below `parent`: empty, or beginning with a dot or a bracket. `None` when it is not below it.
fn rest_below<'p>(path: &'p str, parent: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(parent)?;
    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}

/// What a change does at the end of its path.
#[derive(Clone, Copy)]
enum Edit<'a> {
    Assign(&'a Value),
    Add(&'a Value),
    Remove,
}

impl<'a> Edit<'a> {
    fn of(change: &'a PropertyChange) -> Self {
        match (change.op, &change.value) {
            (ChangeOp::Remove | ChangeOp::IndirectRemove, _) | (_, Value::Unset) => Edit::Remove,
            (ChangeOp::Add, value) => Edit::Add(value),
            (ChangeOp::Assign, value) => Edit::Assign(value),
        }
    }

    fn removes(self) -> bool {
        matches!(self, Edit::Remove)
    }
}

/// Applies an edit below a value.
fn edit_value(target: &mut Value, segments: &[Segment<'_>], edit: Edit<'_>) -> Result<(), DeltaReason> {
    let [segment, rest @ ..] = segments else { return Err(DeltaReason::Path) };
    if segment.name.is_empty() {
        let key = segment.key.ok_or(DeltaReason::Path)?;
        return match target {
            Value::Array(array) => edit_item(&mut Arc::make_mut(array).items, key, rest, edit),
            _ => Err(DeltaReason::NotAnObject),
        };
    }
    // An empty object is written like an empty text.
    if matches!(target, Value::Text(text) if text.is_empty()) {
        *target = Object::untyped().into();
    }
    let Value::Object(object) = target else { return Err(DeltaReason::NotAnObject) };
    let object = Arc::make_mut(object);
    if let Some(key) = segment.key {
        if let Some(Value::Array(array)) = field_mut(object, segment.name) {
            return edit_item(&mut Arc::make_mut(array).items, key, rest, edit);
        }
        return edit_keyed_field(object, segment.name, key, rest, edit);
    }
    if rest.is_empty() {
        return edit_field(object, segment.name, edit);
    }
    let mut of_that_name = object.fields.iter_mut().filter(|(name, _)| name == segment.name);
    match (of_that_name.next(), of_that_name.next()) {
        (Some((_, child)), None) => edit_value(child, rest, edit),
        (Some(_), Some(_)) => Err(DeltaReason::Ambiguous),
        (None, _) if edit.removes() => Ok(()),
        (None, _) => Err(DeltaReason::NoParent),
    }
}

fn field_mut<'o>(object: &'o mut Object, name: &str) -> Option<&'o mut Value> {
    object.fields.iter_mut().find(|(field, _)| field == name).map(|(_, value)| value)
}

/// Edits a whole field of an object, which may be array-valued.
fn edit_field(object: &mut Object, name: &str, edit: Edit<'_>) -> Result<(), DeltaReason> {
    let fields = &mut object.fields;
    match edit {
        Edit::Remove => fields.retain(|(field, _)| field != name),
        Edit::Assign(value) => {
            let at = fields.iter().position(|(field, _)| field == name).unwrap_or(fields.len());
            fields.retain(|(field, _)| field != name);
            let name = Name::new(name);
            // Within an object an array is its name repeated.
            fields.splice(at..at, value.items().map(|item| (name.clone(), item.clone())));
        }
        Edit::Add(value) => {
            if let Some(Value::Array(array)) = field_mut(object, name) {
                return add_items(&mut Arc::make_mut(array).items, value);
            }
            for item in value.items() {
                let key = item.key().ok_or(DeltaReason::NoKey)?;
                put_keyed_field(object, name, &key, item);
            }
        }
    }
    Ok(())
}

/// Edits one element of an array-valued field, or something within it.
fn edit_keyed_field(
    object: &mut Object,
    name: &str,
    key: &str,
    rest: &[Segment<'_>],
    edit: Edit<'_>,
) -> Result<(), DeltaReason> {
    let position = object.fields.iter().position(|(field, value)| field == name && value.has_key(key));
    match (position, rest, edit) {
        (Some(at), [], Edit::Remove) => {
            object.fields.remove(at);
        }
        (_, [], Edit::Assign(value) | Edit::Add(value)) => put_keyed_field(object, name, key, value),
        (Some(at), rest, edit) => return edit_value(&mut object.fields[at].1, rest, edit),
        (None, _, Edit::Remove) => {}
        (None, ..) => return Err(DeltaReason::NoElement),
    }
    Ok(())
}

/// Replaces the element with that key, or adds it behind the others.
fn put_keyed_field(object: &mut Object, name: &str, key: &str, value: &Value) {
    let fields = &mut object.fields;
    match fields.iter().position(|(field, held)| field == name && held.has_key(key)) {
        Some(at) => fields[at].1 = value.clone(),
        None => {
            let at = fields.iter().rposition(|(field, _)| field == name).map_or(fields.len(), |last| last + 1);
            fields.insert(at, (Name::new(name), value.clone()));
        }
    }
}

/// Edits one item of an array, or something within it.
fn edit_item(items: &mut Vec<Value>, key: &str, rest: &[Segment<'_>], edit: Edit<'_>) -> Result<(), DeltaReason> {
    let position = items.iter().position(|item| item.has_key(key));
    match (position, rest, edit) {
        (Some(at), [], Edit::Remove) => {
            items.remove(at);
        }
        (Some(at), [], Edit::Assign(value) | Edit::Add(value)) => items[at] = value.clone(),
        (None, [], Edit::Assign(value) | Edit::Add(value)) => items.push(value.clone()),
        (Some(at), rest, edit) => return edit_value(&mut items[at], rest, edit),
        (None, _, Edit::Remove) => {}
        (None, ..) => return Err(DeltaReason::NoElement),
    }
    Ok(())
}

/// Adds items to an array; one whose key is there already replaces it.
fn add_items(items: &mut Vec<Value>, value: &Value) -> Result<(), DeltaReason> {
    let keys: Option<Vec<String>> = value.items().map(Value::key).collect();
    for (key, item) in keys.ok_or(DeltaReason::NoKey)?.iter().zip(value.items()) {
        match items.iter().position(|held| held.has_key(key)) {
            Some(at) => items[at] = item.clone(),
            None => items.push(item.clone()),
        }
    }
    Ok(())
}
