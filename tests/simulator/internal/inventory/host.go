package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// HostShape is a model of server.
type HostShape struct {
	Vendor, Model, CPUModel string
	Sockets, Cores, Threads int16
	MHz                     int32
	MemoryGiB               int64
	Version, Build          string
}

// hostShapes are servers as they are found in machine rooms.
var hostShapes = []HostShape{
	{"Dell Inc.", "PowerEdge R750", "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz", 2, 64, 128, 2000, 1024, "8.0.3", "24022510"},
	{"HPE", "ProLiant DL380 Gen10", "Intel(R) Xeon(R) Gold 6248R CPU @ 3.00GHz", 2, 48, 96, 2993, 768, "8.0.2", "22380479"},
	{"Lenovo", "ThinkSystem SR665", "AMD EPYC 7543 32-Core Processor", 2, 64, 128, 2794, 1024, "7.0.3", "21930508"},
}

// HostInCluster makes a host of a cluster. The first host of a builder is made whole (17 ms); the others are copies of
// it that own everything that can change.
func (b *Builder) HostInCluster(cluster *simulator.ClusterComputeResource, name string, shape HostShape) *simulator.HostSystem {
	host := b.newHost()
	host.Network = append([]types.ManagedObjectReference(nil), cluster.Network[:1]...)
	b.Map.NewEntity(host)
	b.shape(host, name, shape)
	b.Map.PutEntity(cluster, host)
	cluster.Host = append(cluster.Host, host.Self)
	addHostSummary(cluster.Summary.GetComputeResourceSummary(), host)
	return host
}

// StandaloneHost makes a host that is in no cluster, with its own compute resource and pool.
func (b *Builder) StandaloneHost(folder *simulator.Folder, name string, shape HostShape) (*simulator.HostSystem, error) {
	host, fault := simulator.CreateStandaloneHost(b.Ctx, folder, types.HostConnectSpec{HostName: name})
	if fault != nil {
		return nil, fmt.Errorf("create standalone host %s: %T", name, fault)
	}
	host.Runtime.ConnectionState = types.HostSystemConnectionStateConnected
	b.shape(host, name, shape)
	resource := b.Map.Get(*host.Parent).(*mo.ComputeResource)
	resource.Network = append([]types.ManagedObjectReference(nil), resource.Network...)
	host.Network = append([]types.ManagedObjectReference(nil), resource.Network...)
	summary := &types.ComputeResourceSummary{}
	addHostSummary(summary, host)
	resource.Summary = summary
	return host, nil
}

func (b *Builder) newHost() *simulator.HostSystem {
	if b.prototype == nil {
		b.prototype = simulator.NewHostSystem(b.Ctx, esx.HostSystem)
	}
	host := &simulator.HostSystem{HostSystem: b.prototype.HostSystem}
	host.Self = types.ManagedObjectReference{Type: "HostSystem"}
	host.Vm, host.Datastore = nil, nil
	config := *host.Config
	config.Option = append([]types.BaseOptionValue(nil), config.Option...)
	host.Config = &config
	hardware := *host.Hardware
	host.Hardware = &hardware
	capability := *host.Capability
	host.Capability = &capability

	managers := []struct {
		ref    **types.ManagedObjectReference
		object mo.Reference
	}{
		{&host.ConfigManager.DatastoreSystem, &simulator.HostDatastoreSystem{Host: &host.HostSystem}},
		{&host.ConfigManager.NetworkSystem, simulator.NewHostNetworkSystem(&host.HostSystem)},
		{&host.ConfigManager.VirtualNicManager, simulator.NewHostVirtualNicManager(&host.HostSystem)},
		{&host.ConfigManager.AdvancedOption, simulator.NewOptionManager(nil, nil, &host.Config.Option)},
		{&host.ConfigManager.FirewallSystem, simulator.NewHostFirewallSystem(&host.HostSystem)},
		{&host.ConfigManager.StorageSystem, simulator.NewHostStorageSystem(&host.HostSystem)},
	}
	for _, manager := range managers {
		ref := b.Map.Put(manager.object).Reference()
		*manager.ref = &ref
	}
	return host
}

// shape writes a server's model, size and version into all the places where vCenter repeats them.
func (b *Builder) shape(host *simulator.HostSystem, name string, shape HostShape) {
	id := b.UUID()
	host.Name = name
	host.Config.Host = host.Self
	product := host.Config.Product
	product.Version, product.Build = shape.Version, shape.Build
	product.ApiVersion = shape.Version + ".0"
	product.FullName = fmt.Sprintf("VMware ESXi %s build-%s", shape.Version, shape.Build)
	host.Config.Product = product

	hardware := types.HostHardwareSummary{}
	if host.Summary.Hardware != nil {
		hardware = *host.Summary.Hardware
	}
	hardware.Vendor, hardware.Model, hardware.CpuModel = shape.Vendor, shape.Model, shape.CPUModel
	hardware.Uuid = id
	hardware.NumCpuPkgs, hardware.NumCpuCores, hardware.NumCpuThreads = shape.Sockets, shape.Cores, shape.Threads
	hardware.CpuMhz = shape.MHz
	hardware.MemorySize = shape.MemoryGiB << 30
	host.Summary.Hardware = &hardware
	host.Summary.Host = &host.Self
	host.Summary.Config.Name = name
	host.Summary.Config.Product = &product
	host.Summary.Runtime = &host.Runtime
	host.Summary.OverallStatus = types.ManagedEntityStatusGreen
	boot := Epoch.AddDate(0, 0, -40)
	host.Runtime.BootTime = &boot
	host.Summary.QuickStats.OverallCpuUsage = int32(shape.Cores) * shape.MHz / 4
	host.Summary.QuickStats.OverallMemoryUsage = int32(shape.MemoryGiB) * 1024 / 2
	host.Summary.QuickStats.Uptime = 40 * 24 * 3600

	system := host.Hardware.SystemInfo
	system.Uuid, system.Vendor, system.Model = id, shape.Vendor, shape.Model
	host.Hardware.SystemInfo = system
	host.Hardware.CpuInfo.NumCpuPackages = shape.Sockets
	host.Hardware.CpuInfo.NumCpuCores = shape.Cores
	host.Hardware.CpuInfo.NumCpuThreads = shape.Threads
	host.Hardware.CpuInfo.Hz = int64(shape.MHz) * 1_000_000
	host.Hardware.MemorySize = shape.MemoryGiB << 30
}

func addHostSummary(summary *types.ComputeResourceSummary, host *simulator.HostSystem) {
	hardware := host.Summary.Hardware
	mhz := int32(hardware.NumCpuCores) * hardware.CpuMhz
	summary.TotalCpu += mhz
	summary.EffectiveCpu += mhz
	summary.TotalMemory += hardware.MemorySize
	summary.EffectiveMemory += hardware.MemorySize >> 20 // MiB, unlike TotalMemory (API reference)
	summary.NumCpuCores += hardware.NumCpuCores
	summary.NumCpuThreads += hardware.NumCpuThreads
	summary.NumHosts++
	summary.NumEffectiveHosts++
	summary.OverallStatus = types.ManagedEntityStatusGreen
}
