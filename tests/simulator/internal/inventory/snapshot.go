package inventory

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// firstSnapshotID keeps the ids of built snapshots away from those of snapshots that clients make, which begin at 1.
const firstSnapshotID = 101

// Snapshot adds a snapshot to the machine, as a child of the one with the given id, or as a root when that is 0, and
// makes it the current one. It returns the new snapshot's id.
func (b *Builder) Snapshot(vm *simulator.VirtualMachine, parent int32, name, description string) int32 {
	config := *vm.Config
	snapshot := &simulator.VirtualMachineSnapshot{}
	snapshot.Vm = vm.Self
	snapshot.Config = config
	b.Map.Put(snapshot)
	if vm.Snapshot == nil {
		vm.Snapshot = &types.VirtualMachineSnapshotInfo{}
	}
	id := int32(firstSnapshotID + countSnapshots(vm.Snapshot.RootSnapshotList))
	tree := types.VirtualMachineSnapshotTree{
		Snapshot: snapshot.Self, Vm: vm.Self, Name: name, Description: description, Id: id,
		CreateTime: Epoch.Add(time.Duration(id) * time.Hour), State: vm.Runtime.PowerState,
		ReplaySupported: flag(false),
	}
	if above := findSnapshot(vm.Snapshot.RootSnapshotList, parent); above != nil {
		above.ChildSnapshotList = append(above.ChildSnapshotList, tree)
		if node, ok := b.Map.Get(above.Snapshot).(*simulator.VirtualMachineSnapshot); ok {
			node.ChildSnapshot = append(node.ChildSnapshot, snapshot.Self)
		}
	} else {
		vm.Snapshot.RootSnapshotList = append(vm.Snapshot.RootSnapshotList, tree)
		vm.RootSnapshot = append(vm.RootSnapshot, snapshot.Self)
	}
	current := snapshot.Self
	vm.Snapshot.CurrentSnapshot = &current
	return id
}

func countSnapshots(list []types.VirtualMachineSnapshotTree) int {
	count := len(list)
	for i := range list {
		count += countSnapshots(list[i].ChildSnapshotList)
	}
	return count
}

func findSnapshot(list []types.VirtualMachineSnapshotTree, id int32) *types.VirtualMachineSnapshotTree {
	for i := range list {
		if list[i].Id == id {
			return &list[i]
		}
		if found := findSnapshot(list[i].ChildSnapshotList, id); found != nil {
			return found
		}
	}
	return nil
}
