package inventory

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// DatastoreSpec says what a datastore is.
type DatastoreSpec struct {
	Name string
	// Type is VMFS, NFS, NFS41, vsan or VVOL.
	Type        string
	CapacityGiB int64
	FreeGiB     int64
	// Hosts that mount it. More than one makes it shared.
	Hosts []*simulator.HostSystem
	// Pod is the datastore cluster that it is in, or nil.
	Pod *simulator.StoragePod
	// Remote is server:/path of an NFS export.
	Remote string
}

// Datastore makes a datastore, in the folder or in a datastore cluster, and mounts it on the hosts.
func (b *Builder) Datastore(dc *simulator.Datacenter, folder *simulator.Folder, spec DatastoreSpec) (*simulator.Datastore, error) {
	id := b.volumeID(spec.Type)
	path, err := b.directory(id)
	if err != nil {
		return nil, err
	}
	store := &simulator.Datastore{}
	store.Name = spec.Name
	shared := len(spec.Hosts) > 1
	store.Summary = types.DatastoreSummary{
		Name:               spec.Name,
		Url:                path + "/",
		Capacity:           spec.CapacityGiB << 30,
		FreeSpace:          spec.FreeGiB << 30,
		Uncommitted:        spec.CapacityGiB << 28,
		Accessible:         true,
		MultipleHostAccess: &shared,
		Type:               spec.Type,
		MaintenanceMode:    string(types.DatastoreSummaryMaintenanceModeStateNormal),
	}
	store.Capability = types.DatastoreCapability{
		DirectoryHierarchySupported:      true,
		RawDiskMappingsSupported:         spec.Type == "VMFS",
		PerFileThinProvisioningSupported: true,
		StorageIORMSupported:             spec.Type != "vsan",
		NativeSnapshotSupported:          false,
		TopLevelDirectoryCreateSupported: flag(spec.Type != "vsan"),
		SeSparseSupported:                flag(spec.Type == "VMFS"),
	}
	store.Info = datastoreInfo(spec, id, store.Summary)

	parent := &folder.Folder
	if spec.Pod != nil {
		parent = &spec.Pod.Folder
		spec.Pod.Summary.Capacity += store.Summary.Capacity
		spec.Pod.Summary.FreeSpace += store.Summary.FreeSpace
	}
	b.put(parent, store)
	store.Summary.Datastore = &store.Self
	dc.Datastore = append(dc.Datastore, store.Self)
	for _, host := range spec.Hosts {
		b.mount(store, host)
	}
	browser := &simulator.HostDatastoreBrowser{}
	browser.Datastore = []types.ManagedObjectReference{store.Self}
	store.Browser = b.Map.Put(browser).Reference()
	return store, nil
}

// mount makes the datastore one of a host's, and of the host's cluster.
func (b *Builder) mount(store *simulator.Datastore, host *simulator.HostSystem) {
	store.Host = append(store.Host, types.DatastoreHostMount{
		Key: host.Self,
		MountInfo: types.HostMountInfo{
			Path:       "/vmfs/volumes/" + volumeName(store.Summary.Url),
			AccessMode: string(types.HostMountModeReadWrite),
			Mounted:    flag(true),
			Accessible: flag(true),
		},
	})
	host.Datastore = append(host.Datastore, store.Self)
	system := b.Map.Get(*host.ConfigManager.DatastoreSystem).(*simulator.HostDatastoreSystem)
	system.Datastore = host.Datastore
	resource := b.ComputeResource(host)
	for _, ref := range resource.Datastore {
		if ref == store.Self {
			return
		}
	}
	resource.Datastore = append(resource.Datastore, store.Self)
}

// ComputeResource returns the cluster or compute resource of a host.
func (b *Builder) ComputeResource(host *simulator.HostSystem) *mo.ComputeResource {
	switch parent := b.Map.Get(*host.Parent).(type) {
	case *simulator.ClusterComputeResource:
		return &parent.ComputeResource
	case *mo.ComputeResource:
		return parent
	}
	return nil
}

// volumeID makes a volume's name as the type of file system names it: VMFS like 5f1b3f2e-7c9d1e2a-4b5c-001122334455, NFS
// like 1a2b3c4d-5e6f7a8b, vSAN like vsan:52aabb….
func (b *Builder) volumeID(kind string) string {
	id := strings.ReplaceAll(b.UUID(), "-", "")
	switch {
	case strings.HasPrefix(kind, "NFS"):
		return id[:8] + "-" + id[8:16]
	case kind == "vsan":
		return "vsan:" + id[:16] + "-" + id[16:]
	case kind == "VVOL":
		return "vvol:" + id[:16] + "-" + id[16:]
	}
	return id[:8] + "-" + id[8:16] + "-" + id[16:20] + "-" + id[20:]
}

// volumeName returns the last element of a datastore's URL.
func volumeName(url string) string {
	url = strings.TrimSuffix(url, "/")
	return url[strings.LastIndexByte(url, '/')+1:]
}

func datastoreInfo(spec DatastoreSpec, id string, summary types.DatastoreSummary) types.BaseDatastoreInfo {
	stamp := Epoch
	info := types.DatastoreInfo{
		Name:                   spec.Name,
		Url:                    summary.Url,
		FreeSpace:              summary.FreeSpace,
		MaxFileSize:            64 << 40,
		MaxVirtualDiskCapacity: 62 << 40,
		Timestamp:              &stamp,
	}
	volume := types.HostFileSystemVolume{Type: spec.Type, Name: spec.Name, Capacity: summary.Capacity}
	switch {
	case strings.HasPrefix(spec.Type, "NFS"):
		server, path, _ := strings.Cut(spec.Remote, ":")
		return &types.NasDatastoreInfo{DatastoreInfo: info, Nas: &types.HostNasVolume{
			HostFileSystemVolume: volume, RemoteHost: server, RemotePath: path, RemoteHostNames: []string{server},
		}}
	case spec.Type == "vsan":
		return &types.VsanDatastoreInfo{DatastoreInfo: info, MembershipUuid: id}
	case spec.Type == "VVOL":
		return &types.VvolDatastoreInfo{DatastoreInfo: info, VvolDS: &types.HostVvolVolume{
			HostFileSystemVolume: volume, ScId: id,
		}}
	}
	return &types.VmfsDatastoreInfo{DatastoreInfo: info, MaxPhysicalRDMFileSize: 64 << 40, MaxVirtualRDMFileSize: 62 << 40,
		Vmfs: &types.HostVmfsVolume{
			HostFileSystemVolume: volume, BlockSizeMb: 1, MajorVersion: 6, Version: "6.82", Uuid: id,
			Extent: []types.HostScsiDiskPartition{{DiskName: "naa." + fmt.Sprintf("%.32s", strings.ReplaceAll(id, "-", "")), Partition: 1}},
			Ssd:    flag(true), Local: flag(len(spec.Hosts) == 1),
		}}
}
