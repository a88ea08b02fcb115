package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// role is what a machine is for, which decides its name, size, place and guest.
type role struct {
	name, folder, network string
	extra                 string // a second card's network
	cpus, memoryGiB       int32
	disks                 []int64
	guest                 int
	owner, center         string
}

var roles = []role{
	{"shop-web", "Applications/Shop/Production", "web", "", 4, 8, []int64{40}, 0, "shop-team", "4711"},
	{"shop-api", "Applications/Shop/Production", "app", "", 4, 16, []int64{40, 80}, 0, "shop-team", "4711"},
	{"shop-web-stg", "Applications/Shop/Staging", "web", "", 2, 4, []int64{40}, 0, "shop-team", "4711"},
	{"pay-core", "Applications/Payments", "app", "db", 8, 32, []int64{60, 200}, 2, "payments", "4712"},
	{"erp-app", "Applications/ERP", "app", "", 8, 64, []int64{100, 300}, 3, "erp", "4800"},
	{"erp-db", "Databases", "db", "backup", 16, 128, []int64{80, 500, 500, 200}, 5, "erp", "4800"},
	{"pg", "Databases", "db", "backup", 8, 32, []int64{40, 400, 100}, 1, "dba", "4900"},
	{"mssql", "Databases", "db", "backup", 8, 48, []int64{100, 300, 150, 80}, 4, "dba", "4900"},
	{"dc", "Infrastructure/Directory", "infra", "", 2, 8, []int64{80}, 3, "it", "1000"},
	{"dns", "Infrastructure", "infra", "", 1, 2, []int64{20}, 1, "it", "1000"},
	{"mon", "Infrastructure/Monitoring", "infra", "", 4, 16, []int64{40, 500}, 1, "it", "1000"},
	{"log", "Infrastructure/Monitoring", "infra", "", 8, 32, []int64{40, 1000, 1000}, 2, "it", "1000"},
	{"k8s-cp", "Kubernetes", "app", "", 4, 16, []int64{60}, 0, "platform", "2000"},
	{"k8s-worker", "Kubernetes", "app", "", 8, 64, []int64{60, 200}, 0, "platform", "2000"},
	{"k8s-worker-gpu", "Kubernetes", "app", "", 16, 128, []int64{60, 400}, 0, "platform", "2000"},
	{"vdi", "Desktops", "clients", "", 2, 8, []int64{80}, 4, "workplace", "3000"},
	{"acme-app", "Tenants/acme", "isolated", "", 2, 4, []int64{30}, 6, "acme", "9001"},
	{"globex-app", "Tenants/globex", "isolated", "", 2, 4, []int64{30, 10}, 1, "globex", "9002"},
	{"fw", "Infrastructure", "dmz", "trunk", 2, 4, []int64{16}, 7, "network", "1100"},
	{"jump", "Infrastructure", "dmz", "infra", 2, 4, []int64{40}, 2, "it", "1000"},
}

// population makes the machines: the roles over and over, on the sites' clusters by their weights.
func (b *Builder) population(built []*site, count int, fields map[string]int32) {
	type slot struct {
		site    *site
		cluster *clusterSite
	}
	var slots []slot
	for _, s := range built {
		for _, cluster := range s.clusters {
			for range cluster.plan.Weight {
				slots = append(slots, slot{s, cluster})
			}
		}
	}
	numbers := make(map[string]int)
	for i := range count {
		place := slots[b.random.IntN(len(slots))]
		r := roles[i%len(roles)]
		key := place.site.plan.Code + r.name
		numbers[key]++
		vm := b.roleMachine(place.site, place.cluster, r, numbers[key])
		values := []types.CustomFieldStringValue{
			{CustomFieldValue: types.CustomFieldValue{Key: fields["Owner"]}, Value: r.owner},
			{CustomFieldValue: types.CustomFieldValue{Key: fields["Cost center"]}, Value: r.center},
		}
		if r.extra == "backup" {
			values = append(values, types.CustomFieldStringValue{CustomFieldValue: types.CustomFieldValue{Key: fields["Backup"]}, Value: "daily"})
		}
		setCustomValues(vm.Entity(), values...)
		vm.Summary.CustomValue = vm.CustomValue
		b.snapshots(vm, i)
	}
}

func (b *Builder) roleMachine(s *site, cluster *clusterSite, r role, number int) *simulator.VirtualMachine {
	host := cluster.hosts[cluster.turn%len(cluster.hosts)]
	cluster.turn++
	guest := Guests[r.guest]
	spec := VMSpec{
		Name:   fmt.Sprintf("%s-%s-%02d", s.plan.Code, r.name, number),
		Folder: s.folders[r.folder], Host: host, Pool: pick(b, cluster.pools), Store: pick(b, cluster.stores),
		CPUs: r.cpus, MemoryMiB: r.memoryGiB * 1024, Guest: guest,
		Power: types.VirtualMachinePowerStatePoweredOn, Tools: ToolsRunning,
		Note:  fmt.Sprintf("%s of %s, cost center %s", r.name, r.owner, r.center),
		Cards: []Card{{Network: s.networks[r.network]}},
	}
	for i, size := range r.disks {
		spec.Disks = append(spec.Disks, Disk{CapacityGiB: size, Thick: i > 0 && r.extra == "backup"})
	}
	spec.IPs = append(spec.IPs, []string{s.address(r.network)})
	if guest.Family == "linuxGuest" {
		spec.IPs[0] = append(spec.IPs[0], fmt.Sprintf("fe80::250:56ff:fe%02x:%04x", number&0xff, s.addresses))
	}
	if r.extra != "" {
		spec.Cards = append(spec.Cards, Card{Network: s.networks[r.extra], Kind: "e1000e"})
		spec.IPs = append(spec.IPs, []string{s.address(r.extra)})
	}
	switch n := b.random.IntN(20); {
	case n < 3:
		spec.Power = types.VirtualMachinePowerStatePoweredOff
	case n == 3:
		spec.Tools = ToolsNotRunning
	case n == 4:
		spec.Tools = ToolsNotInstalled
	}
	return b.VM(spec)
}

// address is the next free one of a site's network.
func (s *site) address(network string) string {
	s.addresses++
	third := 0
	for i, vlan := range siteVLANs {
		if vlan.Name == network {
			third = i + 1
		}
	}
	return fmt.Sprintf("10.%d.%d.%d", s.plan.Subnet+third, s.addresses/250, 1+s.addresses%250)
}

// snapshots gives some machines one snapshot, some a chain, and some a tree.
func (b *Builder) snapshots(vm *simulator.VirtualMachine, index int) {
	switch index % 12 {
	case 3:
		b.Snapshot(vm, 0, "before patch day", "made by the patch robot")
	case 7:
		first := b.Snapshot(vm, 0, "installed", "")
		second := b.Snapshot(vm, first, "configured", "after the first run")
		b.Snapshot(vm, second, "before upgrade", "")
	case 11:
		first := b.Snapshot(vm, 0, "base", "")
		b.Snapshot(vm, first, "try A", "")
		b.Snapshot(vm, first, "try B", "kept for comparison")
		b.Snapshot(vm, 0, "second root", "")
	}
}

// templates makes a set of templates at every site.
func (b *Builder) templates(built []*site) {
	for _, s := range built {
		cluster := s.clusters[0]
		for i, guest := range Guests[:4] {
			b.VM(VMSpec{
				Name:   []string{"tpl-ubuntu-24.04", "tpl-debian-12", "tpl-rhel-9", "tpl-windows-2022"}[i],
				Folder: s.folders["Templates"], Host: cluster.hosts[i%len(cluster.hosts)], Store: cluster.stores[0],
				CPUs: 2, MemoryMiB: 4096, Guest: guest, Template: true, Power: types.VirtualMachinePowerStatePoweredOff,
				Disks: []Disk{{CapacityGiB: 20 + 20*int64(i)}}, Cards: []Card{{Network: s.networks["VM Network"]}},
				Note: "golden image, rebuilt monthly",
			})
		}
	}
}

// customFieldKey takes the new attribute's key out of the answer.
func customFieldKey(body soap.HasFault) (int32, bool) {
	answer, ok := body.(*methods.AddCustomFieldDefBody)
	if !ok || answer.Res == nil {
		return 0, false
	}
	return answer.Res.Returnval.Key, true
}
