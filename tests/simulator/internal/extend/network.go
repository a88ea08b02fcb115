package extend

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/inventory"
	"spandrel/tests/simulator/internal/live"
)

// vswitch has the methods of a distributed switch. The simulator's own raise updates by the layout of the type
// DistributedVirtualSwitch; the switches here have the type that vCenter gives them, VmwareDistributedVirtualSwitch.
type vswitch struct {
	extension
	inventory *live.Inventory
}

// AddDVPortgroupTask adds port groups to the switch.
func (v *vswitch) AddDVPortgroupTask(ctx *simulator.Context, req *types.AddDVPortgroup_Task) soap.HasFault {
	dvs, ok := ctx.Map.Get(req.This).(*simulator.DistributedVirtualSwitch)
	if !ok {
		return &methods.AddDVPortgroup_TaskBody{Fault_: simulator.Fault("", &types.ManagedObjectNotFound{Obj: req.This})}
	}
	// The task is begun as one of the switch's folder: the simulator would update the switch's recentTask, by the wrong layout.
	task := simulator.CreateTask(*dvs.Parent, "addDVPortgroup", func(task *simulator.Task) (types.AnyType, types.BaseMethodFault) {
		ctx.WithLock(task, func() { task.Info.Entity = &req.This })
		for _, spec := range req.Spec {
			group := inventory.PortGroup{Name: spec.Name}
			if setting, ok := spec.DefaultPortConfig.(*types.VMwareDVSPortSetting); ok {
				switch vlan := setting.Vlan.(type) {
				case *types.VmwareDistributedVirtualSwitchVlanIdSpec:
					group.VLAN = vlan.VlanId
				case *types.VmwareDistributedVirtualSwitchTrunkVlanSpec:
					group.Trunk = true
				case *types.VmwareDistributedVirtualSwitchPvlanSpec:
					group.PrivateVLAN = vlan.PvlanId
				}
			}
			if fault := v.inventory.AddPortGroup(req.This, group); fault != nil {
				return nil, fault
			}
		}
		return nil, nil
	})
	return &methods.AddDVPortgroup_TaskBody{Res: &types.AddDVPortgroup_TaskResponse{Returnval: task.Run(ctx)}}
}

// CreateDVPortgroupTask adds one port group.
func (v *vswitch) CreateDVPortgroupTask(ctx *simulator.Context, req *types.CreateDVPortgroup_Task) soap.HasFault {
	body := v.AddDVPortgroupTask(ctx, &types.AddDVPortgroup_Task{This: req.This, Spec: []types.DVPortgroupConfigSpec{req.Spec}})
	task := body.(*methods.AddDVPortgroup_TaskBody).Res.Returnval
	return &methods.CreateDVPortgroup_TaskBody{Res: &types.CreateDVPortgroup_TaskResponse{Returnval: task}}
}

// portgroup has the methods of a distributed port group that change its switch.
type portgroup struct {
	extension
	inventory *live.Inventory
}

// DestroyTask removes a port group that no machine uses.
func (p *portgroup) DestroyTask(ctx *simulator.Context, req *types.Destroy_Task) soap.HasFault {
	task := simulator.CreateTask(req.This, "destroy", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		return nil, p.inventory.RemovePortGroup(req.This)
	})
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{Returnval: task.Run(ctx)}}
}
