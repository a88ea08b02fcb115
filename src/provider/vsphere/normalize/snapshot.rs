//! Snapshots: a tree in each machine.

use vsphere::{ObjectState, Value};

use super::native::Detail;
use super::{Scope, text};
use crate::model::{Kind, Snapshot, SnapshotId, VmId};

/// How deep trees are followed; vSphere allows chains of 32.
const DEPTH_LIMIT: usize = 64;

/// The key of a snapshot of a machine.
pub(super) fn key(vm: &str, snapshot: &str) -> String {
    format!("{vm}/{snapshot}")
}

/// All snapshots of a machine with their keys, parents before children.
pub(super) fn snapshots(vm: &ObjectState, vm_id: VmId, scope: Scope<'_>) -> Vec<(String, Snapshot)> {
    let current = vm.get("snapshot.currentSnapshot").and_then(Value::moref).map(|current| current.id().to_owned());
    let tree = Tree { vm: vm.object().id(), vm_id, current, scope };
    let mut all = Vec::new();
    if let Some(snapshot) = vm.get("snapshot") {
        tree.below(snapshot.all("rootSnapshotList"), None, 0, &mut all);
    }
    all
}

struct Tree<'a> {
    vm: &'a str,
    vm_id: VmId,
    current: Option<String>,
    scope: Scope<'a>,
}

impl Tree<'_> {
    fn below<'v>(
        &self,
        nodes: impl Iterator<Item = &'v Value>,
        parent_id: Option<SnapshotId>,
        depth: usize,
        all: &mut Vec<(String, Snapshot)>,
    ) {
        for node in nodes {
            let Some(reference) = node.get("snapshot").and_then(Value::moref) else { continue };
            let key = key(self.vm, reference.id());
            let id: SnapshotId = self.scope.id(Kind::Snapshot, &key);
            all.push((key, self.snapshot(node, reference.id(), parent_id)));
            if depth < DEPTH_LIMIT {
                self.below(node.all("childSnapshotList"), Some(id), depth + 1, all);
            }
        }
    }

    fn snapshot(&self, node: &Value, reference: &str, parent_id: Option<SnapshotId>) -> Snapshot {
        let text = |path: &str| node.get(path).and_then(Value::as_str).filter(|text| !text.is_empty());
        Snapshot {
            name: text("name").map_or_else(|| reference.to_owned(), text::decode),
            vm_id: self.vm_id,
            parent_id,
            description: text("description").map(str::to_owned),
            created_at: node.get("createTime").and_then(Value::as_time),
            current: self.current.as_deref() == Some(reference),
            memory: None,
            quiesced: node.get("quiesced").and_then(Value::as_bool),
            vm_state: super::vm::power_state(text("state")),
            native: Detail::default().with("moref", Some(reference)).with_value("id", node.get("id")).done(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all, held, id, of};
    use crate::model::vm::PowerState;
    use crate::model::{Kind, Snapshot};
    use vsphere::{MoRef, Object};

    #[test]
    fn a_tree_of_snapshots_becomes_a_list_with_parents() {
        let node = |key: &str, name: &str, state: &str| {
            Object::new("VirtualMachineSnapshotTree")
                .with("snapshot", MoRef::new("VirtualMachineSnapshot", key))
                .with("name", name)
                .with("createTime", "2026-03-04T05:06:07Z")
                .with("state", state)
                .with("quiesced", "true")
        };
        let inner = node("snapshot-3", "after%2fpatch", "poweredOn");
        let root = node("snapshot-2", "before", "poweredOff").with("childSnapshotList", inner);
        let info = Object::new("VirtualMachineSnapshotInfo")
            .with("currentSnapshot", MoRef::new("VirtualMachineSnapshot", "snapshot-3"))
            .with("rootSnapshotList", root);
        let state = held([of("VirtualMachine", "vm-1").text("name", "vm").value("snapshot", info)]);
        let snapshots: Vec<Snapshot> = all(&state, "vm-1");
        assert_eq!(snapshots.len(), 2);
        assert_eq!((snapshots[0].name.as_str(), snapshots[0].parent_id, snapshots[0].current), ("before", None, false));
        assert_eq!((snapshots[1].name.as_str(), snapshots[1].current), ("after/patch", true));
        assert_eq!(snapshots[1].parent_id, Some(id(Kind::Snapshot, "vm-1/snapshot-2")));
        assert_eq!((snapshots[0].vm_state, snapshots[1].vm_state), (PowerState::Stopped, PowerState::Running));
        assert_eq!(snapshots[0].quiesced, Some(true));
        assert!(snapshots[0].created_at.is_some());
    }
}
