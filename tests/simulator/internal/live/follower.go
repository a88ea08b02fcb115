package live

import (
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// follower makes changes that go with others, whoever makes those: a client through the API, the control API or churn.
// govmomi's simulator changes a machine's power state and name alone; in vCenter the guest's state, the tools' state and
// the addresses change with the one, config.name and the summary with the other.
type follower struct {
	inv  *Inventory
	self types.ManagedObjectReference

	mu     sync.Mutex
	guests map[types.ManagedObjectReference]types.GuestInfo
}

func newFollower(inv *Inventory) *follower {
	return &follower{
		inv:    inv,
		self:   types.ManagedObjectReference{Type: "SpandrelFollower", Value: "follower"},
		guests: make(map[types.ManagedObjectReference]types.GuestInfo),
	}
}

// Reference implements simulator.RegisterObject.
func (f *follower) Reference() types.ManagedObjectReference { return f.self }

// settling is how long a client's task may still be busy with a machine's surroundings after the machine is there or gone.
const settling = 50 * time.Millisecond

// PutObject implements simulator.RegisterObject. The simulator does not tell of the lists that a new machine is in.
func (f *follower) PutObject(_ *simulator.Context, object mo.Reference) {
	if vm, ok := object.(*simulator.VirtualMachine); ok {
		time.AfterFunc(settling, func() { f.surroundings(vm) })
	}
}

// surroundings announces the lists that a machine is in, or was in.
func (f *follower) surroundings(vm *simulator.VirtualMachine) {
	var refs []types.ManagedObjectReference
	ctx := f.inv.newContext()
	ctx.WithLock(vm, func() {
		refs = append(append(refs, vm.Datastore...), vm.Network...)
		for _, ref := range []*types.ManagedObjectReference{vm.Runtime.Host, vm.ResourcePool} {
			if ref != nil {
				refs = append(refs, *ref)
			}
		}
		if vm.Parent != nil {
			f.inv.Announce(*vm.Parent, "childEntity")
		}
	})
	for _, ref := range refs {
		f.inv.Announce(ref, "vm")
	}
}

// RemoveObject implements simulator.RegisterObject.
func (f *follower) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	if vm, ok := f.inv.Map().Get(ref).(*simulator.VirtualMachine); ok {
		time.AfterFunc(settling, func() { f.surroundings(vm) })
	}
	f.mu.Lock()
	delete(f.guests, ref)
	f.mu.Unlock()
}

// UpdateObject implements simulator.RegisterObject. The object is locked by whoever changes it.
func (f *follower) UpdateObject(ctx *simulator.Context, object mo.Reference, changes []types.PropertyChange) {
	vm, ok := object.(*mo.VirtualMachine)
	if !ok || vm.Config == nil {
		return
	}
	var more []types.PropertyChange
	for _, change := range changes {
		switch change.Name {
		case "runtime.powerState":
			more = append(more, f.power(vm)...)
		case "name":
			if vm.Config.Name != vm.Name {
				more = append(more, assign("config.name", vm.Name), assign("summary.config.name", vm.Name))
			}
		case "snapshot.currentSnapshot": // the tree was changed in place
			f.inv.Announce(object, "snapshot.rootSnapshotList", "rootSnapshot")
		case "config.modified": // what a client's reconfiguration changed was changed in place
			f.inv.Announce(object, reconfigured...)
		case "runtime.host":
			more = append(more, assign("summary.runtime.host", *vm.Runtime.Host))
		}
	}
	if len(more) > 0 {
		ctx.Update(object, more)
	}
}

// reconfigured are the properties that a reconfiguration may have changed.
var reconfigured = []string{
	"name", "summary.config", "config.name", "config.annotation", "config.guestId", "config.guestFullName", "config.uuid",
	"config.instanceUuid", "config.version", "config.firmware", "config.hardware.numCPU", "config.hardware.memoryMB",
	"config.hardware.numCoresPerSocket", "config.cpuAllocation", "config.memoryAllocation", "config.cpuHotAddEnabled",
	"config.memoryHotAddEnabled", "config.bootOptions", "config.extraConfig", "config.flags", "config.tools",
	"config.managedBy", "config.changeTrackingEnabled", "config.latencySensitivity", "config.vAppConfig", "network", "datastore",
}

// power is what the guest does when the machine is switched.
func (f *follower) power(vm *mo.VirtualMachine) []types.PropertyChange {
	if vm.Guest == nil || vm.Summary.Guest == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	known, kept := f.guests[vm.Self]
	if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
		if !kept {
			known = started(vm)
		}
		delete(f.guests, vm.Self)
		return guestChanges(known)
	}
	if vm.Guest.GuestState != string(types.VirtualMachineGuestStateRunning) {
		return nil
	}
	f.guests[vm.Self] = *vm.Guest
	off := *vm.Guest
	off.GuestState = string(types.VirtualMachineGuestStateNotRunning)
	off.ToolsRunningStatus = string(types.VirtualMachineToolsRunningStatusGuestToolsNotRunning)
	if off.ToolsStatus != types.VirtualMachineToolsStatusToolsNotInstalled {
		off.ToolsStatus = types.VirtualMachineToolsStatusToolsNotRunning
	}
	off.IpAddress, off.Net = "", nil
	return guestChanges(off)
}

// started is the guest of a machine that was never seen running.
func started(vm *mo.VirtualMachine) types.GuestInfo {
	guest := *vm.Guest
	guest.GuestState = string(types.VirtualMachineGuestStateRunning)
	if guest.ToolsStatus != types.VirtualMachineToolsStatusToolsNotInstalled {
		guest.ToolsStatus = types.VirtualMachineToolsStatusToolsOk
		guest.ToolsRunningStatus = string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
		guest.GuestId, guest.GuestFullName = vm.Config.GuestId, vm.Config.GuestFullName
		guest.HostName = vm.Name
	}
	return guest
}

func guestChanges(guest types.GuestInfo) []types.PropertyChange {
	heartbeat := types.ManagedEntityStatusGray
	if guest.ToolsRunningStatus == string(types.VirtualMachineToolsRunningStatusGuestToolsRunning) {
		heartbeat = types.ManagedEntityStatusGreen
	}
	return []types.PropertyChange{
		assign("guest.guestState", guest.GuestState),
		assign("guest.toolsStatus", guest.ToolsStatus), assign("summary.guest.toolsStatus", guest.ToolsStatus),
		assign("guest.toolsRunningStatus", guest.ToolsRunningStatus), assign("summary.guest.toolsRunningStatus", guest.ToolsRunningStatus),
		assign("guest.ipAddress", guest.IpAddress), assign("summary.guest.ipAddress", guest.IpAddress),
		assign("guest.hostName", guest.HostName), assign("summary.guest.hostName", guest.HostName),
		assign("guest.guestId", guest.GuestId), assign("guest.guestFullName", guest.GuestFullName),
		assign("guest.net", guest.Net), assign("guestHeartbeatStatus", heartbeat),
		assign("summary.quickStats.guestHeartbeatStatus", heartbeat),
	}
}
