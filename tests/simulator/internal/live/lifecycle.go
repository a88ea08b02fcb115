package live

import (
	"fmt"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/inventory"
)

// Create makes count machines, each like another one that is there, with names of the prefix and a number.
func (inv *Inventory) Create(count int, prefix string, on bool) ([]types.ManagedObjectReference, error) {
	var made []types.ManagedObjectReference
	for range count {
		vm, err := inv.createOne(prefix, on)
		if err != nil {
			return made, err
		}
		made = append(made, vm.Self)
	}
	return made, nil
}

func (inv *Inventory) createOne(prefix string, on bool) (*simulator.VirtualMachine, error) {
	inv.mu.Lock()
	model := inv.modelLocked()
	if model == nil {
		inv.mu.Unlock()
		return nil, fmt.Errorf("a machine to copy: %w", ErrNotFound)
	}
	inv.created++
	spec, err := inv.specLike(model)
	if err != nil {
		inv.mu.Unlock()
		return nil, err
	}
	spec.Name = fmt.Sprintf("%s-%04d", prefix, inv.created)
	spec.Power = types.VirtualMachinePowerStatePoweredOff
	if on {
		spec.Power = types.VirtualMachinePowerStatePoweredOn
	}
	vm := inv.builder.Machine(spec)
	ref := vm.Self
	inv.machines = append(inv.machines, ref)
	inv.mu.Unlock()

	pool := spec.Pool.Self
	vm.ResourcePool = &pool
	vm.Parent = &spec.Folder.Self
	inv.reference(spec.Folder, "childEntity", &spec.Folder.ChildEntity, ref, true)
	inv.Map().PutEntity(spec.Folder, vm)
	inv.link(vm, true)
	inv.post(&types.VmCreatedEvent{VmEvent: inv.about(vm)})
	return vm, nil
}

// modelLocked picks a machine that can be copied: with a configuration, in a folder and in a pool.
func (inv *Inventory) modelLocked() *simulator.VirtualMachine {
	for range 50 {
		if len(inv.machines) == 0 {
			return nil
		}
		vm, ok := inv.Map().Get(inv.machines[inv.random.IntN(len(inv.machines))]).(*simulator.VirtualMachine)
		if ok && vm.Config != nil && !vm.Config.Template && vm.Parent != nil && vm.ResourcePool != nil && vm.ParentVApp == nil {
			return vm
		}
	}
	return nil
}

// specLike says what a machine like the other one is.
func (inv *Inventory) specLike(model *simulator.VirtualMachine) (inventory.VMSpec, error) {
	folder, okFolder := inv.Map().Get(*model.Parent).(*simulator.Folder)
	pool, okPool := inv.Map().Get(*model.ResourcePool).(*simulator.ResourcePool)
	host, okHost := inv.Map().Get(*model.Runtime.Host).(*simulator.HostSystem)
	store, okStore := inv.Map().Get(model.Datastore[0]).(*simulator.Datastore)
	if !okFolder || !okPool || !okHost || !okStore {
		return inventory.VMSpec{}, fmt.Errorf("the surroundings of %s: %w", model.Name, ErrNotFound)
	}
	spec := inventory.VMSpec{
		Folder: folder, Pool: pool, Host: host, Store: store,
		CPUs: model.Config.Hardware.NumCPU, MemoryMiB: model.Config.Hardware.MemoryMB,
		Guest: inventory.Guests[inv.random.IntN(len(inventory.Guests))], Tools: inventory.ToolsRunning,
		Disks: []inventory.Disk{{CapacityGiB: 20}}, Note: "made while running",
	}
	if len(model.Network) > 0 {
		if network, ok := inv.Map().Get(model.Network[0]).(mo.Entity); ok {
			spec.Cards = []inventory.Card{{Network: network}}
			spec.IPs = [][]string{{fmt.Sprintf("10.200.%d.%d", inv.created/250, 1+inv.created%250)}}
		}
	}
	return spec, nil
}

// link makes a machine known to its pool, host, datastores and networks, or forgotten by them.
func (inv *Inventory) link(vm *simulator.VirtualMachine, add bool) {
	if vm.ResourcePool != nil {
		switch pool := inv.Map().Get(*vm.ResourcePool).(type) {
		case *simulator.ResourcePool:
			inv.reference(pool, "vm", &pool.Vm, vm.Self, add)
		case *simulator.VirtualApp:
			inv.reference(pool, "vm", &pool.Vm, vm.Self, add)
		}
	}
	if host, ok := inv.Map().Get(*vm.Runtime.Host).(*simulator.HostSystem); ok {
		inv.reference(host, "vm", &host.Vm, vm.Self, add)
	}
	for _, ref := range vm.Datastore {
		if store, ok := inv.Map().Get(ref).(*simulator.Datastore); ok {
			inv.reference(store, "vm", &store.Vm, vm.Self, add)
		}
	}
	for _, ref := range vm.Network {
		object := inv.Map().Get(ref)
		if network := inventory.NetworkOf(object); network != nil {
			inv.reference(object, "vm", &network.Vm, vm.Self, add)
		}
	}
}

// Delete removes a machine and its snapshots, whatever its state.
func (inv *Inventory) Delete(vm *simulator.VirtualMachine) {
	ref, event := vm.Self, inv.about(vm)
	inv.mu.Lock()
	if i := slices.Index(inv.machines, ref); i >= 0 {
		inv.machines = slices.Delete(inv.machines, i, i+1)
	}
	inv.mu.Unlock()
	inv.link(vm, false)
	if vm.Parent != nil {
		if folder, ok := inv.Map().Get(*vm.Parent).(*simulator.Folder); ok {
			inv.reference(folder, "childEntity", &folder.ChildEntity, ref, false)
		}
	}
	if vm.Snapshot != nil {
		inv.forgetSnapshots(vm.Snapshot.RootSnapshotList)
	}
	inv.Map().Remove(inv.newContext(), ref)
	inv.post(&types.VmRemovedEvent{VmEvent: event})
}

func (inv *Inventory) forgetSnapshots(list []types.VirtualMachineSnapshotTree) {
	for i := range list {
		inv.Map().Remove(inv.newContext(), list[i].Snapshot)
		inv.forgetSnapshots(list[i].ChildSnapshotList)
	}
}

// Move moves a machine to another host, as vMotion does; into the other cluster's root pool if it is in another cluster.
func (inv *Inventory) Move(vm *simulator.VirtualMachine, host *simulator.HostSystem) error {
	if vm.Runtime.Host == nil {
		return fmt.Errorf("%s is on no host: %w", vm.Name, ErrNotPossible)
	}
	from, ok := inv.Map().Get(*vm.Runtime.Host).(*simulator.HostSystem)
	if !ok || from.Self == host.Self {
		return nil
	}
	inv.reference(host, "vm", &host.Vm, vm.Self, true)
	inv.update(vm, assign("runtime.host", host.Self)) // the summary follows
	inv.reference(from, "vm", &from.Vm, vm.Self, false)
	if *from.Parent != *host.Parent && vm.ResourcePool != nil && vm.ParentVApp == nil {
		old, okOld := inv.Map().Get(*vm.ResourcePool).(*simulator.ResourcePool)
		pool, okPool := inv.Map().Get(inv.rootPool(*host.Parent)).(*simulator.ResourcePool)
		if okOld && okPool {
			inv.reference(pool, "vm", &pool.Vm, vm.Self, true)
			inv.update(vm, assign("resourcePool", pool.Self))
			inv.reference(old, "vm", &old.Vm, vm.Self, false)
		}
	}
	event := inv.about(vm)
	inv.post(&types.VmMigratedEvent{
		VmEvent: event, SourceHost: *hostArgument(from), SourceDatacenter: event.Datacenter, SourceDatastore: event.Ds,
	})
	return nil
}

func (inv *Inventory) rootPool(resource types.ManagedObjectReference) types.ManagedObjectReference {
	switch object := inv.Map().Get(resource).(type) {
	case *simulator.ClusterComputeResource:
		return *object.ResourcePool
	case *mo.ComputeResource:
		return *object.ResourcePool
	}
	return types.ManagedObjectReference{}
}

// Neighbours returns the other hosts of a machine's cluster.
func (inv *Inventory) Neighbours(vm *simulator.VirtualMachine) []*simulator.HostSystem {
	if vm.Runtime.Host == nil {
		return nil
	}
	host, ok := inv.Map().Get(*vm.Runtime.Host).(*simulator.HostSystem)
	if !ok {
		return nil
	}
	cluster, ok := inv.Map().Get(*host.Parent).(*simulator.ClusterComputeResource)
	if !ok {
		return nil
	}
	var others []*simulator.HostSystem
	for _, ref := range cluster.Host {
		if other, ok := inv.Map().Get(ref).(*simulator.HostSystem); ok && ref != host.Self {
			others = append(others, other)
		}
	}
	return others
}

// AddSnapshot makes a snapshot as a child of the current one.
func (inv *Inventory) AddSnapshot(vm *simulator.VirtualMachine, name string) error {
	if vm.Config == nil {
		return fmt.Errorf("%s has no configuration: %w", vm.Name, ErrNotPossible)
	}
	return inv.change(vm, func() ([]types.PropertyChange, error) {
		snapshot := &simulator.VirtualMachineSnapshot{}
		snapshot.Vm = vm.Self
		snapshot.Config = *vm.Config
		inv.Map().Put(snapshot)
		item := types.VirtualMachineSnapshotTree{
			Snapshot: snapshot.Self, Vm: vm.Self, Name: name, CreateTime: inv.Now(),
			State: vm.Runtime.PowerState, ReplaySupported: types.NewBool(false),
		}
		var list []types.VirtualMachineSnapshotTree
		if vm.Snapshot != nil {
			item.Id = highestID(vm.Snapshot.RootSnapshotList) + 1
			list = copyTree(vm.Snapshot.RootSnapshotList)
			if current := vm.Snapshot.CurrentSnapshot; current != nil {
				if above := findTree(list, *current); above != nil {
					above.ChildSnapshotList = append(above.ChildSnapshotList, item)
					return snapshotChanges(list, &snapshot.Self), nil
				}
			}
		} else {
			item.Id = 1
		}
		return snapshotChanges(append(list, item), &snapshot.Self), nil
	})
}

// RemoveSnapshot removes a machine's current snapshot; its children become children of the one above.
func (inv *Inventory) RemoveSnapshot(vm *simulator.VirtualMachine) error {
	var gone types.ManagedObjectReference
	err := inv.change(vm, func() ([]types.PropertyChange, error) {
		if vm.Snapshot == nil || vm.Snapshot.CurrentSnapshot == nil {
			return nil, fmt.Errorf("%s has no snapshot: %w", vm.Name, ErrNotPossible)
		}
		gone = *vm.Snapshot.CurrentSnapshot
		list, above := removeTree(copyTree(vm.Snapshot.RootSnapshotList), gone, nil)
		if len(list) == 0 {
			return []types.PropertyChange{assign("snapshot", nil), assign("rootSnapshot", nil)}, nil
		}
		if above == nil {
			above = &list[0].Snapshot
		}
		return snapshotChanges(list, above), nil
	})
	if err == nil {
		inv.Map().Remove(inv.newContext(), gone)
	}
	return err
}

// snapshotChanges raises the whole snapshot property: vCenter, too, sends it whole.
func snapshotChanges(list []types.VirtualMachineSnapshotTree, current *types.ManagedObjectReference) []types.PropertyChange {
	ref := *current
	roots := make([]types.ManagedObjectReference, len(list))
	for i := range list {
		roots[i] = list[i].Snapshot
	}
	return []types.PropertyChange{
		assign("snapshot", types.VirtualMachineSnapshotInfo{CurrentSnapshot: &ref, RootSnapshotList: list}),
		assign("rootSnapshot", roots),
	}
}

func copyTree(list []types.VirtualMachineSnapshotTree) []types.VirtualMachineSnapshotTree {
	list = slices.Clone(list)
	for i := range list {
		list[i].ChildSnapshotList = copyTree(list[i].ChildSnapshotList)
	}
	return list
}

func findTree(list []types.VirtualMachineSnapshotTree, ref types.ManagedObjectReference) *types.VirtualMachineSnapshotTree {
	for i := range list {
		if list[i].Snapshot == ref {
			return &list[i]
		}
		if found := findTree(list[i].ChildSnapshotList, ref); found != nil {
			return found
		}
	}
	return nil
}

// removeTree takes one snapshot out of the tree, and says which was above it.
func removeTree(list []types.VirtualMachineSnapshotTree, ref types.ManagedObjectReference, parent *types.ManagedObjectReference) ([]types.VirtualMachineSnapshotTree, *types.ManagedObjectReference) {
	for i := range list {
		if list[i].Snapshot == ref {
			return append(slices.Delete(slices.Clone(list), i, i+1), list[i].ChildSnapshotList...), parent
		}
		if findTree(list[i].ChildSnapshotList, ref) != nil {
			self := list[i].Snapshot
			var above *types.ManagedObjectReference
			list[i].ChildSnapshotList, above = removeTree(list[i].ChildSnapshotList, ref, &self)
			return list, above
		}
	}
	return list, nil
}

func highestID(list []types.VirtualMachineSnapshotTree) int32 {
	highest := int32(0)
	for i := range list {
		highest = max(highest, list[i].Id, highestID(list[i].ChildSnapshotList))
	}
	return highest
}
