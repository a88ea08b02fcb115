package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// standardNetwork returns the datacenter's standard network of that name. "VM Network" is there from the start.
func (b *Builder) standardNetwork(dc *simulator.Datacenter, name string) *mo.Network {
	for _, ref := range dc.Network {
		if network, ok := b.Map.Get(ref).(*mo.Network); ok && network.Name == name {
			return network
		}
	}
	return nil
}

// StandardNetwork makes the network of a port group that standard switches of the hosts have.
func (b *Builder) StandardNetwork(dc *simulator.Datacenter, folder *simulator.Folder, name string, hosts []*simulator.HostSystem) *mo.Network {
	network := &mo.Network{}
	network.Name = name
	network.Entity().Name = name
	b.put(&folder.Folder, network)
	network.Summary = &types.NetworkSummary{Network: &network.Self, Name: name, Accessible: true}
	dc.Network = append(dc.Network, network.Self)
	b.connect(network, hosts)
	return network
}

// Opaque makes a network that VMware NSX manages and vCenter only shows.
func (b *Builder) Opaque(dc *simulator.Datacenter, folder *simulator.Folder, name string, hosts []*simulator.HostSystem) *mo.OpaqueNetwork {
	network := &mo.OpaqueNetwork{}
	network.Network.Name = name
	network.Entity().Name = name
	b.put(&folder.Folder, network)
	network.Summary = &types.OpaqueNetworkSummary{
		NetworkSummary:  types.NetworkSummary{Network: &network.Self, Name: name, Accessible: true},
		OpaqueNetworkId: b.UUID(), OpaqueNetworkType: "nsx.LogicalSwitch",
	}
	dc.Network = append(dc.Network, network.Self)
	b.connect(&network.Network, hosts)
	return network
}

// connect makes the network known to hosts and their clusters, both ways.
func (b *Builder) connect(network *mo.Network, hosts []*simulator.HostSystem) {
	for _, host := range hosts {
		if contains(network.Host, host.Self) {
			continue
		}
		network.Host = append(network.Host, host.Self)
		if !contains(host.Network, network.Self) {
			host.Network = append(host.Network, network.Self)
		}
		if resource := b.ComputeResource(host); !contains(resource.Network, network.Self) {
			resource.Network = append(resource.Network, network.Self)
		}
	}
}

// Switch makes a distributed switch with its uplink port group, on the hosts.
func (b *Builder) Switch(dc *simulator.Datacenter, folder *simulator.Folder, name string, hosts []*simulator.HostSystem) *simulator.DistributedVirtualSwitch {
	dvs := &simulator.DistributedVirtualSwitch{}
	dvs.Self.Type = "VmwareDistributedVirtualSwitch"
	dvs.Name = name
	dvs.Entity().Name = name
	id := b.UUID()
	// A switch's UUID is written in two groups of eight bytes.
	raw := id[0:8] + id[9:13] + id[14:18] + id[19:23] + id[24:36]
	for i := 0; i < len(raw); i += 2 {
		if i == 16 {
			dvs.Uuid += "-"
		} else if i > 0 {
			dvs.Uuid += " "
		}
		dvs.Uuid += raw[i : i+2]
	}
	b.put(&folder.Folder, dvs)
	for _, host := range hosts {
		dvs.Summary.HostMember = append(dvs.Summary.HostMember, host.Self)
	}
	dvs.Summary.Name, dvs.Summary.Uuid, dvs.Summary.NumPorts = name, dvs.Uuid, 512
	dvs.Summary.NumHosts = int32(len(hosts))
	dvs.Summary.ProductInfo = &types.DistributedVirtualSwitchProductSpec{
		Name: "DVS", Vendor: "VMware, Inc.", Version: "8.0.3", Build: "24322831", ForwardingClass: "etherswitch",
	}
	dvs.Config = &types.VMwareDVSConfigInfo{
		DVSConfigInfo: types.DVSConfigInfo{
			Uuid: dvs.Uuid, Name: name, NumPorts: 512, MaxPorts: 1 << 30, ConfigVersion: "12", CreateTime: Epoch,
			DefaultPortConfig: &types.VMwareDVSPortSetting{Vlan: &types.VmwareDistributedVirtualSwitchVlanIdSpec{}},
			UplinkPortPolicy:  &types.DVSNameArrayUplinkPortPolicy{UplinkPortName: []string{"Uplink 1", "Uplink 2"}},
			ProductInfo:       *dvs.Summary.ProductInfo,
			Policy:            &types.DVSPolicy{AutoPreInstallAllowed: flag(true)},
		},
		MaxMtu: 9000,
	}
	dc.Network = append(dc.Network, dvs.Self)
	uplink := b.PortGroup(dc, folder, dvs, PortGroup{Name: name + "-DVUplinks-" + dvs.Self.Value[len("dvs-"):], Trunk: true, Uplink: true}, hosts)
	dvs.Config.GetDVSConfigInfo().UplinkPortgroup = []types.ManagedObjectReference{uplink.Self}
	return dvs
}

// PortGroup says what a distributed port group is.
type PortGroup struct {
	Name  string
	VLAN  int32
	Trunk bool
	// PrivateVLAN is the secondary VLAN of a private one.
	PrivateVLAN int32
	Uplink      bool
	// NSX makes it the port group of an NSX segment.
	NSX bool
}

// PortGroup makes a distributed port group of a switch.
func (b *Builder) PortGroup(dc *simulator.Datacenter, folder *simulator.Folder, dvs *simulator.DistributedVirtualSwitch, spec PortGroup, hosts []*simulator.HostSystem) *simulator.DistributedVirtualPortgroup {
	group := &simulator.DistributedVirtualPortgroup{}
	group.Name = spec.Name
	group.Entity().Name = spec.Name
	b.put(&folder.Folder, group)
	group.Key = group.Self.Value
	group.Summary = &types.NetworkSummary{Network: &group.Self, Name: spec.Name, Accessible: true}
	setting := &types.VMwareDVSPortSetting{
		UplinkTeamingPolicy: &types.VmwareUplinkPortTeamingPolicy{Policy: &types.StringPolicy{Value: "loadbalance_loadbased"}},
	}
	switch {
	case spec.Trunk:
		setting.Vlan = &types.VmwareDistributedVirtualSwitchTrunkVlanSpec{VlanId: []types.NumericRange{{Start: 0, End: 4094}}}
	case spec.PrivateVLAN != 0:
		setting.Vlan = &types.VmwareDistributedVirtualSwitchPvlanSpec{PvlanId: spec.PrivateVLAN}
	default:
		setting.Vlan = &types.VmwareDistributedVirtualSwitchVlanIdSpec{VlanId: spec.VLAN}
	}
	group.Config = types.DVPortgroupConfigInfo{
		Key: group.Key, Name: spec.Name, NumPorts: 8, DistributedVirtualSwitch: &dvs.Self,
		DefaultPortConfig: setting, Type: string(types.DistributedVirtualPortgroupPortgroupTypeEarlyBinding),
		Policy:        &types.VMwareDVSPortgroupPolicy{DVPortgroupPolicy: types.DVPortgroupPolicy{BlockOverrideAllowed: true}},
		ConfigVersion: "1", AutoExpand: flag(true), Uplink: &spec.Uplink,
		BackingType: string(types.DistributedVirtualPortgroupBackingTypeStandard),
	}
	if spec.NSX {
		group.Config.BackingType = string(types.DistributedVirtualPortgroupBackingTypeNsx)
		group.Config.LogicalSwitchUuid = b.UUID()
		group.Config.SegmentId = "/infra/segments/" + spec.Name
	}
	for i := range group.Config.NumPorts {
		group.PortKeys = append(group.PortKeys, fmt.Sprint(i))
	}
	dvs.Portgroup = append(dvs.Portgroup, group.Self)
	dvs.Summary.PortgroupName = append(dvs.Summary.PortgroupName, spec.Name)
	dc.Network = append(dc.Network, group.Self)
	b.connect(&group.Network, hosts)
	return group
}
