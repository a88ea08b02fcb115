//! A snapshot of a VM.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::field::{Field, FieldType, value};
use super::vm::PowerState;
use super::{Kind, Native, Noun, SnapshotId, Value, VmId};

/// A snapshot of a VM; those of one VM form a tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Snapshot {
    /// The name shown to people.
    pub name: String,
    /// The VM that it is of.
    pub vm_id: VmId,
    /// The snapshot that it was made after.
    pub parent_id: Option<SnapshotId>,
    /// Free text.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Option<DateTime<Utc>>,
    /// Whether the VM runs on from this one.
    pub current: bool,
    /// Whether the memory of the running machine is in it.
    pub memory: Option<bool>,
    /// Whether the guest's file systems were at rest; absent where the platform does not tell.
    pub quiesced: Option<bool>,
    /// The state of the VM when it was made.
    pub vm_state: PowerState,
    /// Platform detail.
    #[schema(value_type = Object)]
    pub native: Native,
}

impl Noun for Snapshot {
    const KIND: Kind = Kind::Snapshot;

    fn name(&self) -> &str {
        &self.name
    }

    fn fields() -> &'static [Field<Self>] {
        const FIELDS: &[Field<Snapshot>] = &[
            Field::<Snapshot>::new("vm_id", FieldType::Id, "The VM that it is of.", |o| value::opt_id(Some(o.vm_id)))
                .indexed(),
            Field::<Snapshot>::new("parent_id", FieldType::Id, "The snapshot that it was made after.", |o| {
                value::opt_id(o.parent_id)
            })
            .indexed(),
            Field::<Snapshot>::new("description", FieldType::Text, "Free text.", |o| {
                value::opt_text(o.description.as_ref())
            }),
            Field::<Snapshot>::new("created_at", FieldType::Time, "When it was made.", |o| {
                value::opt_time(o.created_at)
            }),
            Field::<Snapshot>::new("current", FieldType::Boolean, "Whether the VM runs on from this one.", |o| {
                Value::Bool(o.current)
            }),
            Field::<Snapshot>::new(
                "memory",
                FieldType::Boolean,
                "Whether the memory of the running machine is in it.",
                |o| o.memory.map_or(Value::Null, Value::Bool),
            ),
            Field::<Snapshot>::new(
                "quiesced",
                FieldType::Boolean,
                "Whether the guest's file systems were at rest; absent where the platform does not tell.",
                |o| o.quiesced.map_or(Value::Null, Value::Bool),
            ),
            Field::<Snapshot>::new(
                "vm_state",
                FieldType::Word(&["running", "stopped", "suspended", "paused", "crashed", "unknown"]),
                "The state of the VM when it was made.",
                |o| Value::Word(o.vm_state.as_str()),
            ),
        ];
        FIELDS
    }
}
