package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// How a flat inventory grows with its machines.
const (
	machinesPerHost = 250
	hostsPerCluster = 32
	machinesInPool  = 1000
)

// Flat makes one datacenter with count machines that have a card, a disk and a mixed state, and every tenth a snapshot.
// It takes about a second for 40,000.
func (b *Builder) Flat(count int) error {
	b.shared = true
	dc := b.Datacenter(b.Root, "DC0")
	dc.Datastore = nil
	hosts, err := b.flatHosts(dc, max(2, (count+machinesPerHost-1)/machinesPerHost))
	if err != nil {
		return err
	}
	var stores []*simulator.Datastore
	for i := range max(1, (count+4999)/5000) {
		store, err := b.Datastore(dc, b.folder(dc.DatastoreFolder), DatastoreSpec{
			Name: fmt.Sprintf("datastore-%02d", i), Type: "VMFS", CapacityGiB: 65536, FreeGiB: 20000, Hosts: hosts,
		})
		if err != nil {
			return err
		}
		stores = append(stores, store)
	}
	network := b.standardNetwork(dc, "VM Network")
	root := b.folder(dc.VmFolder)
	var folder *simulator.Folder
	for i := range count {
		if i%machinesInPool == 0 {
			folder = b.Folder(root, fmt.Sprintf("group-%03d", i/machinesInPool))
		}
		host := hosts[i%len(hosts)]
		spec := VMSpec{
			Name: fmt.Sprintf("vm-%05d", i), Folder: folder, Host: host,
			Pool: b.rootPool(b.ComputeResource(host)), Store: stores[i%len(stores)],
			CPUs: int32(1 + i%8), MemoryMiB: int32(1024 * (1 + i%16)), Guest: Guests[i%len(Guests)],
			Power: types.VirtualMachinePowerStatePoweredOn, Tools: ToolsRunning,
			Disks: []Disk{{CapacityGiB: int64(10 + i%90)}},
			Cards: []Card{{Network: network}},
			IPs:   [][]string{{fmt.Sprintf("10.%d.%d.%d", i>>16&0xff, i>>8&0xff, i&0xff)}},
		}
		if i%5 == 4 {
			spec.Power = types.VirtualMachinePowerStatePoweredOff
		}
		vm := b.VM(spec)
		if i%10 == 0 {
			b.Snapshot(vm, 0, "before update", "")
		}
	}
	return nil
}

// flatHosts makes hosts in as many clusters as they need.
func (b *Builder) flatHosts(dc *simulator.Datacenter, count int) ([]*simulator.HostSystem, error) {
	var hosts []*simulator.HostSystem
	var cluster *simulator.ClusterComputeResource
	for i := range count {
		if i%hostsPerCluster == 0 {
			var err error
			cluster, err = b.Cluster(b.folder(dc.HostFolder), fmt.Sprintf("cluster-%02d", i/hostsPerCluster))
			if err != nil {
				return nil, err
			}
		}
		name := fmt.Sprintf("esx-%03d.flat.test", i)
		hosts = append(hosts, b.HostInCluster(cluster, name, hostShapes[i%len(hostShapes)]))
	}
	return hosts, nil
}
