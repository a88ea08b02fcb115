package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/extend"
	"spandrel/tests/simulator/internal/session"
)

// hook is called for every method before it is done. It may refuse the call, or redirect it to an object of package
// extend, which has methods that the simulator lacks or does in another way than vCenter.
type hook struct {
	sessions   *session.Sessions
	extensions *extend.Extensions
}

func (h *hook) handle(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	h.sessions.See(ctx, method.Name)
	if ctx.Session == nil {
		if fault := withoutSession(method); fault != nil {
			return nil, fault
		}
		return nil, nil
	}
	if ctx.Session.UserName == "" { // a call of the simulator to itself
		return nil, nil
	}
	if fault := unreadable(ctx, method); fault != nil {
		return nil, fault
	}
	if h.sessions.Hollow(ctx) && h.extensions.Empties(method.Name) {
		method.This = h.extensions.Hollow
		return nil, nil
	}
	h.extensions.Redirect(ctx, method)
	return nil, nil
}

// withoutSession refuses reading without a session with a fault, as vCenter does; the simulator answers with
// missingSet for each property.
func withoutSession(method *simulator.Method) types.BaseMethodFault {
	var specs []types.PropertyFilterSpec
	switch body := method.Body.(type) {
	case *types.RetrieveProperties:
		specs = body.SpecSet
	case *types.RetrievePropertiesEx:
		specs = body.SpecSet
	default:
		return nil
	}
	for _, spec := range specs {
		for _, object := range spec.ObjectSet {
			if object.Obj != vim25.ServiceInstance && object.Obj.Type != "SessionManager" {
				return &types.NotAuthenticated{NoPermission: types.NoPermission{Object: &object.Obj, PrivilegeId: "System.View"}}
			}
		}
	}
	return nil
}

// unreadable refuses everything but taking out of the inventory for a machine whose configuration cannot be read: the
// simulator's methods would trip over it.
func unreadable(ctx *simulator.Context, method *simulator.Method) types.BaseMethodFault {
	if method.This.Type != "VirtualMachine" {
		return nil
	}
	vm, ok := ctx.Map.Get(method.This).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	if vm.Config == nil && method.Name != "UnregisterVM" {
		return &types.InvalidState{}
	}
	if vm.Parent == nil && (method.Name == "UnregisterVM" || method.Name == "Destroy_Task" || method.Name == "CloneVM_Task") {
		return &types.NotSupported{} // the simulator looks for the datacenter above the machine's folder
	}
	return nil
}
