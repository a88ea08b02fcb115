package vcenter

import (
	"fmt"
	"strconv"
	"strings"

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

// latest is the version when none is asked for. govmomi's templates are of 6.5, which no longer has support.
const latest = "8.0.3"

// builds are the build numbers of some versions, of vCenter and of ESXi.
var builds = map[string][2]string{
	"6.5.0": {"5973321", "5969303"}, "6.7.0": {"13643870", "14320388"}, "7.0.1": {"17004997", "16850804"}, "7.0.3": {"21958406", "21930508"},
	"8.0.2": {"22617221", "22380479"}, "8.0.3": {"24322831", "24022510"}, "9.0.0": {"24755230", "24755229"},
}

// product says which product and version this is.
func product(options Options) (types.ServiceContent, mo.Folder) {
	version := options.Version
	if version == "" {
		version = latest
	}
	build, ok := builds[version]
	if !ok {
		build = [2]string{"20000000", "20000001"}
	}
	content, root, name, number := vpx.ServiceContent, vpx.RootFolder, "VMware vCenter Server", build[0]
	if options.ESX {
		content, root, name, number = esx.ServiceContent, esx.RootFolder, "VMware ESXi", build[1]
	}
	about := &content.About
	about.Version, about.Build, about.ApiVersion = version, number, version+".0"
	if older(version, 7, 0, 0) { // these say 6.7, and 6.7.3 from the third update on
		about.ApiVersion = strings.TrimSuffix(version, ".0")
	}
	about.FullName = fmt.Sprintf("%s %s build-%s", name, version, number)
	about.LicenseProductVersion = strings.SplitAfterN(version, ".", 2)[0] + "0"
	about.InstanceUuid = ""
	if !options.ESX { // a host has none
		about.InstanceUuid = uuid.NewSHA1(namespace, fmt.Appendf(nil, "vcenter-%d", options.Seed)).String()
	}
	return content, root
}

// older says whether a version is older than another one. An empty one is the latest.
func older(version string, than ...int) bool {
	if version == "" {
		return false
	}
	for i, part := range strings.Split(version, ".") {
		number, err := strconv.Atoi(part)
		if err != nil || i == len(than) {
			return false
		}
		if number != than[i] {
			return number < than[i]
		}
	}
	return false
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
