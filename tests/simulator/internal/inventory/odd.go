package inventory

import (
	"fmt"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Odd makes a lifelike inventory of about count machines and, on top of it, one of every odd shape that a client meets
// in the field. Every odd machine's name begins with "odd-" or stands in the folder "Odd", so that tests find them.
func (b *Builder) Odd(count int) error {
	built, err := b.lifelike(count)
	if err != nil {
		return err
	}
	o := &oddities{b: b, site: built[0], cluster: built[0].clusters[0]}
	o.folder = b.Folder(o.site.folders[""], "Odd")
	o.names()
	o.states()
	o.identities()
	o.networks()
	if err := o.storage(); err != nil {
		return err
	}
	o.clones()
	o.apps()
	return o.hosts()
}

// oddities are the odd shapes of one site.
type oddities struct {
	b       *Builder
	site    *site
	cluster *clusterSite
	folder  *simulator.Folder
	turn    int
}

// base is a plain machine that the odd ones start from.
func (o *oddities) base(name string) VMSpec {
	o.turn++
	return VMSpec{
		Name: name, Folder: o.folder, Host: o.cluster.hosts[o.turn%len(o.cluster.hosts)],
		Pool: o.cluster.pools[0], Store: o.cluster.stores[0],
		CPUs: 2, MemoryMiB: 2048, Guest: Guests[1], Power: types.VirtualMachinePowerStatePoweredOn, Tools: ToolsRunning,
		Disks: []Disk{{CapacityGiB: 16}},
		Cards: []Card{{Network: o.site.networks["app"]}},
		IPs:   [][]string{{fmt.Sprintf("10.99.0.%d", o.turn)}},
	}
}

// names: vCenter keeps '/', '\' and '%' escaped in names; everything else of Unicode is allowed.
func (o *oddities) names() {
	for _, name := range []string{
		"odd-slash-a%2fb", "odd-backslash-a%5cb", "odd-percent-100%25", "odd-数据库-主服务器", "odd-🚀-rocket", "odd-Größe-Ñandú",
		"odd-اسم-عربي", "odd-<xml>&\"quotes\"'", "odd- leading and  inner spaces ", "odd-e\u0301-combining",
		"odd-very-long-name-that-uses-all-of-the-eighty-characters-that-vcenter-allows-one",
	} {
		spec := o.base(name)
		spec.File = fmt.Sprintf("odd-name-%02d", o.turn)
		o.b.VM(spec)
	}
	folder := o.b.Folder(o.folder, "nested%2fslash")
	for _, name := range []string{"层级", "🗂", "deep", "deeper", "deepest"} {
		folder = o.b.Folder(folder, name)
	}
	spec := o.base("odd-deeply-nested")
	spec.Folder = folder
	o.b.VM(spec)

	// Two machines of one name, in different folders: allowed by vCenter.
	twin := o.base("odd-twin")
	o.b.VM(twin)
	twin.Folder, twin.File = o.site.folders["Tenants/acme"], "odd-twin_1"
	o.b.VM(twin)
	o.b.Folder(o.folder, "empty folder")
}

// states: orphaned, inaccessible, suspended, with a question, without disk or card.
func (o *oddities) states() {
	for _, state := range []types.VirtualMachineConnectionState{
		types.VirtualMachineConnectionStateOrphaned,
		types.VirtualMachineConnectionStateInaccessible,
		types.VirtualMachineConnectionStateInvalid,
	} {
		spec := o.base("odd-" + string(state))
		spec.Power = types.VirtualMachinePowerStatePoweredOff
		o.withoutConfig(o.b.VM(spec), state)
	}

	suspended := o.base("odd-suspended")
	suspended.Power = types.VirtualMachinePowerStateSuspended
	vm := o.b.VM(suspended)
	at := Epoch.Add(90 * time.Minute)
	vm.Runtime.SuspendTime, vm.Summary.Runtime.SuspendTime = &at, &at

	vm = o.b.VM(o.base("odd-question"))
	question := &types.VirtualMachineQuestionInfo{
		Id: "7", Text: "msg.uuid.altered:This virtual machine might have been moved or copied.",
		Choice: types.ChoiceOption{
			ChoiceInfo: []types.BaseElementDescription{
				&types.ElementDescription{Description: types.Description{Label: "I Moved It", Summary: "I Moved It"}, Key: "1"},
				&types.ElementDescription{Description: types.Description{Label: "I Copied It", Summary: "I Copied It"}, Key: "2"},
			},
			DefaultIndex: 1,
		},
	}
	vm.Runtime.Question, vm.Summary.Runtime.Question = question, question

	bare := o.base("odd-bare")
	bare.Disks, bare.Cards, bare.IPs, bare.Tools = nil, nil, nil, ToolsNotInstalled
	o.b.VM(bare)

	unplugged := o.base("odd-unplugged")
	unplugged.Cards[0].Disconnected = true
	unplugged.IPs = nil
	o.b.VM(unplugged)

	many := o.base("odd-many-devices")
	many.Disks, many.Cards, many.IPs = nil, nil, nil
	for i := range 18 {
		many.Disks = append(many.Disks, Disk{CapacityGiB: int64(1 + i)})
	}
	for i := range 10 {
		many.Cards = append(many.Cards, Card{Network: o.site.networks["web"], Kind: []string{"vmxnet3", "e1000e", "e1000", "sriov"}[i%4]})
		many.IPs = append(many.IPs, []string{fmt.Sprintf("10.98.%d.7", i), fmt.Sprintf("2001:db8:%d::7", i)})
	}
	o.b.VM(many)

	consolidate := o.b.VM(o.base("odd-consolidation-needed"))
	consolidate.Runtime.ConsolidationNeeded, consolidate.Summary.Runtime.ConsolidationNeeded = true, true

	template := o.base("odd-template")
	template.Template, template.Power = true, types.VirtualMachinePowerStatePoweredOff
	o.b.VM(template)
}

// withoutConfig takes from a machine what vCenter does not know of one whose files it cannot read.
func (o *oddities) withoutConfig(vm *simulator.VirtualMachine, state types.VirtualMachineConnectionState) {
	vm.Runtime.ConnectionState = state
	vm.Summary.Runtime.ConnectionState = state
	remembered := vm.Summary.Config
	vm.Summary.Config = types.VirtualMachineConfigSummary{Name: vm.Name, VmPathName: vm.Config.Files.VmPathName}
	if state == types.VirtualMachineConnectionStateInaccessible { // what vCenter has of it from before
		vm.Summary.Config = remembered
	}
	vm.Summary.OverallStatus = types.ManagedEntityStatusGray
	vm.Summary.Guest = nil
	vm.Summary.Storage = nil
	vm.Config, vm.Guest, vm.Storage, vm.LayoutEx, vm.Layout, vm.ResourceConfig = nil, nil, nil, nil, nil, nil
	vm.OverallStatus = types.ManagedEntityStatusGray
}

// identities: one BIOS UUID on two machines, and a machine whose UUIDs are not there yet.
func (o *oddities) identities() {
	for _, name := range []string{"odd-same-uuid-1", "odd-same-uuid-2"} {
		spec := o.base(name)
		spec.UUID = "4c4c4544-0044-4810-8031-b4c04f475331"
		o.b.VM(spec)
	}
	vm := o.b.VM(o.base("odd-no-uuid-yet"))
	vm.Config.Uuid, vm.Config.InstanceUuid = "", ""
	vm.Summary.Config.Uuid, vm.Summary.Config.InstanceUuid = "", ""
}

// networks: NSX segments, opaque networks, a card whose network is gone, one switch without hosts.
func (o *oddities) networks() {
	root := o.b.folder(o.site.dc.NetworkFolder)
	hosts := o.cluster.hosts
	opaque := o.b.Opaque(o.site.dc, root, "nsx-ls-tenant-a", hosts)
	dvs := o.b.Switch(o.site.dc, root, "dvs-nsx", hosts)
	segment := o.b.PortGroup(o.site.dc, root, dvs, PortGroup{Name: "nsx-segment-b", NSX: true}, hosts)
	same := o.b.PortGroup(o.site.dc, root, dvs, PortGroup{Name: "nsx-segment-b", NSX: true}, hosts)
	o.b.Switch(o.site.dc, root, "dvs-unused", nil)

	spec := o.base("odd-nsx")
	spec.Cards = []Card{{Network: opaque}, {Network: segment}, {Network: same}}
	spec.IPs = [][]string{{"172.16.1.10"}, {"172.16.2.10"}, {"172.16.3.10"}}
	o.b.VM(spec)

	gone := o.b.VM(o.base("odd-network-gone"))
	for _, device := range gone.Config.Hardware.Device {
		if card, ok := device.(types.BaseVirtualEthernetCard); ok {
			card.GetVirtualEthernetCard().Backing = &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{
				Port: types.DistributedVirtualSwitchPortConnection{SwitchUuid: dvs.Uuid, PortgroupKey: "dvportgroup-999999"},
			}
		}
	}
	if network := NetworkOf(o.b.Map.Get(gone.Network[0])); network != nil {
		simulator.RemoveReference(&network.Vm, gone.Self)
	}
	gone.Network = nil
}

// storage: raw devices, shared disks, a machine on three datastores, a datastore that is lost, one in maintenance.
func (o *oddities) storage() error {
	lun := "02000000006006016012345678900000000000000a"
	rdm := o.base("odd-rdm")
	rdm.Disks = append(rdm.Disks,
		Disk{CapacityGiB: 500, RDM: lun + "1", RDMMode: types.VirtualDiskCompatibilityModePhysicalMode},
		Disk{CapacityGiB: 250, RDM: lun + "2", RDMMode: types.VirtualDiskCompatibilityModeVirtualMode})
	o.b.VM(rdm)

	shared := Disk{CapacityGiB: 100, Thick: true, Shared: true, UUID: o.b.UUID(), Store: o.cluster.stores[0],
		File: fmt.Sprintf("[%s] odd-shared/quorum.vmdk", o.cluster.stores[0].Name)}
	for _, name := range []string{"odd-multiwriter-1", "odd-multiwriter-2"} {
		spec := o.base(name)
		spec.Disks = append(spec.Disks, shared)
		o.b.VM(spec)
	}

	spread := o.base("odd-many-datastores")
	for _, store := range o.cluster.stores {
		spread.Disks = append(spread.Disks, Disk{CapacityGiB: 8, Store: store})
	}
	o.b.VM(spread)

	folder := o.b.folder(o.site.dc.DatastoreFolder)
	lost, err := o.b.Datastore(o.site.dc, folder, DatastoreSpec{
		Name: "odd-lost-san", Type: "VMFS", CapacityGiB: 1024, FreeGiB: 10, Hosts: o.cluster.hosts[:2],
	})
	if err != nil {
		return err
	}
	lost.Summary.Accessible = false
	for i := range lost.Host {
		lost.Host[i].MountInfo.Accessible = flag(false)
		lost.Host[i].MountInfo.InaccessibleReason = string(types.HostMountInfoInaccessibleReasonAllPathsDown_Timeout)
	}
	resting, err := o.b.Datastore(o.site.dc, folder, DatastoreSpec{
		Name: "odd-数据-maintenance", Type: "NFS41", CapacityGiB: 2048, FreeGiB: 2000, Hosts: o.cluster.hosts,
		Remote: "nas-02.example.com:/export/旧",
	})
	if err != nil {
		return err
	}
	resting.Summary.MaintenanceMode = string(types.DatastoreSummaryMaintenanceModeStateInMaintenance)
	o.b.StoragePod(folder, "odd-empty-pod")
	return nil
}

// clones: a chain of linked clones, each disk a delta of the one before.
func (o *oddities) clones() {
	base := o.base("odd-clone-base")
	base.Template, base.Power = true, types.VirtualMachinePowerStatePoweredOff
	parent := o.b.VM(base)
	o.b.Snapshot(parent, 0, "for linked clones", "")
	for i := 1; i <= 4; i++ {
		backing := firstDisk(parent)
		spec := o.base(fmt.Sprintf("odd-linked-clone-%d", i))
		spec.Disks = []Disk{{CapacityGiB: 16, Parent: backing}}
		parent = o.b.VM(spec)
	}
}

// firstDisk returns a copy of the backing of a machine's first disk.
func firstDisk(vm *simulator.VirtualMachine) *types.VirtualDiskFlatVer2BackingInfo {
	for _, device := range vm.Config.Hardware.Device {
		if disk, ok := device.(*types.VirtualDisk); ok {
			if backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
				backing := *backing
				return &backing
			}
		}
	}
	return nil
}

// apps: a virtual appliance with three machines, one inside it, and one without machines. The machines of a virtual
// appliance have it as parent and are in no folder.
func (o *oddities) apps() {
	app := o.b.VApp(o.cluster.pools[0], o.folder, "odd-vapp")
	for _, tier := range []string{"web", "app", "db"} {
		spec := o.base("odd-vapp-" + tier)
		spec.Folder, spec.VApp = nil, app
		vm := o.b.VM(spec)
		vm.Parent = nil
	}
	pool := &simulator.ResourcePool{ResourcePool: app.ResourcePool}
	inner := o.b.VApp(pool, o.folder, "odd-vapp-inner")
	app.ResourcePool.ResourcePool = pool.ResourcePool.ResourcePool
	spec := o.base("odd-vapp-inner-vm")
	spec.Folder, spec.VApp = nil, inner
	vm := o.b.VM(spec)
	vm.Parent = nil
	empty := o.b.VApp(o.cluster.pools[0], o.folder, "odd-vapp-empty")
	empty.Summary.(*types.VirtualAppSummary).VAppState = types.VirtualAppVAppStateStopped
}

// hosts: one in maintenance, one disconnected, one not responding, a cluster without hosts, a host's name as an address.
func (o *oddities) hosts() error {
	folder := o.b.Folder(o.b.folder(o.site.dc.HostFolder), "Odd hosts")
	if _, err := o.b.Cluster(folder, "odd-empty-cluster"); err != nil {
		return err
	}
	cluster, err := o.b.Cluster(folder, "odd-cluster")
	if err != nil {
		return err
	}
	maintenance := o.b.HostInCluster(cluster, "odd-esx-maintenance.example.com", hostShapes[0])
	maintenance.Runtime.InMaintenanceMode = true
	disconnected := o.b.HostInCluster(cluster, "odd-esx-disconnected.example.com", hostShapes[1])
	disconnected.Runtime.ConnectionState = types.HostSystemConnectionStateDisconnected
	silent := o.b.HostInCluster(cluster, "10.10.0.77", hostShapes[2])
	silent.Runtime.ConnectionState = types.HostSystemConnectionStateNotResponding
	silent.Runtime.PowerState = types.HostSystemPowerStateUnknown
	silent.OverallStatus = types.ManagedEntityStatusRed
	silent.Summary.OverallStatus = types.ManagedEntityStatusRed
	asleep := o.b.HostInCluster(cluster, "odd-esx-standby.example.com", hostShapes[2])
	asleep.Runtime.PowerState = types.HostSystemPowerStateStandBy

	hosts := []*simulator.HostSystem{maintenance, disconnected, silent, asleep}
	store, err := o.b.Datastore(o.site.dc, o.b.folder(o.site.dc.DatastoreFolder), DatastoreSpec{
		Name: "odd-cluster-san", Type: "VMFS", CapacityGiB: 1024, FreeGiB: 512, Hosts: hosts,
	})
	if err != nil {
		return err
	}
	root := o.b.rootPool(&cluster.ComputeResource)
	for _, host := range []*simulator.HostSystem{disconnected, silent} {
		spec := o.base("odd-on-" + string(host.Runtime.ConnectionState))
		spec.Host, spec.Pool, spec.Store = host, root, store
		spec.Cards = []Card{{Network: o.b.Map.Get(host.Network[0]).(mo.Entity)}}
		vm := o.b.VM(spec)
		vm.Runtime.ConnectionState = types.VirtualMachineConnectionStateDisconnected
		vm.Summary.Runtime.ConnectionState = vm.Runtime.ConnectionState
	}
	return nil
}
