// Package extend has methods that govmomi's simulator lacks, or does in another way than vCenter.
//
// A call is redirected by changing the reference that it is for: the objects of this package are registered under types
// of their own, are called in place of the real ones, and find the real one by the reference that the request's body
// still carries.
package extend

import (
	"fmt"
	"sync/atomic"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/live"
)

// unlocked objects lock what they change themselves.
type unlocked struct{}

// Lock implements sync.Locker.
func (unlocked) Lock() {}

// Unlock implements sync.Locker.
func (unlocked) Unlock() {}

// Extensions are the objects that calls are redirected to.
type Extensions struct {
	// Hollow answers for sessions that have expired without saying so.
	Hollow types.ManagedObjectReference

	machine, search, vswitch, group, host, fields, clock types.ManagedObjectReference
}

// Place is where console tickets point to.
type Place struct {
	Host       string
	Port       int32
	Thumbprint string
}

// New registers the extensions.
func New(registry *simulator.Registry, inventory *live.Inventory, place Place) *Extensions {
	ref := func(value string) types.ManagedObjectReference {
		return types.ManagedObjectReference{Type: "SpandrelExtension", Value: value}
	}
	e := &Extensions{
		Hollow: ref("hollow"), machine: ref("machine"), search: ref("search"), vswitch: ref("switch"), group: ref("portgroup"),
		host: ref("host"), fields: ref("fields"), clock: ref("clock"),
	}
	registry.Put(&hollow{extension: extension{Self: e.Hollow}})
	registry.Put(&machine{extension: extension{Self: e.machine}, place: place, inventory: inventory})
	registry.Put(&host{extension: extension{Self: e.host}, inventory: inventory})
	registry.Put(&fields{extension: extension{Self: e.fields}, inventory: inventory})
	registry.Put(&clock{extension: extension{Self: e.clock}, inventory: inventory})
	registry.Put(&search{extension: extension{Self: e.search}})
	registry.Put(&vswitch{extension: extension{Self: e.vswitch}, inventory: inventory})
	registry.Put(&portgroup{extension: extension{Self: e.group}, inventory: inventory})
	return e
}

// extension is what all have.
type extension struct {
	unlocked
	Self types.ManagedObjectReference
}

// Reference implements mo.Reference.
func (e *extension) Reference() types.ManagedObjectReference { return e.Self }

// Redirect changes the call's object if there is an extension for it.
func (e *Extensions) Redirect(ctx *simulator.Context, method *simulator.Method) {
	switch method.This.Type {
	case "ServiceInstance":
		if method.Name == "CurrentTime" {
			method.This = e.clock
		}
	case "VirtualMachine":
		if _, ok := ctx.Map.Get(method.This).(*simulator.VirtualMachine); ok &&
			(method.Name == "AcquireTicket" || method.Name == "MarkAsTemplate" || method.Name == "MarkAsVirtualMachine") {
			method.This = e.machine
		}
	case "HostSystem":
		if _, ok := ctx.Map.Get(method.This).(*simulator.HostSystem); ok {
			switch method.Name {
			case "EnterMaintenanceMode_Task", "ExitMaintenanceMode_Task", "DisconnectHost_Task", "ReconnectHost_Task":
				method.This = e.host
			}
		}
	case "CustomFieldsManager":
		if method.Name == "SetField" {
			method.This = e.fields
		}
	case "SearchIndex":
		if method.Name == "FindByUuid" || method.Name == "FindAllByUuid" || method.Name == "FindAllByIp" ||
			method.Name == "FindByIp" || method.Name == "FindAllByDnsName" || method.Name == "FindByDnsName" {
			method.This = e.search
		}
	case "VmwareDistributedVirtualSwitch":
		switch method.Name {
		case "FetchDVPorts": // reads only
		default:
			method.This = e.vswitch
		}
	case "DistributedVirtualPortgroup":
		if method.Name == "Destroy_Task" {
			method.This = e.group
		}
	}
}

// clock tells the time as the platform has it.
type clock struct {
	extension
	inventory *live.Inventory
}

// CurrentTime tells it.
func (c *clock) CurrentTime(*types.CurrentTime) soap.HasFault {
	return &methods.CurrentTimeBody{Res: &types.CurrentTimeResponse{Returnval: c.inventory.Now()}}
}

// hollow is a property collector that finds nothing.
type hollow struct{ extension }

// Empties says whether a method answers with nothing in a hollow session.
func (*Extensions) Empties(method string) bool {
	switch method {
	case "RetrieveProperties", "RetrievePropertiesEx", "ContinueRetrievePropertiesEx", "WaitForUpdatesEx":
		return true
	}
	return false
}

// RetrieveProperties finds nothing.
func (*hollow) RetrieveProperties(*types.RetrieveProperties) soap.HasFault {
	return &methods.RetrievePropertiesBody{Res: &types.RetrievePropertiesResponse{}}
}

// RetrievePropertiesEx finds nothing.
func (*hollow) RetrievePropertiesEx(*types.RetrievePropertiesEx) soap.HasFault {
	return &methods.RetrievePropertiesExBody{Res: &types.RetrievePropertiesExResponse{Returnval: &types.RetrieveResult{}}}
}

// ContinueRetrievePropertiesEx finds nothing.
func (*hollow) ContinueRetrievePropertiesEx(*types.ContinueRetrievePropertiesEx) soap.HasFault {
	return &methods.ContinueRetrievePropertiesExBody{Res: &types.ContinueRetrievePropertiesExResponse{}}
}

// WaitForUpdatesEx has, from the empty version, an update without objects, and else no update.
func (*hollow) WaitForUpdatesEx(req *types.WaitForUpdatesEx) soap.HasFault {
	body := &methods.WaitForUpdatesExBody{Res: &types.WaitForUpdatesExResponse{}}
	if req.Version == "" {
		body.Res.Returnval = &types.UpdateSet{Version: "1"}
	}
	return body
}

// machine has the methods of a virtual machine that the simulator lacks.
type machine struct {
	extension
	inventory *live.Inventory
	place     Place
	tickets   atomic.Int64
}

// AcquireTicket gives a ticket for a console. The simulator serves no console: the ticket is well-formed, its address is
// the simulator's own, and nothing answers there.
func (m *machine) AcquireTicket(ctx *simulator.Context, req *types.AcquireTicket) soap.HasFault {
	body := &methods.AcquireTicketBody{}
	vm, ok := ctx.Map.Get(req.This).(*simulator.VirtualMachine)
	if !ok || vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		body.Fault_ = simulator.Fault("", &types.InvalidState{})
		return body
	}
	ticket := fmt.Sprintf("cst-VCT-52%06x--tp-%s", m.tickets.Add(1), m.place.Thumbprint)
	result := types.VirtualMachineTicket{
		Ticket: ticket, CfgFile: vm.Config.Files.VmPathName, Host: m.place.Host, Port: m.place.Port, SslThumbprint: m.place.Thumbprint,
	}
	if req.TicketType == "webmks" {
		result.Url = fmt.Sprintf("wss://%s:%d/ticket/%s", m.place.Host, m.place.Port, ticket)
	}
	body.Res = &types.AcquireTicketResponse{Returnval: result}
	return body
}

// search finds by UUID, address and name, and, other than the simulator's, can cope with machines without configuration.
type search struct{ extension }

func (*search) machines(ctx *simulator.Context, match func(*mo.VirtualMachine) bool) []types.ManagedObjectReference {
	var found []types.ManagedObjectReference
	for _, object := range ctx.Map.All("VirtualMachine") {
		if vm, ok := object.(*simulator.VirtualMachine); ok {
			ctx.WithLock(vm, func() {
				if match(&vm.VirtualMachine) {
					found = append(found, vm.Self)
				}
			})
		}
	}
	return found
}

func (*search) hosts(ctx *simulator.Context, match func(*mo.HostSystem) bool) []types.ManagedObjectReference {
	var found []types.ManagedObjectReference
	for _, object := range ctx.Map.All("HostSystem") {
		if host, ok := object.(*simulator.HostSystem); ok && match(&host.HostSystem) {
			found = append(found, host.Self)
		}
	}
	return found
}

func first(refs []types.ManagedObjectReference) *types.ManagedObjectReference {
	if len(refs) == 0 {
		return nil
	}
	return &refs[0]
}

// FindAllByUuid finds machines by BIOS or instance UUID, or hosts.
func (s *search) FindAllByUuid(ctx *simulator.Context, req *types.FindAllByUuid) soap.HasFault {
	body := &methods.FindAllByUuidBody{Res: &types.FindAllByUuidResponse{}}
	if req.VmSearch {
		body.Res.Returnval = s.machines(ctx, func(vm *mo.VirtualMachine) bool {
			if vm.Config == nil {
				return false
			}
			if req.InstanceUuid != nil && *req.InstanceUuid {
				return vm.Config.InstanceUuid == req.Uuid
			}
			return vm.Config.Uuid == req.Uuid
		})
		return body
	}
	body.Res.Returnval = s.hosts(ctx, func(host *mo.HostSystem) bool { return host.Summary.Hardware.Uuid == req.Uuid })
	return body
}

// FindByUuid finds the first.
func (s *search) FindByUuid(ctx *simulator.Context, req *types.FindByUuid) soap.HasFault {
	all := types.FindAllByUuid(*req)
	found := s.FindAllByUuid(ctx, &all).(*methods.FindAllByUuidBody).Res.Returnval
	return &methods.FindByUuidBody{Res: &types.FindByUuidResponse{Returnval: first(found)}}
}

// FindAllByIp finds machines by their guests' first address, or hosts by their name.
func (s *search) FindAllByIp(ctx *simulator.Context, req *types.FindAllByIp) soap.HasFault {
	body := &methods.FindAllByIpBody{Res: &types.FindAllByIpResponse{}}
	if req.VmSearch {
		body.Res.Returnval = s.machines(ctx, func(vm *mo.VirtualMachine) bool { return vm.Guest != nil && vm.Guest.IpAddress == req.Ip })
		return body
	}
	body.Res.Returnval = s.hosts(ctx, func(host *mo.HostSystem) bool { return host.Name == req.Ip })
	return body
}

// FindByIp finds the first.
func (s *search) FindByIp(ctx *simulator.Context, req *types.FindByIp) soap.HasFault {
	all := types.FindAllByIp(*req)
	found := s.FindAllByIp(ctx, &all).(*methods.FindAllByIpBody).Res.Returnval
	return &methods.FindByIpBody{Res: &types.FindByIpResponse{Returnval: first(found)}}
}

// FindAllByDnsName finds machines by their guests' names, or hosts by theirs.
func (s *search) FindAllByDnsName(ctx *simulator.Context, req *types.FindAllByDnsName) soap.HasFault {
	body := &methods.FindAllByDnsNameBody{Res: &types.FindAllByDnsNameResponse{}}
	if req.VmSearch {
		body.Res.Returnval = s.machines(ctx, func(vm *mo.VirtualMachine) bool { return vm.Guest != nil && vm.Guest.HostName == req.DnsName })
		return body
	}
	body.Res.Returnval = s.hosts(ctx, func(host *mo.HostSystem) bool { return host.Name == req.DnsName })
	return body
}

// FindByDnsName finds the first.
func (s *search) FindByDnsName(ctx *simulator.Context, req *types.FindByDnsName) soap.HasFault {
	all := types.FindAllByDnsName(*req)
	found := s.FindAllByDnsName(ctx, &all).(*methods.FindAllByDnsNameBody).Res.Returnval
	return &methods.FindByDnsNameBody{Res: &types.FindByDnsNameResponse{Returnval: first(found)}}
}
