// Package policy is the storage policy service (PBM): govmomi's, which lists policies, with what vCenter's tells besides:
// which machines and disks have one, and whether they comply.
package policy

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/pbm/methods"
	pbm "github.com/vmware/govmomi/pbm/simulator"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/live"
)

// Object is a machine's home ("vm-12") or one of its disks ("vm-12:2000").
type Object string

// Home is a machine's home.
func Home(vm types.ManagedObjectReference) Object { return Object(vm.Value) }

// Disk is a machine's disk, by its device key.
func Disk(vm types.ManagedObjectReference, key int32) Object {
	return Object(fmt.Sprintf("%s:%d", vm.Value, key))
}

func (o Object) reference() pbmtypes.PbmServerObjectRef {
	kind := pbmtypes.PbmObjectTypeVirtualMachine
	if strings.Contains(string(o), ":") {
		kind = pbmtypes.PbmObjectTypeVirtualDiskId
	}
	return pbmtypes.PbmServerObjectRef{ObjectType: string(kind), Key: string(o)}
}

// Policies is the service.
type Policies struct {
	inventory *live.Inventory
	manager   *manager

	mu sync.Mutex
	of map[Object]string // the policy's id
}

// Install puts the service over govmomi's.
func Install(service *simulator.Service, inventory *live.Inventory) *Policies {
	p := &Policies{inventory: inventory, of: make(map[Object]string)}
	registry := pbm.New()
	root := types.ManagedObjectReference{Type: "PbmProfileProfileManager", Value: "ProfileManager"}
	p.manager = &manager{ProfileManager: registry.Get(root).(*pbm.ProfileManager), policies: p}
	registry.Put(p.manager)
	registry.Put(&compliance{
		ManagedObjectReference: types.ManagedObjectReference{Type: "PbmComplianceManager", Value: "complianceManager"}, policies: p,
	})
	service.RegisterSDK(registry)
	return p
}

// Apply gives an object a policy, by the policy's name or id; the empty policy takes it away.
func (p *Policies) Apply(object Object, policy string) error {
	id, err := p.id(policy)
	if err != nil {
		return err
	}
	if !p.exists(object) {
		return fmt.Errorf("%s: %w", object, live.ErrNotFound)
	}
	p.set(object, id)
	return nil
}

func (p *Policies) id(policy string) (string, error) {
	if policy == "" {
		return "", nil
	}
	for _, profile := range p.manager.all() {
		if profile.Name == policy || profile.ProfileId.UniqueId == policy {
			return profile.ProfileId.UniqueId, nil
		}
	}
	return "", fmt.Errorf("storage policy %q: %w", policy, live.ErrNotFound)
}

func (p *Policies) set(object Object, id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if id == "" {
		delete(p.of, object)
	} else {
		p.of[object] = id
	}
}

// exists says whether the machine is there, and has the disk.
func (p *Policies) exists(object Object) bool {
	machine, disk, isDisk := strings.Cut(string(object), ":")
	ref := types.ManagedObjectReference{Type: "VirtualMachine", Value: machine}
	vm, ok := p.inventory.Map().Get(ref).(*simulator.VirtualMachine)
	if !ok || !isDisk || vm.Config == nil {
		return ok && !isDisk
	}
	for _, device := range vm.Config.Hardware.Device {
		if d, ok := device.(*types.VirtualDisk); ok && strconv.Itoa(int(d.Key)) == disk {
			return true
		}
	}
	return false
}

// Applied is what has which policy, without what is gone.
func (p *Policies) Applied() map[Object]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	applied := make(map[Object]string, len(p.of))
	for object, id := range p.of {
		if machine, _, _ := strings.Cut(string(object), ":"); p.exists(Object(machine)) {
			applied[object] = id
		}
	}
	return applied
}

func (p *Policies) get(ref pbmtypes.PbmServerObjectRef) []pbmtypes.PbmProfileId {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, ok := p.of[Object(ref.Key)]
	if !ok || Object(ref.Key).reference().ObjectType != ref.ObjectType {
		return nil
	}
	return []pbmtypes.PbmProfileId{{UniqueId: id}}
}

// manager answers which object has which policy.
type manager struct {
	*pbm.ProfileManager
	policies *Policies
}

func (m *manager) all() []*pbmtypes.PbmCapabilityProfile {
	var all []*pbmtypes.PbmCapabilityProfile
	answer := m.PbmQueryProfileDetails(&pbmtypes.PbmQueryProfileDetails{}).(*methods.PbmQueryProfileDetailsBody)
	for _, details := range answer.Res.Returnval {
		if profile, ok := details.Profile.(pbmtypes.BasePbmCapabilityProfile); ok {
			all = append(all, profile.GetPbmCapabilityProfile())
		}
	}
	return all
}

// PbmQueryAssociatedProfile tells the policy of one object.
func (m *manager) PbmQueryAssociatedProfile(req *pbmtypes.PbmQueryAssociatedProfile) soap.HasFault {
	return &methods.PbmQueryAssociatedProfileBody{
		Res: &pbmtypes.PbmQueryAssociatedProfileResponse{Returnval: m.policies.get(req.Entity)},
	}
}

// PbmQueryAssociatedProfiles tells the policies of several objects, and leaves out those without one.
func (m *manager) PbmQueryAssociatedProfiles(req *pbmtypes.PbmQueryAssociatedProfiles) soap.HasFault {
	res := &pbmtypes.PbmQueryAssociatedProfilesResponse{}
	for _, entity := range req.Entities {
		if ids := m.policies.get(entity); ids != nil {
			res.Returnval = append(res.Returnval, pbmtypes.PbmQueryProfileResult{Object: entity, ProfileId: ids})
		}
	}
	return &methods.PbmQueryAssociatedProfilesBody{Res: res}
}

// PbmQueryAssociatedEntity tells the objects of a type that have a policy.
func (m *manager) PbmQueryAssociatedEntity(req *pbmtypes.PbmQueryAssociatedEntity) soap.HasFault {
	body := &methods.PbmQueryAssociatedEntityBody{}
	if id, err := m.policies.id(req.Profile.UniqueId); err != nil || id == "" {
		body.Fault_ = simulator.Fault("", &types.InvalidArgument{InvalidProperty: "profile"})
		return body
	}
	body.Res = &pbmtypes.PbmQueryAssociatedEntityResponse{}
	for object, id := range m.policies.Applied() {
		ref := object.reference()
		if id == req.Profile.UniqueId && (req.EntityType == "" || req.EntityType == ref.ObjectType) {
			body.Res.Returnval = append(body.Res.Returnval, ref)
		}
	}
	return body
}

// compliance finds that everything complies.
type compliance struct {
	types.ManagedObjectReference
	policies *Policies
}

// PbmFetchComplianceResult tells it of objects that have a policy.
func (c *compliance) PbmFetchComplianceResult(req *pbmtypes.PbmFetchComplianceResult) soap.HasFault {
	res := &pbmtypes.PbmFetchComplianceResultResponse{}
	for _, entity := range req.Entities {
		for _, id := range c.policies.get(entity) {
			res.Returnval = append(res.Returnval, pbmtypes.PbmComplianceResult{
				CheckTime: time.Now(), Entity: entity, Profile: &id, ComplianceStatus: string(pbmtypes.PbmComplianceStatusCompliant),
			})
		}
	}
	return &methods.PbmFetchComplianceResultBody{Res: res}
}
