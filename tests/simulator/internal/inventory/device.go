package inventory

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Device keys as vCenter gives them.
const (
	scsiKey      = 1000
	diskKey      = 2000
	cdromKey     = 3000
	cardKey      = 4000
	pciKey       = 100
	ide0Key      = 200
	ide1Key      = 201
	ps2Key       = 300
	superIOKey   = 400
	videoKey     = 500
	keyboardKey  = 600
	pointingKey  = 700
	vmciKey      = 12000
	disksPerSCSI = 15
)

// Disk says what a virtual disk is.
type Disk struct {
	CapacityGiB int64
	// Store is where it is; nil: where the machine is.
	Store *simulator.Datastore
	Thick bool
	// Shared makes it a multi-writer disk.
	Shared bool
	// RDM is the LUN's UUID of a raw device mapping, virtual or physical by RDMMode.
	RDM     string
	RDMMode types.VirtualDiskCompatibilityMode
	// Parent is the disk that this one is a delta of (a linked clone or a snapshot).
	Parent *types.VirtualDiskFlatVer2BackingInfo
	// File is the path on the datastore; empty: after the machine's name.
	File string
	UUID string
}

// Card says what a virtual network card is. Network is a standard network, a distributed port group or an opaque network.
type Card struct {
	Network mo.Entity
	// Kind is vmxnet3 (also when empty), e1000e, e1000 or sriov.
	Kind string
	// MAC is given one of VMware's range when empty.
	MAC          string
	Disconnected bool
}

// defaultDevices are the devices that every machine has.
type defaultDevices struct{ devices []types.BaseVirtualDevice }

func label(text string) *types.Description { return &types.Description{Label: text, Summary: text} }

func newDefaultDevices() *defaultDevices {
	controller := func(key int32, name string, bus int32, children ...int32) types.VirtualController {
		return types.VirtualController{
			VirtualDevice: types.VirtualDevice{Key: key, DeviceInfo: label(name)},
			BusNumber:     bus,
			Device:        children,
		}
	}
	child := func(key, parent, unit int32, name string) types.VirtualDevice {
		return types.VirtualDevice{Key: key, ControllerKey: parent, UnitNumber: &unit, DeviceInfo: label(name)}
	}
	return &defaultDevices{devices: []types.BaseVirtualDevice{
		&types.VirtualIDEController{VirtualController: controller(ide0Key, "IDE 0", 0)},
		&types.VirtualIDEController{VirtualController: controller(ide1Key, "IDE 1", 1)},
		&types.VirtualPS2Controller{VirtualController: controller(ps2Key, "PS2 controller 0", 0, keyboardKey, pointingKey)},
		&types.VirtualPCIController{VirtualController: controller(pciKey, "PCI controller 0", 0, videoKey, vmciKey)},
		&types.VirtualSIOController{VirtualController: controller(superIOKey, "SIO controller 0", 0)},
		&types.VirtualKeyboard{VirtualDevice: child(keyboardKey, ps2Key, 0, "Keyboard ")},
		&types.VirtualPointingDevice{VirtualDevice: child(pointingKey, ps2Key, 1, "Pointing device")},
		&types.VirtualMachineVideoCard{VirtualDevice: child(videoKey, pciKey, 0, "Video card "), VideoRamSizeInKB: 8192, NumDisplays: 1},
		&types.VirtualMachineVMCIDevice{VirtualDevice: child(vmciKey, pciKey, 17, "VMCI device"), Id: -1},
	}}
}

// devices makes a machine's hardware. In a flat inventory the devices that never change are shared by all machines.
func (b *Builder) devices(vm *simulator.VirtualMachine, spec VMSpec) []types.BaseVirtualDevice {
	defaults := b.defaults
	if defaults == nil || !b.shared {
		defaults = newDefaultDevices()
		b.defaults = defaults
	}
	devices := make([]types.BaseVirtualDevice, len(defaults.devices), len(defaults.devices)+2+len(spec.Disks)+len(spec.Cards))
	copy(devices, defaults.devices)
	devices = append(devices, b.disks(vm, spec)...)
	for i, card := range spec.Cards {
		devices = append(devices, b.card(i, card, spec))
	}
	return devices
}

// disks makes the machine's disks and as many SCSI controllers as they need.
func (b *Builder) disks(vm *simulator.VirtualMachine, spec VMSpec) []types.BaseVirtualDevice {
	var devices []types.BaseVirtualDevice
	var controller *types.ParaVirtualSCSIController
	for i, disk := range spec.Disks {
		if i%disksPerSCSI == 0 {
			bus := int32(i / disksPerSCSI)
			unit := 3 + bus
			controller = &types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{
				VirtualController: types.VirtualController{
					VirtualDevice: types.VirtualDevice{Key: scsiKey + bus, ControllerKey: pciKey, UnitNumber: &unit,
						DeviceInfo: &types.Description{Label: fmt.Sprintf("SCSI controller %d", bus), Summary: "VMware paravirtual SCSI"}},
					BusNumber: bus,
				},
				SharedBus:          sharing(spec.Disks),
				ScsiCtlrUnitNumber: 7,
			}}
			devices = append(devices, controller)
		}
		unit := int32(i % disksPerSCSI)
		if unit >= 7 { // the controller itself is unit 7
			unit++
		}
		device := b.disk(vm, spec, i, disk)
		device.ControllerKey, device.UnitNumber = controller.Key, &unit
		controller.Device = append(controller.Device, device.Key)
		devices = append(devices, device)
	}
	return devices
}

// sharing is how the SCSI bus is shared: physically when a disk is a raw device of a cluster of machines.
func sharing(disks []Disk) types.VirtualSCSISharing {
	for _, disk := range disks {
		if disk.RDM != "" && disk.RDMMode == types.VirtualDiskCompatibilityModePhysicalMode {
			return types.VirtualSCSISharingPhysicalSharing
		}
	}
	return types.VirtualSCSISharingNoSharing
}

func (b *Builder) disk(vm *simulator.VirtualMachine, spec VMSpec, index int, disk Disk) *types.VirtualDisk {
	store := disk.Store
	if store == nil {
		store = spec.Store
	}
	file := disk.File
	if file == "" {
		suffix := ""
		if index > 0 {
			suffix = fmt.Sprintf("_%d", index)
		}
		file = fmt.Sprintf("[%s] %s/%s%s.vmdk", store.Name, spec.directory(), spec.fileName(), suffix)
	}
	id := disk.UUID
	if id == "" {
		id = b.UUID()
	}
	info := types.VirtualDeviceFileBackingInfo{FileName: file, Datastore: &store.Self}
	device := &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{
			Key: diskKey + int32(index),
			DeviceInfo: &types.Description{
				Label:   fmt.Sprintf("Hard disk %d", index+1),
				Summary: commas(disk.CapacityGiB<<20) + " KB",
			},
		},
		CapacityInKB:    disk.CapacityGiB << 20,
		CapacityInBytes: disk.CapacityGiB << 30,
		DiskObjectId:    fmt.Sprintf("%s-%d", moref(vm), diskKey+index),
	}
	sharing := string(types.VirtualDiskSharingSharingNone)
	if disk.Shared {
		sharing = string(types.VirtualDiskSharingSharingMultiWriter)
	}
	if disk.RDM != "" {
		device.Backing = &types.VirtualDiskRawDiskMappingVer1BackingInfo{
			VirtualDeviceFileBackingInfo: info,
			LunUuid:                      disk.RDM,
			DeviceName:                   "vml." + disk.RDM,
			CompatibilityMode:            string(disk.RDMMode),
			DiskMode:                     string(types.VirtualDiskModeIndependent_persistent),
			Uuid:                         strings.ToUpper(id),
			Sharing:                      sharing,
		}
		return device
	}
	thin := !disk.Thick
	device.Backing = &types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: info,
		DiskMode:                     string(types.VirtualDiskModePersistent),
		ThinProvisioned:              &thin,
		Uuid:                         strings.ToUpper(id),
		ContentId:                    strings.ReplaceAll(id, "-", ""),
		Parent:                       disk.Parent,
		Sharing:                      sharing,
	}
	return device
}

func moref(vm *simulator.VirtualMachine) string { return strings.TrimPrefix(vm.Self.Value, "vm-") }

// commas writes a number as vCenter does in a device's summary: 16,777,216.
func commas(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// mac makes an address of VMware's range for vCenter.
func (b *Builder) mac() string {
	n := b.random.Uint32()
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", 0x80|(n>>16&0x3f), n>>8&0xff, n&0xff)
}

func (b *Builder) card(index int, card Card, spec VMSpec) types.BaseVirtualDevice {
	unit := int32(7 + index)
	address := card.MAC
	if address == "" {
		address = b.mac()
	}
	connected := spec.Power == types.VirtualMachinePowerStatePoweredOn && !card.Disconnected
	summary, backing := b.cardBacking(card.Network)
	device := types.VirtualEthernetCard{
		VirtualDevice: types.VirtualDevice{
			Key:           cardKey + int32(index),
			DeviceInfo:    &types.Description{Label: fmt.Sprintf("Network adapter %d", index+1), Summary: summary},
			Backing:       backing,
			ControllerKey: pciKey,
			UnitNumber:    &unit,
			Connectable: &types.VirtualDeviceConnectInfo{
				StartConnected: !card.Disconnected, AllowGuestControl: true, Connected: connected, Status: "ok",
			},
		},
		AddressType:      string(types.VirtualEthernetCardMacTypeAssigned),
		MacAddress:       address,
		WakeOnLanEnabled: flag(true),
	}
	switch card.Kind {
	case "e1000e":
		return &types.VirtualE1000e{VirtualEthernetCard: device}
	case "e1000":
		return &types.VirtualE1000{VirtualEthernetCard: device}
	case "sriov":
		return &types.VirtualSriovEthernetCard{VirtualEthernetCard: device}
	}
	return &types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: device}}
}

// cardBacking makes the backing that fits the kind of network.
func (b *Builder) cardBacking(network mo.Entity) (string, types.BaseVirtualDeviceBackingInfo) {
	switch net := network.(type) {
	case *simulator.DistributedVirtualPortgroup:
		dvs := b.Map.Get(*net.Config.DistributedVirtualSwitch).(*simulator.DistributedVirtualSwitch)
		return "DVSwitch: " + dvs.Uuid, &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{
			Port: types.DistributedVirtualSwitchPortConnection{
				SwitchUuid:       dvs.Uuid,
				PortgroupKey:     net.Key,
				PortKey:          fmt.Sprint(b.random.IntN(512)),
				ConnectionCookie: int32(b.random.IntN(1 << 30)),
			},
		}
	case *mo.OpaqueNetwork:
		summary := net.Summary.(*types.OpaqueNetworkSummary)
		return summary.OpaqueNetworkType + ": " + summary.OpaqueNetworkId, &types.VirtualEthernetCardOpaqueNetworkBackingInfo{
			OpaqueNetworkId: summary.OpaqueNetworkId, OpaqueNetworkType: summary.OpaqueNetworkType,
		}
	case *mo.Network:
		ref := net.Self
		return net.Name, &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: net.Name},
			Network:                        &ref,
		}
	}
	return "", nil
}
