//! A snapshot of a domain.

use chrono::DateTime;
use uuid::Uuid;

use super::super::facts::SnapshotFacts;
use super::{NativeMap, Place};
use crate::model::vm::PowerState;
use crate::model::{Kind, Snapshot};

/// The key of a snapshot's id.
pub(in super::super) fn key(domain: Uuid, name: &str) -> String {
    format!("{domain}/{name}")
}

/// A snapshot.
pub(in super::super) fn snapshot(place: &Place, domain: Uuid, facts: &SnapshotFacts) -> Snapshot {
    let definition = &facts.definition;
    let parent = definition.parent.as_ref();
    Snapshot {
        name: definition.name.clone(),
        vm_id: place.vm_id(domain),
        parent_id: parent.map(|parent| place.ids.id(Kind::Snapshot, &key(domain, parent)).into()),
        description: definition.description.clone(),
        created_at: definition.created_unix_seconds.and_then(|seconds| DateTime::from_timestamp(seconds, 0)),
        current: facts.current,
        memory: definition.memory.as_deref().map(|memory| memory != "no"),
        // libvirt does not keep whether the guest agent froze the file systems.
        quiesced: None,
        vm_state: vm_state(definition.state.as_deref()),
        native: NativeMap::default()
            .put("state", &definition.state)
            .put("memory", &definition.memory)
            .put("memory_file", &definition.memory_file)
            .put("disks", &definition.disks)
            .done(),
    }
}

/// A snapshot of disks alone (`disk-snapshot`) does not tell what the machine did.
fn vm_state(state: Option<&str>) -> PowerState {
    match state {
        Some("running" | "blocked" | "shutdown" | "in shutdown") => PowerState::Running,
        Some("paused" | "pmsuspended") => PowerState::Paused,
        Some("shutoff") => PowerState::Stopped,
        Some("crashed") => PowerState::Crashed,
        _ => PowerState::Unknown,
    }
}
