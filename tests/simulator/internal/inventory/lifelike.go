package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// clusterPlan is a cluster as a site has it.
type clusterPlan struct {
	Name  string
	Hosts int
	Shape int
	// Shared is how many datastores all its hosts mount; Local gives every host one of its own.
	Shared int
	Local  bool
	// Pod puts the shared datastores in a datastore cluster of this name.
	Pod string
	// VSAN adds a vSAN datastore.
	VSAN bool
	// Pools are resource pools; "A/B" is B inside A.
	Pools []string
	// Weight is the part of the machines that run here.
	Weight int
}

// sitePlan is a datacenter as a company has it.
type sitePlan struct {
	Parent, Name, Code string
	Subnet             int
	Clusters           []clusterPlan
	Standalone         []string
}

var sites = []sitePlan{
	{"Europe", "Frankfurt", "fra", 10, []clusterPlan{
		{"prod-01", 6, 0, 3, true, "sdrs-prod-01", false, []string{"Gold", "Gold/Payments", "Silver", "Bronze"}, 10},
		{"prod-02", 4, 1, 2, true, "", false, []string{"Gold", "Silver"}, 7},
		{"mgmt-01", 3, 2, 0, false, "", true, []string{"Infrastructure"}, 3},
	}, []string{"esx-backup-01"}},
	{"Europe", "München", "muc", 20, []clusterPlan{
		{"edge-01", 3, 2, 2, true, "", false, []string{"Plant", "Office"}, 4},
	}, nil},
	{"Americas", "Ashburn", "iad", 30, []clusterPlan{
		{"dev-01", 4, 1, 2, true, "sdrs-dev-01", false, []string{"Developers", "CI"}, 6},
		{"gpu-01", 2, 0, 1, false, "", false, []string{"Research"}, 1},
	}, []string{"esx-lab-01", "esx-lab-02"}},
}

// site is a datacenter that was built, with what machines need of it.
type site struct {
	plan      sitePlan
	dc        *simulator.Datacenter
	clusters  []*clusterSite
	folders   map[string]*simulator.Folder
	networks  map[string]mo.Entity
	addresses int
}

// clusterSite is a cluster, or a standalone host, that was built.
type clusterSite struct {
	plan   clusterPlan
	hosts  []*simulator.HostSystem
	stores []*simulator.Datastore
	pools  []*simulator.ResourcePool
	turn   int
}

// Lifelike makes an inventory as a company has it: datacenters in folders, clusters, standalone hosts, pools, shared and
// local storage, distributed and standard networks, and about count machines of many roles.
func (b *Builder) Lifelike(count int) error {
	_, err := b.lifelike(count)
	return err
}

func (b *Builder) lifelike(count int) ([]*site, error) {
	parents := make(map[string]*simulator.Folder)
	var built []*site
	for _, plan := range sites {
		parent := parents[plan.Parent]
		if parent == nil {
			parent = b.Folder(b.Root, plan.Parent)
			parents[plan.Parent] = parent
		}
		site, err := b.site(parent, plan)
		if err != nil {
			return nil, err
		}
		built = append(built, site)
	}
	fields, err := b.customFields()
	if err != nil {
		return nil, err
	}
	b.templates(built)
	b.population(built, count, fields)
	return built, nil
}

func (b *Builder) site(parent *simulator.Folder, plan sitePlan) (*site, error) {
	s := &site{plan: plan, dc: b.Datacenter(parent, plan.Name)}
	hostFolder := b.folder(s.dc.HostFolder)
	production := b.Folder(hostFolder, "Clusters")
	var all []*simulator.HostSystem
	for _, cluster := range plan.Clusters {
		made, err := b.siteCluster(s, production, cluster)
		if err != nil {
			return nil, err
		}
		s.clusters = append(s.clusters, made)
		all = append(all, made.hosts...)
	}
	for i, name := range plan.Standalone {
		host, err := b.StandaloneHost(hostFolder, fmt.Sprintf("%s.%s.example.com", name, plan.Code), hostShapes[(i+2)%len(hostShapes)])
		if err != nil {
			return nil, err
		}
		store, err := b.Datastore(s.dc, b.folder(s.dc.DatastoreFolder), DatastoreSpec{
			Name: name + "-" + plan.Code + "-local", Type: "VMFS", CapacityGiB: 3600, FreeGiB: 2100, Hosts: []*simulator.HostSystem{host},
		})
		if err != nil {
			return nil, err
		}
		s.clusters = append(s.clusters, &clusterSite{
			plan: clusterPlan{Name: name, Weight: 1}, hosts: []*simulator.HostSystem{host},
			stores: []*simulator.Datastore{store}, pools: []*simulator.ResourcePool{b.rootPool(b.ComputeResource(host))},
		})
		all = append(all, host)
	}
	if err := b.siteNFS(s, all); err != nil {
		return nil, err
	}
	b.siteNetworks(s, all)
	b.siteFolders(s)
	return s, nil
}

func (b *Builder) siteCluster(s *site, folder *simulator.Folder, plan clusterPlan) (*clusterSite, error) {
	name := s.plan.Code + "-" + plan.Name
	cluster, err := b.Cluster(folder, name)
	if err != nil {
		return nil, err
	}
	made := &clusterSite{plan: plan}
	for i := range plan.Hosts {
		host := fmt.Sprintf("esx-%s-%02d.%s.example.com", plan.Name, i+1, s.plan.Code)
		made.hosts = append(made.hosts, b.HostInCluster(cluster, host, hostShapes[plan.Shape]))
	}
	stores := b.folder(s.dc.DatastoreFolder)
	var pod *simulator.StoragePod
	if plan.Pod != "" {
		pod = b.StoragePod(stores, plan.Pod)
	}
	for i := range plan.Shared {
		store, err := b.Datastore(s.dc, stores, DatastoreSpec{
			Name: fmt.Sprintf("%s-san-%02d", name, i+1), Type: "VMFS", CapacityGiB: 10240, FreeGiB: int64(3000 + 700*i), Hosts: made.hosts, Pod: pod,
		})
		if err != nil {
			return nil, err
		}
		made.stores = append(made.stores, store)
	}
	if plan.VSAN {
		store, err := b.Datastore(s.dc, stores, DatastoreSpec{
			Name: name + "-vsan", Type: "vsan", CapacityGiB: 20480, FreeGiB: 12000, Hosts: made.hosts,
		})
		if err != nil {
			return nil, err
		}
		made.stores = append(made.stores, store)
	}
	if plan.Local {
		local := b.Folder(stores, "Local "+name)
		for i, host := range made.hosts {
			_, err := b.Datastore(s.dc, local, DatastoreSpec{
				Name: fmt.Sprintf("%s-%02d-local", name, i+1), Type: "VMFS", CapacityGiB: 446, FreeGiB: 400, Hosts: []*simulator.HostSystem{host},
			})
			if err != nil {
				return nil, err
			}
		}
	}
	made.pools = b.sitePools(b.rootPool(&cluster.ComputeResource), plan.Pools)
	return made, nil
}

// sitePools makes resource pools by their paths.
func (b *Builder) sitePools(root *simulator.ResourcePool, paths []string) []*simulator.ResourcePool {
	byPath := make(map[string]*simulator.ResourcePool)
	pools := []*simulator.ResourcePool{root}
	for _, path := range paths {
		parent, name := root, path
		for i := len(path) - 1; i >= 0; i-- {
			if path[i] == '/' {
				parent, name = byPath[path[:i]], path[i+1:]
				break
			}
		}
		spec := types.DefaultResourceConfigSpec()
		if name == "Gold" {
			spec.CpuAllocation.Shares = &types.SharesInfo{Level: types.SharesLevelHigh, Shares: 8000}
			spec.MemoryAllocation.Reservation = types.NewInt64(65536)
		}
		byPath[path] = b.Pool(parent, name, spec)
		pools = append(pools, byPath[path])
	}
	return pools
}

// siteNFS makes an export that every host of the site mounts.
func (b *Builder) siteNFS(s *site, hosts []*simulator.HostSystem) error {
	store, err := b.Datastore(s.dc, b.folder(s.dc.DatastoreFolder), DatastoreSpec{
		Name: s.plan.Code + "-nfs-iso", Type: "NFS", CapacityGiB: 4096, FreeGiB: 1500, Hosts: hosts,
		Remote: "nas-01." + s.plan.Code + ".example.com:/export/iso",
	})
	if err != nil {
		return err
	}
	for _, cluster := range s.clusters {
		if len(cluster.stores) == 0 {
			cluster.stores = append(cluster.stores, store)
		}
	}
	return nil
}

// siteVLANs are a site's port groups.
var siteVLANs = []PortGroup{
	{Name: "web", VLAN: 101}, {Name: "app", VLAN: 102}, {Name: "db", VLAN: 103}, {Name: "dmz", VLAN: 110},
	{Name: "infra", VLAN: 20}, {Name: "backup", VLAN: 30}, {Name: "clients", VLAN: 200},
	{Name: "trunk", Trunk: true}, {Name: "isolated", PrivateVLAN: 301},
}

func (b *Builder) siteNetworks(s *site, hosts []*simulator.HostSystem) {
	folder := b.folder(s.dc.NetworkFolder)
	s.networks = make(map[string]mo.Entity)
	standard := b.standardNetwork(s.dc, "VM Network")
	b.connect(standard, hosts)
	s.networks["VM Network"] = standard
	s.networks["Management"] = b.StandardNetwork(s.dc, folder, "Management Network", hosts)
	switches := b.Folder(folder, "Switches")
	dvs := b.Switch(s.dc, switches, "dvs-"+s.plan.Code+"-01", hosts)
	for _, spec := range siteVLANs {
		name := spec.Name
		spec.Name = fmt.Sprintf("%s-%s", s.plan.Code, name)
		if spec.VLAN != 0 {
			spec.Name = fmt.Sprintf("%s-%s-%d", s.plan.Code, name, spec.VLAN)
		}
		s.networks[name] = b.PortGroup(s.dc, switches, dvs, spec, hosts)
	}
}

func (b *Builder) siteFolders(s *site) {
	root := b.folder(s.dc.VmFolder)
	s.folders = map[string]*simulator.Folder{"": root}
	for _, path := range []string{
		"Applications", "Applications/Shop", "Applications/Shop/Production", "Applications/Shop/Staging", "Applications/Payments",
		"Applications/ERP", "Databases", "Infrastructure", "Infrastructure/Directory", "Infrastructure/Monitoring", "Kubernetes",
		"Desktops", "Templates", "Tenants", "Tenants/acme", "Tenants/globex",
	} {
		for i := len(path) - 1; i >= -1; i-- {
			if i == -1 {
				s.folders[path] = b.Folder(root, path)
			} else if path[i] == '/' {
				s.folders[path] = b.Folder(s.folders[path[:i]], path[i+1:])
				break
			}
		}
	}
}

// customFields defines attributes as operators do and returns their keys by name.
func (b *Builder) customFields() (map[string]int32, error) {
	manager := b.Map.CustomFieldsManager()
	keys := make(map[string]int32)
	for _, field := range []struct{ name, kind string }{
		{"Owner", "VirtualMachine"}, {"Cost center", "VirtualMachine"}, {"Backup", ""}, {"Rack", "HostSystem"},
	} {
		body := manager.AddCustomFieldDef(b.Ctx, &types.AddCustomFieldDef{This: manager.Self, Name: field.name, MoType: field.kind})
		key, ok := customFieldKey(body)
		if !ok {
			return nil, fmt.Errorf("define the attribute %s", field.name)
		}
		keys[field.name] = key
	}
	for _, host := range b.Map.All("HostSystem") {
		sum := 0
		for _, c := range host.Entity().Name {
			sum += int(c)
		}
		setCustomValues(host.Entity(), types.CustomFieldStringValue{
			CustomFieldValue: types.CustomFieldValue{Key: keys["Rack"]}, Value: fmt.Sprintf("R%02d", sum%24),
		})
	}
	return keys, nil
}

// setCustomValues writes attribute values to both places where vCenter shows them.
func setCustomValues(entity *mo.ManagedEntity, values ...types.CustomFieldStringValue) {
	for i := range values {
		entity.CustomValue = append(entity.CustomValue, &values[i])
		entity.Value = append(entity.Value, &values[i])
	}
}
