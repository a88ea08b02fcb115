package live

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/inventory"
)

// AddPortGroup adds a port group to a distributed switch.
func (inv *Inventory) AddPortGroup(ref types.ManagedObjectReference, spec inventory.PortGroup) types.BaseMethodFault {
	dvs, ok := inv.Map().Get(ref).(*simulator.DistributedVirtualSwitch)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	folder, okFolder := inv.Map().Get(*dvs.Parent).(*simulator.Folder)
	dc := inv.datacenter(dvs)
	if !okFolder || dc == nil {
		return &types.InvalidState{}
	}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	if inv.Map().FindByName(spec.Name, folder.ChildEntity) != nil {
		return &types.DuplicateName{Name: spec.Name, Object: folder.Self}
	}
	var hosts []*simulator.HostSystem
	for _, host := range dvs.Summary.HostMember {
		if host, ok := inv.Map().Get(host).(*simulator.HostSystem); ok {
			hosts = append(hosts, host)
		}
	}
	inv.builder.PortGroup(dc, folder, dvs, spec, hosts)
	inv.raiseNetworks(dvs, folder, dc, hosts)
	return nil
}

// raiseNetworks tells of lists of networks that were changed in place.
func (inv *Inventory) raiseNetworks(dvs *simulator.DistributedVirtualSwitch, folder *simulator.Folder, dc *simulator.Datacenter, hosts []*simulator.HostSystem) {
	// Not by Update: it goes by the layout of another type than the switches have here.
	inv.Announce(dvs, "portgroup", "summary.portgroupName")
	inv.Announce(folder, "childEntity")
	inv.Announce(dc, "network")
	for _, host := range hosts {
		inv.Announce(host, "network")
		inv.Announce(*host.Parent, "network")
	}
}

// Announce raises changes that were made in place, without saying to what: who is told reads the values.
func (inv *Inventory) Announce(object mo.Reference, paths ...string) {
	changes := make([]types.PropertyChange, len(paths))
	for i, path := range paths {
		changes[i] = types.PropertyChange{Name: path, Op: types.PropertyChangeOpAssign}
	}
	for _, handler := range inv.notified {
		handler.UpdateObject(nil, object, changes)
	}
}

// Notify adds a handler for what is announced.
func (inv *Inventory) Notify(handler simulator.RegisterObject) {
	inv.notified = append(inv.notified, handler)
}

func (inv *Inventory) datacenter(entity mo.Entity) *simulator.Datacenter {
	for entity != nil && entity.Entity().Parent != nil {
		parent := inv.Map().Get(*entity.Entity().Parent)
		if dc, ok := parent.(*simulator.Datacenter); ok {
			return dc
		}
		entity, _ = parent.(mo.Entity)
	}
	return nil
}

// RemovePortGroup removes a port group that no machine uses.
func (inv *Inventory) RemovePortGroup(ref types.ManagedObjectReference) types.BaseMethodFault {
	group, ok := inv.Map().Get(ref).(*simulator.DistributedVirtualPortgroup)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	if len(group.Vm) > 0 {
		return &types.ResourceInUse{Type: ref.Type, Name: group.Name}
	}
	dvs, okSwitch := inv.Map().Get(*group.Config.DistributedVirtualSwitch).(*simulator.DistributedVirtualSwitch)
	folder, okFolder := inv.Map().Get(*group.Parent).(*simulator.Folder)
	dc := inv.datacenter(group)
	if !okSwitch || !okFolder || dc == nil {
		return &types.InvalidState{}
	}
	inv.mu.Lock()
	defer inv.mu.Unlock()
	var hosts []*simulator.HostSystem
	for _, host := range group.Host {
		if host, ok := inv.Map().Get(host).(*simulator.HostSystem); ok {
			hosts = append(hosts, host)
			simulator.RemoveReference(&host.Network, ref)
			if resource := inv.builder.ComputeResource(host); resource != nil {
				simulator.RemoveReference(&resource.Network, ref)
			}
		}
	}
	simulator.RemoveReference(&dvs.Portgroup, ref)
	if i := slices.Index(dvs.Summary.PortgroupName, group.Name); i >= 0 {
		dvs.Summary.PortgroupName = slices.Delete(dvs.Summary.PortgroupName, i, i+1)
	}
	simulator.RemoveReference(&folder.ChildEntity, ref)
	simulator.RemoveReference(&dc.Network, ref)
	inv.raiseNetworks(dvs, folder, dc, hosts)
	inv.Map().Remove(inv.newContext(), ref)
	return nil
}
