package vcenter

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/pbm"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/simulator"
)

// policies adds storage policies of an operator's own to those that every vCenter has.
func policies(server *simulator.Server) error {
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
	for _, policy := range []struct{ name, description, tag string }{
		{"Gold storage", "mirrored, fast", "Gold"},
		{"Silver storage", "mirrored", "Silver"},
		{"Langsam & günstig", "für Sicherungen", "Silver"},
	} {
		_, err := storage.CreateProfile(ctx, pbmtypes.PbmCapabilityProfileCreateSpec{
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
	}
	return nil
}
