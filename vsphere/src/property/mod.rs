//! The property collector: reading properties, and watching them.

mod delta;
#[cfg(test)]
mod delta_tests;
mod retrieve;
mod spec;
mod watch;

pub use delta::{DeltaError, DeltaReason, ObjectState};
pub use spec::{FilterSpec, ObjectList};
pub use watch::{FilterUpdate, RestartReason, UpdateSet, Watch, WatchEvent, WatchSpec};

use crate::value::{MoRef, Name, Value};
use crate::wire::Fault;

/// What an update says about an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UpdateKind {
    /// The object is new to the filter; the changes are all its properties that are set.
    Enter,
    /// Properties changed.
    Modify,
    /// The object is no longer in the filter: deleted, moved away, or no longer visible to the user.
    Leave,
}

/// What a change does to a property.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChangeOp {
    /// The property has a new value (or, without a value, none any more).
    Assign,
    /// An element was added to a collection.
    Add,
    /// An element or a property was removed.
    Remove,
    /// A property is gone because something that held it is.
    IndirectRemove,
}

/// One change of one property.
#[derive(Clone, Debug, PartialEq)]
pub struct PropertyChange {
    /// The path, possibly below what was asked for: `config.hardware.device[4000].backing`.
    pub path: Name,
    /// What happened.
    pub op: ChangeOp,
    /// The new value; [`Value::Unset`] when there is none.
    pub value: Value,
}

/// A property that the server could not or would not answer.
#[derive(Clone, Debug, PartialEq)]
pub struct MissingProperty {
    /// The path that was asked for.
    pub path: Name,
    /// Why: often `NoPermission`.
    pub fault: Fault,
}

/// What happened to one object.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectUpdate {
    /// Whether it entered, changed or left.
    pub kind: UpdateKind,
    /// The object.
    pub object: MoRef,
    /// The changes, in order.
    pub changes: Vec<PropertyChange>,
    /// The properties that could not be read.
    pub missing: Vec<MissingProperty>,
}
