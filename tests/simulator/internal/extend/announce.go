package extend

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/live"
)

// The methods here do what the simulator's do, which change objects without raising property updates, and raise them.

// MarkAsTemplate makes a machine a template, which is in no pool.
func (m *machine) MarkAsTemplate(ctx *simulator.Context, req *types.MarkAsTemplate) soap.HasFault {
	vm := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	var body soap.HasFault
	ctx.WithLock(vm, func() { body = vm.MarkAsTemplate(req) })
	m.inventory.Announce(vm, "config.template", "summary.config.template", "resourcePool")
	return body
}

// MarkAsVirtualMachine makes a template a machine in the given pool.
func (m *machine) MarkAsVirtualMachine(ctx *simulator.Context, req *types.MarkAsVirtualMachine) soap.HasFault {
	vm := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	var body soap.HasFault
	ctx.WithLock(vm, func() { body = vm.MarkAsVirtualMachine(req) })
	m.inventory.Announce(vm, "config.template", "summary.config.template", "resourcePool", "runtime.host", "summary.runtime.host")
	return body
}

// host has the methods that change a host's state.
type host struct {
	extension
	inventory *live.Inventory
}

// after announces when the task that the simulator has begun is over.
func (h *host) after(ctx *simulator.Context, task, ref types.ManagedObjectReference, paths ...string) {
	if running, ok := ctx.Map.Get(task).(*simulator.Task); ok {
		go func() {
			running.Wait()
			h.inventory.Announce(ref, paths...)
		}()
	}
}

// EnterMaintenanceModeTask puts the host into maintenance.
func (h *host) EnterMaintenanceModeTask(ctx *simulator.Context, req *types.EnterMaintenanceMode_Task) soap.HasFault {
	body := ctx.Map.Get(req.This).(*simulator.HostSystem).EnterMaintenanceModeTask(ctx, req)
	h.after(ctx, body.(*methods.EnterMaintenanceMode_TaskBody).Res.Returnval, req.This, "runtime.inMaintenanceMode", "summary.runtime.inMaintenanceMode")
	return body
}

// ExitMaintenanceModeTask ends the host's maintenance.
func (h *host) ExitMaintenanceModeTask(ctx *simulator.Context, req *types.ExitMaintenanceMode_Task) soap.HasFault {
	body := ctx.Map.Get(req.This).(*simulator.HostSystem).ExitMaintenanceModeTask(ctx, req)
	h.after(ctx, body.(*methods.ExitMaintenanceMode_TaskBody).Res.Returnval, req.This, "runtime.inMaintenanceMode", "summary.runtime.inMaintenanceMode")
	return body
}

// DisconnectHostTask disconnects the host.
func (h *host) DisconnectHostTask(ctx *simulator.Context, req *types.DisconnectHost_Task) soap.HasFault {
	body := ctx.Map.Get(req.This).(*simulator.HostSystem).DisconnectHostTask(ctx, req)
	h.after(ctx, body.(*methods.DisconnectHost_TaskBody).Res.Returnval, req.This, "runtime.connectionState", "summary.runtime.connectionState")
	return body
}

// ReconnectHostTask connects the host again.
func (h *host) ReconnectHostTask(ctx *simulator.Context, req *types.ReconnectHost_Task) soap.HasFault {
	body := ctx.Map.Get(req.This).(*simulator.HostSystem).ReconnectHostTask(ctx, req)
	h.after(ctx, body.(*methods.ReconnectHost_TaskBody).Res.Returnval, req.This, "runtime.connectionState", "summary.runtime.connectionState")
	return body
}

// fields has the method that sets an attribute.
type fields struct {
	extension
	inventory *live.Inventory
}

// SetField sets an attribute of an object.
func (f *fields) SetField(ctx *simulator.Context, req *types.SetField) soap.HasFault {
	manager := ctx.Map.CustomFieldsManager()
	var body soap.HasFault
	ctx.WithLock(manager, func() { body = manager.SetField(ctx, req) })
	f.inventory.Announce(req.Entity, "customValue", "value", "summary.customValue")
	return body
}
