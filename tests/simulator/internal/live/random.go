package live

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Act is one kind of change that happens by itself.
type Act string

// The acts, and how often each happens relative to the others.
const (
	ActPower          Act = "power"
	ActGuestIP        Act = "guest_ip"
	ActMove           Act = "move"
	ActResize         Act = "resize"
	ActRename         Act = "rename"
	ActAnnotate       Act = "annotate"
	ActSnapshotAdd    Act = "snapshot_add"
	ActSnapshotRemove Act = "snapshot_remove"
	ActDiskAdd        Act = "disk_add"
	ActDiskRemove     Act = "disk_remove"
	ActCreate         Act = "create"
	ActDelete         Act = "delete"
	ActDatastore      Act = "datastore"
	ActTag            Act = "tag"
)

var actWeights = []struct {
	act    Act
	weight int
}{
	{ActPower, 22}, {ActGuestIP, 18}, {ActMove, 14}, {ActResize, 10}, {ActRename, 6}, {ActAnnotate, 6},
	{ActSnapshotAdd, 5}, {ActSnapshotRemove, 4}, {ActDiskAdd, 3}, {ActDiskRemove, 2}, {ActDatastore, 4},
	{ActTag, 3}, {ActCreate, 2}, {ActDelete, 1},
}

// mostSnapshots of one machine: more are removed instead of added, so that an inventory does not grow for ever.
const mostSnapshots = 6

func count(list []types.VirtualMachineSnapshotTree) int {
	total := len(list)
	for i := range list {
		total += count(list[i].ChildSnapshotList)
	}
	return total
}

// crowded says whether there are so many more machines than at first that one should go before another one comes.
func (inv *Inventory) crowded() bool {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return len(inv.machines) >= inv.first+max(5, inv.first/20)
}

// NextAct draws the next act.
func (inv *Inventory) NextAct() Act {
	total := 0
	for _, entry := range actWeights {
		total += entry.weight
	}
	n := inv.intN(total)
	for _, entry := range actWeights {
		if n -= entry.weight; n < 0 {
			return entry.act
		}
	}
	return ActPower
}

func (inv *Inventory) intN(n int) int {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	return inv.random.IntN(n)
}

// Spare keeps these machines, named by their references' values, out of what happens by itself from now on.
func (inv *Inventory) Spare(machines []string) {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for _, machine := range machines {
		inv.spared[machine] = true
	}
}

// Any draws a machine that can be changed and is not spared, or nil when there is none.
func (inv *Inventory) Any() *simulator.VirtualMachine {
	inv.mu.Lock()
	defer inv.mu.Unlock()
	for range 50 {
		if len(inv.machines) == 0 {
			return nil
		}
		i := inv.random.IntN(len(inv.machines))
		vm, ok := inv.Map().Get(inv.machines[i]).(*simulator.VirtualMachine)
		if !ok { // removed by a client
			inv.machines[i] = inv.machines[len(inv.machines)-1]
			inv.machines = inv.machines[:len(inv.machines)-1]
			continue
		}
		if inv.spared[vm.Self.Value] {
			continue
		}
		if vm.Config != nil && !vm.Config.Template && vm.Guest != nil {
			return vm
		}
	}
	return nil
}

// Do performs one act, on whatever machine fits. Tags are not its business.
func (inv *Inventory) Do(act Act) error {
	switch act {
	case ActCreate:
		if inv.crowded() {
			return inv.Do(ActDelete)
		}
		_, err := inv.Create(1, "churn", inv.intN(2) == 0)
		return err
	case ActDatastore:
		free := int64(100 + inv.intN(5000))
		return inv.SetDatastore(inv.stores[inv.intN(len(inv.stores))], DatastoreChange{FreeGiB: &free})
	}
	vm := inv.Any()
	if vm == nil {
		return fmt.Errorf("a machine to change: %w", ErrNotFound)
	}
	switch act {
	case ActPower:
		if vm.Runtime.PowerState == powerStates["on"] {
			return inv.Power(vm, "off")
		}
		return inv.Power(vm, "on")
	case ActGuestIP:
		return inv.SetGuestIP(vm, fmt.Sprintf("10.250.%d.%d", inv.intN(250), 1+inv.intN(250)))
	case ActMove:
		others := inv.Neighbours(vm)
		if len(others) == 0 {
			return inv.SetGuestIP(vm, fmt.Sprintf("10.251.%d.%d", inv.intN(250), 1+inv.intN(250)))
		}
		return inv.Move(vm, others[inv.intN(len(others))])
	case ActResize:
		return inv.Resize(vm, int32(1+inv.intN(16)), int32(1024*(1+inv.intN(64))))
	case ActRename:
		inv.Rename(vm, fmt.Sprintf("%s-r%d", base(vm.Name), inv.intN(100_000)))
		return nil
	case ActAnnotate:
		return inv.Annotate(vm, fmt.Sprintf("note %d", inv.intN(1_000_000)))
	case ActSnapshotAdd:
		if vm.Snapshot != nil && count(vm.Snapshot.RootSnapshotList) >= mostSnapshots {
			return inv.RemoveSnapshot(vm)
		}
		return inv.AddSnapshot(vm, fmt.Sprintf("snap %d", inv.intN(100_000)))
	case ActSnapshotRemove:
		if vm.Snapshot == nil {
			return inv.AddSnapshot(vm, fmt.Sprintf("snap %d", inv.intN(100_000)))
		}
		return inv.RemoveSnapshot(vm)
	case ActDiskAdd:
		if err := inv.AddDisk(vm, int64(1+inv.intN(100))); err != nil {
			return inv.Annotate(vm, "no room for a disk")
		}
		return nil
	case ActDiskRemove:
		if err := inv.RemoveDisk(vm); err != nil {
			return inv.AddDisk(vm, 10)
		}
		return nil
	case ActDelete:
		inv.Delete(vm)
		return nil
	}
	return fmt.Errorf("act %q: %w", act, ErrNotFound)
}

// base is a name without the ending that an earlier renaming gave it.
func base(name string) string {
	for i := len(name) - 1; i > 1; i-- {
		if name[i] >= '0' && name[i] <= '9' {
			continue
		}
		if name[i] == 'r' && name[i-1] == '-' && i < len(name)-1 {
			return name[:i-1]
		}
		break
	}
	return name
}
