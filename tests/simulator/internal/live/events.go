package live

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// operator is who makes the changes that do not come from clients.
const operator = `VSPHERE.LOCAL\Administrator`

// post makes an event, as the simulator does for clients' tasks. No lock may be held.
func (inv *Inventory) post(event types.BaseEvent) {
	ctx := inv.newContext()
	ctx.Session = &simulator.Session{
		UserSession: types.UserSession{UserName: operator}, Registry: simulator.NewRegistry(), Map: ctx.Map,
	}
	manager := inv.Map().EventManager()
	ctx.WithLock(manager, func() { manager.PostEvent(ctx, &types.PostEvent{This: manager.Self, EventToPost: event}) })
}

// about says which machine an event is about, and where it is.
func (inv *Inventory) about(vm *simulator.VirtualMachine) types.VmEvent {
	event := types.VmEvent{Event: types.Event{
		Vm: &types.VmEventArgument{EntityEventArgument: types.EntityEventArgument{Name: vm.Name}, Vm: vm.Self},
		// The texts of events name all of these.
		Host: &types.HostEventArgument{}, ComputeResource: &types.ComputeResourceEventArgument{},
		Datacenter: &types.DatacenterEventArgument{}, Ds: &types.DatastoreEventArgument{},
	}}
	if vm.Runtime.Host == nil {
		return event
	}
	host, ok := inv.Map().Get(*vm.Runtime.Host).(*simulator.HostSystem)
	if !ok {
		return event
	}
	event.Host = hostArgument(host)
	if resource, ok := inv.Map().Get(*host.Parent).(mo.Entity); ok {
		event.ComputeResource = &types.ComputeResourceEventArgument{
			EntityEventArgument: types.EntityEventArgument{Name: resource.Entity().Name}, ComputeResource: resource.Reference(),
		}
	}
	if dc := inv.datacenter(host); dc != nil {
		event.Datacenter = &types.DatacenterEventArgument{EntityEventArgument: types.EntityEventArgument{Name: dc.Name}, Datacenter: dc.Self}
	}
	if len(vm.Datastore) > 0 {
		if store, ok := inv.Map().Get(vm.Datastore[0]).(*simulator.Datastore); ok {
			event.Ds = &types.DatastoreEventArgument{EntityEventArgument: types.EntityEventArgument{Name: store.Name}, Datastore: store.Self}
		}
	}
	return event
}

func hostArgument(host *simulator.HostSystem) *types.HostEventArgument {
	return &types.HostEventArgument{EntityEventArgument: types.EntityEventArgument{Name: host.Name}, Host: host.Self}
}

// postPower makes the event of a power change.
func (inv *Inventory) postPower(vm *simulator.VirtualMachine, state types.VirtualMachinePowerState) {
	switch state {
	case types.VirtualMachinePowerStatePoweredOn:
		inv.post(&types.VmPoweredOnEvent{VmEvent: inv.about(vm)})
	case types.VirtualMachinePowerStatePoweredOff:
		inv.post(&types.VmPoweredOffEvent{VmEvent: inv.about(vm)})
	case types.VirtualMachinePowerStateSuspended:
		inv.post(&types.VmSuspendedEvent{VmEvent: inv.about(vm)})
	}
}
