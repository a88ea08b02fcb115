package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Standalone fills an ESXi host that no vCenter manages: one hidden datacenter, no folders of folders, no clusters. A
// name and a hardware UUID may be given, to be the same host as one that a vCenter shows.
func (b *Builder) Standalone(count int, name, hardwareUUID string) error {
	if name == "" {
		name = "esx-lab.standalone.test"
	}
	dc := b.Map.Any("Datacenter").(*simulator.Datacenter)
	host := b.Map.Any("HostSystem").(*simulator.HostSystem)
	b.shape(host, name, hostShapes[0])
	if hardwareUUID != "" {
		host.Summary.Hardware.Uuid, host.Hardware.SystemInfo.Uuid = hardwareUUID, hardwareUUID
	}
	resource := b.ComputeResource(host)
	resource.Name = host.Name
	summary := &types.ComputeResourceSummary{}
	addHostSummary(summary, host)
	resource.Summary = summary
	var stores []*simulator.Datastore
	for i, name := range []string{"datastore1", "nvme-local"} {
		store, err := b.Datastore(dc, b.folder(dc.DatastoreFolder), DatastoreSpec{
			Name: name, Type: "VMFS", CapacityGiB: int64(1800 * (i + 1)), FreeGiB: 700, Hosts: []*simulator.HostSystem{host},
		})
		if err != nil {
			return err
		}
		stores = append(stores, store)
	}
	network := b.standardNetwork(dc, "VM Network")
	for i := range count {
		spec := VMSpec{
			Name: fmt.Sprintf("lab-%02d", i+1), Folder: b.folder(dc.VmFolder), Host: host, Pool: b.rootPool(resource),
			Store: stores[i%len(stores)], CPUs: int32(1 + i%4), MemoryMiB: int32(1024 * (1 + i%8)), Guest: Guests[i%len(Guests)],
			Power: types.VirtualMachinePowerStatePoweredOn, Tools: ToolsRunning,
			Disks: []Disk{{CapacityGiB: int64(16 + 8*(i%6))}},
			Cards: []Card{{Network: network}},
			IPs:   [][]string{{fmt.Sprintf("192.168.%d.%d", 50+i/250, 1+i%250)}},
		}
		if i%4 == 3 {
			spec.Power = types.VirtualMachinePowerStatePoweredOff
		}
		vm := b.VM(spec)
		if i%5 == 0 {
			b.Snapshot(vm, 0, "clean install", "")
		}
	}
	return nil
}
