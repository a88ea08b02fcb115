package policy

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/pbm"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Make adds storage policies of an operator's own to those that every vCenter has, and applies them to some machines:
// by far not to all, not always the same to home and disks, and to some disks only.
func (p *Policies) Make(server *simulator.Server) error {
	ctx := context.Background()
	client, err := govmomi.NewClient(ctx, server.URL, true)
	if err != nil {
		return fmt.Errorf("log in to make storage policies: %w", err)
	}
	defer func() { _ = client.Logout(ctx) }()
	storage, err := pbm.NewClient(ctx, client.Client)
	if err != nil {
		return fmt.Errorf("reach the storage policies: %w", err)
	}
	var made []string
	for _, policy := range []struct{ name, description, tag string }{
		{"Gold storage", "mirrored, fast", "Gold"},
		{"Silver storage", "mirrored", "Silver"},
		{"Langsam & günstig", "für Sicherungen", "Silver"},
	} {
		id, err := storage.CreateProfile(ctx, pbmtypes.PbmCapabilityProfileCreateSpec{
			Name: policy.name, Description: policy.description, Category: "REQUIREMENT",
			ResourceType: pbmtypes.PbmProfileResourceType{ResourceType: "STORAGE"},
			Constraints: &pbmtypes.PbmCapabilitySubProfileConstraints{SubProfiles: []pbmtypes.PbmCapabilitySubProfile{{
				Name: "Tag based placement", Capability: []pbmtypes.PbmCapabilityInstance{{
					Id: pbmtypes.PbmCapabilityMetadataUniqueId{Namespace: "http://www.vmware.com/storage/tag", Id: "Tier"},
					Constraint: []pbmtypes.PbmCapabilityConstraintInstance{{PropertyInstance: []pbmtypes.PbmCapabilityPropertyInstance{{
						Id: "com.vmware.storage.tag.Tier.property", Value: policy.tag,
					}}}},
				}},
			}}},
		})
		if err != nil {
			return fmt.Errorf("make the storage policy %s: %w", policy.name, err)
		}
		made = append(made, id.UniqueId)
	}
	p.spread(made[0], made[1], made[2])
	return nil
}

// spread applies the policies to two of five machines.
func (p *Policies) spread(gold, silver, slow string) {
	for i, object := range p.inventory.Sorted("VirtualMachine") {
		vm, ok := object.(*simulator.VirtualMachine)
		if !ok || vm.Config == nil {
			continue
		}
		home, disks := "", ""
		switch i % 5 {
		case 0:
			home, disks = gold, gold
		case 1:
			home, disks = silver, slow
		default:
			continue
		}
		if i%10 != 1 { // a tenth has a policy for its disks only
			p.set(Home(vm.Self), home)
		}
		for _, device := range vm.Config.Hardware.Device {
			if disk, ok := device.(*types.VirtualDisk); ok {
				p.set(Disk(vm.Self, disk.Key), disks)
			}
		}
	}
}
