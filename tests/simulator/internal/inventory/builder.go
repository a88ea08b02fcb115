// Package inventory fills a simulator registry: datacenters, clusters, hosts, storage, networks, virtual machines.
//
// Objects are made directly and put into the registry, not by tasks through the API: a virtual machine by a task costs
// 20 to 40 ms, one put directly some ten microseconds. The invariant that this package keeps is the one that the tasks
// keep: references go both ways (a machine is in its folder, pool, host, datastores and networks, and names them), and
// Summary repeats what Config, Runtime and Guest say.
package inventory

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Epoch is the time at which everything that is built "was" created, so that one seed gives one inventory.
var Epoch = time.Date(2025, time.March, 3, 8, 0, 0, 0, time.UTC)

// Builder puts objects into a registry. It is not safe for use from several goroutines.
type Builder struct {
	Map *simulator.Registry
	Ctx *simulator.Context
	// Root is the vCenter's root folder.
	Root *simulator.Folder
	// Home is a directory on this machine under which every datastore has a directory of its own.
	Home string

	random     *rand.Rand
	machines   []*simulator.VirtualMachine
	datastores int
	shared     bool
	prototype  *simulator.HostSystem
	defaults   *defaultDevices
}

// NewBuilder returns a builder whose choices and UUIDs depend on the seed alone.
func NewBuilder(ctx *simulator.Context, root *simulator.Folder, home string, seed uint64) *Builder {
	return &Builder{
		Map:    ctx.Map,
		Ctx:    ctx,
		Root:   root,
		Home:   home,
		random: rand.New(rand.NewPCG(seed, 0x5eed)),
	}
}

// Skip leaves out so many numbers for references, so that the same objects get other ones.
func (b *Builder) Skip(count int) {
	for range count {
		b.Map.NewEntity(&simulator.Folder{})
	}
}

// Machines returns the virtual machines built so far, in the order of building.
func (b *Builder) Machines() []*simulator.VirtualMachine { return b.machines }

// UUID returns the next UUID of the builder's sequence.
func (b *Builder) UUID() string {
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], b.random.Uint64())
	binary.BigEndian.PutUint64(id[8:], b.random.Uint64())
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// pick returns one of the values.
func pick[T any](b *Builder, values []T) T { return values[b.random.IntN(len(values))] }

// put gives the entity a reference, makes it a child of the folder, and registers it.
func (b *Builder) put(folder *mo.Folder, entity mo.Entity) {
	b.Map.NewEntity(entity)
	folder.ChildEntity = append(folder.ChildEntity, entity.Reference())
	b.Map.PutEntity(folder, entity)
}

// Datacenter makes a datacenter with its four folders.
func (b *Builder) Datacenter(parent *simulator.Folder, name string) *simulator.Datacenter {
	dc := simulator.NewDatacenter(b.Ctx, &parent.Folder)
	dc.Name = name
	return dc
}

// Folder makes a folder inside another one; it may contain what its parent may contain.
func (b *Builder) Folder(parent *simulator.Folder, name string) *simulator.Folder {
	folder := &simulator.Folder{}
	folder.Name = name
	folder.ChildType = parent.ChildType
	b.put(&parent.Folder, folder)
	return folder
}

// folder returns one of a datacenter's own folders.
func (b *Builder) folder(ref types.ManagedObjectReference) *simulator.Folder {
	return b.Map.Get(ref).(*simulator.Folder)
}

// Cluster makes a cluster with its root resource pool and no host.
func (b *Builder) Cluster(folder *simulator.Folder, name string) (*simulator.ClusterComputeResource, error) {
	cluster, fault := simulator.CreateClusterComputeResource(b.Ctx, folder, name, types.ClusterConfigSpecEx{})
	if fault != nil {
		return nil, fmt.Errorf("create cluster %s: %T", name, fault)
	}
	enabled := true
	config := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx)
	config.DasConfig.Enabled = &enabled
	config.DasConfig.AdmissionControlEnabled = &enabled
	config.DrsConfig.DefaultVmBehavior = types.DrsBehaviorFullyAutomated
	cluster.Network = append([]types.ManagedObjectReference(nil), cluster.Network...)
	root := b.rootPool(&cluster.ComputeResource)
	spec := types.DefaultResourceConfigSpec()
	spec.Entity = &root.Self
	root.Config = spec
	root.Summary = &types.ResourcePoolSummary{Name: root.Name, Config: spec, Runtime: root.Runtime}
	return cluster, nil
}

// Pool makes a resource pool inside another one.
func (b *Builder) Pool(parent *simulator.ResourcePool, name string, spec types.ResourceConfigSpec) *simulator.ResourcePool {
	pool := simulator.NewResourcePool(b.Ctx)
	pool.Name = name
	pool.Owner = parent.Owner
	pool.Config.CpuAllocation = spec.CpuAllocation
	pool.Config.MemoryAllocation = spec.MemoryAllocation
	pool.Summary = &types.ResourcePoolSummary{
		Name:    name,
		Config:  pool.Config,
		Runtime: pool.Runtime,
	}
	b.Map.NewEntity(pool)
	pool.Config.Entity = &pool.Self
	parent.ResourcePool.ResourcePool = append(parent.ResourcePool.ResourcePool, pool.Self)
	b.Map.PutEntity(parent, pool)
	return pool
}

// VApp makes a virtual appliance: a resource pool that is started and stopped as one.
func (b *Builder) VApp(parent *simulator.ResourcePool, folder *simulator.Folder, name string) *simulator.VirtualApp {
	pool := simulator.NewResourcePool(b.Ctx)
	app := &simulator.VirtualApp{}
	app.ResourcePool = pool.ResourcePool
	app.Self = types.ManagedObjectReference{Type: "VirtualApp"}
	app.Name = name
	app.Owner = parent.Owner
	app.ParentFolder = &folder.Self
	app.DisabledMethod = nil
	b.Map.NewEntity(app)
	spec := types.DefaultResourceConfigSpec()
	spec.Entity = &app.Self
	app.Config = spec
	app.Summary = &types.VirtualAppSummary{
		ResourcePoolSummary: types.ResourcePoolSummary{Name: name, Config: spec, Runtime: app.Runtime},
		Product:             &types.VAppProductInfo{Name: name, Vendor: "Example AG", Version: "4.2"},
		VAppState:           types.VirtualAppVAppStateStarted,
	}
	app.VAppConfig = &types.VAppConfigInfo{
		VmConfigInfo: types.VmConfigInfo{Product: []types.VAppProductInfo{{Name: name, Vendor: "Example AG", Version: "4.2"}}},
		Annotation:   "three tiers, started in order",
		InstanceUuid: b.UUID(),
	}
	parent.ResourcePool.ResourcePool = append(parent.ResourcePool.ResourcePool, app.Self)
	b.Map.PutEntity(parent, app)
	return app
}

// rootPool returns the root resource pool of a cluster or standalone host.
func (b *Builder) rootPool(resource *mo.ComputeResource) *simulator.ResourcePool {
	return b.Map.Get(*resource.ResourcePool).(*simulator.ResourcePool)
}

// StoragePod makes a datastore cluster.
func (b *Builder) StoragePod(folder *simulator.Folder, name string) *simulator.StoragePod {
	pod := &simulator.StoragePod{}
	pod.Name = name
	pod.ChildType = []string{"Datastore"}
	pod.Summary = &types.StoragePodSummary{Name: name}
	pod.PodStorageDrsEntry = &types.PodStorageDrsEntry{}
	pod.PodStorageDrsEntry.StorageDrsConfig.PodConfig = types.StorageDrsPodConfigInfo{
		Enabled:              true,
		IoLoadBalanceEnabled: true,
		DefaultVmBehavior:    string(types.StorageDrsPodConfigInfoBehaviorAutomated),
	}
	b.put(&folder.Folder, pod)
	return pod
}

// Shared says whether machines share what never changes, to save memory in large inventories.
func (b *Builder) Shared() bool { return b.shared }

// directory makes the directory that stands for a datastore's content.
func (b *Builder) directory(id string) (string, error) {
	path := filepath.Join(b.Home, "vmfs", "volumes", id)
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("make the directory of a datastore: %w", err)
	}
	return path, nil
}

// yes and no are what all optional truth values point to: property updates replace pointers, they never write through.
var yes, no = true, false

func flag(value bool) *bool {
	if value {
		return &yes
	}
	return &no
}
