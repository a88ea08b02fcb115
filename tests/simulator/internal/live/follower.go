package live

import (
	"sync"

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

// PutObject implements simulator.RegisterObject.
func (f *follower) PutObject(*simulator.Context, mo.Reference) {}

// RemoveObject implements simulator.RegisterObject.
func (f *follower) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
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
		case "runtime.host":
			more = append(more, assign("summary.runtime.host", *vm.Runtime.Host))
		}
	}
	if len(more) > 0 {
		ctx.Update(object, more)
	}
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
