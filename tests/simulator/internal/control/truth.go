package control

import (
	"net/http"
	"sort"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/inventory"
)

// properties are an object's main properties by short names.
type properties map[string]any

// truth is the whole inventory straight from the registry, without the property collector: what a client that is up to
// date must have. ?type=VirtualMachine limits it; ?full=1 adds every property of the objects, which is big.
func (c *Control) truth(in *http.Request) (any, error) {
	kind, full := in.URL.Query().Get("type"), in.URL.Query().Get("full") != ""
	entities := c.Inventory.Map().All(kind)
	sort.Slice(entities, func(i, j int) bool {
		a, b := entities[i].Reference(), entities[j].Reference()
		if a.Type != b.Type {
			return a.Type < b.Type
		}
		if len(a.Value) != len(b.Value) {
			return len(a.Value) < len(b.Value)
		}
		return a.Value < b.Value
	})
	ctx := &simulator.Context{Context: in.Context(), Map: c.Inventory.Map()}
	objects := make([]properties, 0, len(entities))
	for _, entity := range entities {
		ctx.WithLock(entity, func() {
			object := describe(entity)
			if full {
				object["full"] = managed(entity)
			}
			objects = append(objects, object)
		})
	}
	result := map[string]any{"objects": objects}
	if c.REST != nil && kind == "" {
		tags, err := c.REST.Attached()
		if err != nil {
			return nil, err
		}
		result["tags"] = tags
	}
	if c.Policies != nil && kind == "" {
		result["policies"] = c.Policies.Applied()
	}
	return result, nil
}

// shown is a datastore's URL as clients see it.
func shown(url string) string {
	if i := strings.Index(url, "/vmfs/"); i >= 0 {
		return "ds://" + url[i:]
	}
	return url
}

// managed is the part of an object that clients can see.
func managed(entity mo.Entity) any {
	switch object := entity.(type) {
	case *simulator.VirtualMachine:
		return object.VirtualMachine
	case *simulator.HostSystem:
		return object.HostSystem
	case *simulator.Datastore:
		return object.Datastore
	}
	return entity
}

func describe(entity mo.Entity) properties {
	e := entity.Entity()
	object := properties{
		"type": e.Self.Type, "moref": e.Self.Value, "name": nameOf(entity), "parent": value(e.Parent),
		"overall_status": e.OverallStatus, "custom_values": customValues(e.CustomValue),
	}
	var more properties
	switch o := entity.(type) {
	case *simulator.VirtualMachine:
		more = machineProperties(o)
	case *simulator.HostSystem:
		more = hostProperties(o)
	case *simulator.ClusterComputeResource:
		more = computeProperties(&o.ComputeResource)
	case *mo.ComputeResource:
		more = computeProperties(o)
	case *simulator.Datastore:
		more = datastoreProperties(o)
	case *simulator.ResourcePool:
		more = properties{"owner": o.Owner.Value, "vms": values(o.Vm), "pools": values(o.ResourcePool.ResourcePool)}
	case *simulator.VirtualApp:
		more = properties{"owner": o.Owner.Value, "vms": values(o.Vm), "pools": values(o.ResourcePool.ResourcePool), "folder": value(o.ParentFolder)}
	case *simulator.Folder:
		more = properties{"children": values(o.ChildEntity), "child_types": o.ChildType}
	case *simulator.StoragePod:
		more = properties{"children": values(o.ChildEntity), "capacity": o.Summary.Capacity, "free": o.Summary.FreeSpace}
	case *simulator.Datacenter:
		more = properties{"vm_folder": o.VmFolder.Value, "host_folder": o.HostFolder.Value,
			"datastore_folder": o.DatastoreFolder.Value, "network_folder": o.NetworkFolder.Value}
	case *simulator.DistributedVirtualSwitch:
		more = properties{"uuid": o.Uuid, "hosts": values(o.Summary.HostMember), "portgroups": values(o.Portgroup)}
	default:
		more = networkProperties(entity)
	}
	for name, property := range more {
		object[name] = property
	}
	return object
}

// nameOf is an object's name; networks have a field of their own for it.
func nameOf(entity mo.Entity) string {
	if network := inventory.NetworkOf(entity); network != nil {
		return network.Name
	}
	if dvs, ok := entity.(*simulator.DistributedVirtualSwitch); ok {
		return dvs.Name
	}
	return entity.Entity().Name
}

func value(ref *types.ManagedObjectReference) any {
	if ref == nil {
		return nil
	}
	return ref.Value
}

func values(refs []types.ManagedObjectReference) []string {
	list := make([]string, len(refs))
	for i, ref := range refs {
		list[i] = ref.Value
	}
	sort.Strings(list)
	return list
}

func customValues(fields []types.BaseCustomFieldValue) map[int32]string {
	result := make(map[int32]string)
	for _, field := range fields {
		if text, ok := field.(*types.CustomFieldStringValue); ok {
			result[text.Key] = text.Value
		}
	}
	return result
}

func machineProperties(vm *simulator.VirtualMachine) properties {
	p := properties{
		"power_state": vm.Runtime.PowerState, "connection_state": vm.Runtime.ConnectionState, "host": value(vm.Runtime.Host),
		"pool": value(vm.ResourcePool), "vapp": value(vm.ParentVApp), "datastores": values(vm.Datastore), "networks": values(vm.Network),
		"question": vm.Runtime.Question != nil, "has_config": vm.Config != nil,
	}
	if vm.Config != nil {
		p["uuid"], p["instance_uuid"] = vm.Config.Uuid, vm.Config.InstanceUuid
		p["cpus"], p["memory_mib"] = vm.Config.Hardware.NumCPU, vm.Config.Hardware.MemoryMB
		p["template"], p["guest_id"], p["annotation"] = vm.Config.Template, vm.Config.GuestId, vm.Config.Annotation
		p["path"], p["hardware_version"], p["firmware"] = vm.Config.Files.VmPathName, vm.Config.Version, vm.Config.Firmware
		p["disks"], p["nics"] = disks(vm.Config.Hardware.Device), nics(vm.Config.Hardware.Device)
	}
	if summary := vm.Summary.Config; vm.Config == nil && summary.NumCpu > 0 {
		p["summary_config"] = properties{
			"cpus": summary.NumCpu, "memory_mib": summary.MemorySizeMB, "disks": summary.NumVirtualDisks,
			"nics": summary.NumEthernetCards, "uuid": summary.Uuid, "instance_uuid": summary.InstanceUuid,
		}
	}
	if vm.Guest != nil {
		p["guest_ip"], p["guest_hostname"] = vm.Guest.IpAddress, vm.Guest.HostName
		p["tools_running"], p["guest_state"] = vm.Guest.ToolsRunningStatus, vm.Guest.GuestState
		ips := []string{}
		for _, nic := range vm.Guest.Net {
			ips = append(ips, nic.IpAddress...)
		}
		p["guest_ips"] = ips
	}
	if vm.Snapshot != nil {
		p["snapshots"] = snapshots(vm.Snapshot.RootSnapshotList, "")
		p["current_snapshot"] = value(vm.Snapshot.CurrentSnapshot)
	}
	return p
}

func disks(devices []types.BaseVirtualDevice) []properties {
	list := []properties{}
	for _, device := range devices {
		disk, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		p := properties{"key": disk.Key, "capacity_bytes": disk.CapacityInBytes, "controller": disk.ControllerKey, "unit": disk.UnitNumber}
		switch backing := disk.Backing.(type) {
		case *types.VirtualDiskFlatVer2BackingInfo:
			p["uuid"], p["file"], p["thin"], p["sharing"] = backing.Uuid, backing.FileName, backing.ThinProvisioned, backing.Sharing
			p["datastore"], p["has_parent"] = value(backing.Datastore), backing.Parent != nil
		case *types.VirtualDiskRawDiskMappingVer1BackingInfo:
			p["uuid"], p["file"], p["rdm"], p["lun"] = backing.Uuid, backing.FileName, backing.CompatibilityMode, backing.LunUuid
			p["datastore"] = value(backing.Datastore)
		}
		list = append(list, p)
	}
	return list
}

func nics(devices []types.BaseVirtualDevice) []properties {
	list := []properties{}
	for _, device := range devices {
		card, ok := device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		nic := card.GetVirtualEthernetCard()
		p := properties{"key": nic.Key, "mac": nic.MacAddress}
		if nic.Connectable != nil {
			p["connected"] = nic.Connectable.Connected
		}
		switch backing := nic.Backing.(type) {
		case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
			p["network"], p["switch"] = backing.Port.PortgroupKey, backing.Port.SwitchUuid
		case *types.VirtualEthernetCardNetworkBackingInfo:
			p["network"] = value(backing.Network)
		case *types.VirtualEthernetCardOpaqueNetworkBackingInfo:
			p["opaque"] = backing.OpaqueNetworkId
		}
		list = append(list, p)
	}
	return list
}

func snapshots(tree []types.VirtualMachineSnapshotTree, parent string) []properties {
	list := []properties{}
	for i := range tree {
		list = append(list, properties{
			"moref": tree[i].Snapshot.Value, "name": tree[i].Name, "id": tree[i].Id, "parent": parent,
			"description": tree[i].Description, "state": tree[i].State,
		})
		list = append(list, snapshots(tree[i].ChildSnapshotList, tree[i].Snapshot.Value)...)
	}
	return list
}

func hostProperties(host *simulator.HostSystem) properties {
	return properties{
		"connection_state": host.Runtime.ConnectionState, "power_state": host.Runtime.PowerState,
		"maintenance": host.Runtime.InMaintenanceMode, "uuid": host.Summary.Hardware.Uuid,
		"vendor": host.Summary.Hardware.Vendor, "model": host.Summary.Hardware.Model, "cpu_model": host.Summary.Hardware.CpuModel,
		"cores": host.Summary.Hardware.NumCpuCores, "threads": host.Summary.Hardware.NumCpuThreads,
		"mhz": host.Summary.Hardware.CpuMhz, "memory_bytes": host.Summary.Hardware.MemorySize,
		"version": host.Config.Product.Version, "build": host.Config.Product.Build,
		"vms": values(host.Vm), "datastores": values(host.Datastore), "networks": values(host.Network),
	}
}

func computeProperties(resource *mo.ComputeResource) properties {
	return properties{
		"hosts": values(resource.Host), "datastores": values(resource.Datastore), "networks": values(resource.Network),
		"pool": value(resource.ResourcePool),
	}
}

func datastoreProperties(store *simulator.Datastore) properties {
	mounts := map[string]any{}
	for _, mount := range store.Host {
		mounts[mount.Key.Value] = mount.MountInfo.Accessible == nil || *mount.MountInfo.Accessible
	}
	return properties{
		"kind": store.Summary.Type, "url": shown(store.Summary.Url), "capacity": store.Summary.Capacity, "free": store.Summary.FreeSpace,
		"accessible": store.Summary.Accessible, "maintenance": store.Summary.MaintenanceMode, "mounts": mounts, "vms": values(store.Vm),
	}
}

func networkProperties(entity mo.Entity) properties {
	network := inventory.NetworkOf(entity)
	if network == nil {
		return nil
	}
	p := properties{"hosts": values(network.Host), "vms": values(network.Vm)}
	switch net := entity.(type) {
	case *mo.OpaqueNetwork:
		if summary, ok := net.Summary.(*types.OpaqueNetworkSummary); ok {
			p["opaque_id"], p["opaque_type"] = summary.OpaqueNetworkId, summary.OpaqueNetworkType
		}
	case *simulator.DistributedVirtualPortgroup:
		p["key"], p["switch"], p["backing"] = net.Key, value(net.Config.DistributedVirtualSwitch), net.Config.BackingType
		p["uplink"] = net.Config.Uplink != nil && *net.Config.Uplink
		if setting, ok := net.Config.DefaultPortConfig.(*types.VMwareDVSPortSetting); ok {
			switch vlan := setting.Vlan.(type) {
			case *types.VmwareDistributedVirtualSwitchVlanIdSpec:
				p["vlan"] = vlan.VlanId
			case *types.VmwareDistributedVirtualSwitchTrunkVlanSpec:
				p["trunk"] = true
			case *types.VmwareDistributedVirtualSwitchPvlanSpec:
				p["private_vlan"] = vlan.PvlanId
			}
		}
	}
	return p
}
