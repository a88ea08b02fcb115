package vcenter

import (
	"fmt"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/simulator/vpx"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/inventory"
)

// namespace is for UUIDs that are made of the seed.
var namespace = uuid.MustParse("5a0d8e3c-6f0b-4c77-9d7e-0f6d1c2b3a49")

// product says which product and version this is. govmomi's templates are of 6.5, which no longer has support.
func product(options Options) (types.ServiceContent, mo.Folder) {
	kind := "vcenter"
	content, root := vpx.ServiceContent, vpx.RootFolder
	about := content.About
	about.Version, about.Build, about.ApiVersion = "8.0.3", "24322831", "8.0.3.0"
	about.FullName = "VMware vCenter Server 8.0.3 build-24322831"
	about.LicenseProductVersion = "8.0"
	if options.ESX {
		kind = "esx"
		content, root = esx.ServiceContent, esx.RootFolder
		about = content.About
		about.Version, about.Build, about.ApiVersion = "8.0.3", "24022510", "8.0.3.0"
		about.FullName = "VMware ESXi 8.0.3 build-24022510"
		about.LicenseProductVersion = "8.0"
	}
	about.InstanceUuid = ""
	if !options.ESX { // a host has none
		about.InstanceUuid = uuid.NewSHA1(namespace, fmt.Appendf(nil, "%s-%d", kind, options.Seed)).String()
	}
	content.About = about
	return content, root
}

// fill makes the scenario's inventory.
func fill(ctx *simulator.Context, content types.ServiceContent, options Options, home string) (*inventory.Builder, error) {
	root := ctx.Map.Get(content.RootFolder).(*simulator.Folder)
	builder := inventory.NewBuilder(ctx, root, home, options.Seed)
	builder.Skip(options.MorefOffset)
	if options.ESX {
		return builder, builder.Standalone(orElse(options.VMs, 12), options.HostName, options.HostUUID)
	}
	switch options.Scenario {
	case "flat":
		return builder, builder.Flat(orElse(options.VMs, 1000))
	case "lifelike":
		return builder, builder.Lifelike(orElse(options.VMs, 300))
	case "odd":
		return builder, builder.Odd(orElse(options.VMs, 200))
	}
	return nil, fmt.Errorf("unknown scenario %q", options.Scenario)
}

// orElse returns the number, or the other one when it is 0.
func orElse(number, other int) int {
	if number == 0 {
		return other
	}
	return number
}
