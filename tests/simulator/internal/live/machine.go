package live

import (
	"fmt"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// States by the names that the control API takes as well.
var powerStates = map[string]types.VirtualMachinePowerState{
	"on": types.VirtualMachinePowerStatePoweredOn, "poweredOn": types.VirtualMachinePowerStatePoweredOn,
	"off": types.VirtualMachinePowerStatePoweredOff, "poweredOff": types.VirtualMachinePowerStatePoweredOff,
	"suspended": types.VirtualMachinePowerStateSuspended, "suspend": types.VirtualMachinePowerStateSuspended,
}

// Power changes a machine's power state: on, off or suspended.
func (inv *Inventory) Power(vm *simulator.VirtualMachine, state string) error {
	wanted, ok := powerStates[state]
	if !ok {
		return fmt.Errorf("power state %q: %w", state, ErrNotFound)
	}
	switched := false
	err := inv.change(vm, func() ([]types.PropertyChange, error) {
		if vm.Config != nil && vm.Config.Template {
			return nil, fmt.Errorf("%s is a template: %w", vm.Name, ErrNotPossible)
		}
		if vm.Runtime.PowerState == wanted {
			return nil, nil
		}
		switched = true
		return inv.powerChanges(wanted), nil // the guest follows, see follower
	})
	if switched {
		inv.postPower(vm, wanted)
	}
	return err
}

func (inv *Inventory) powerChanges(state types.VirtualMachinePowerState) []types.PropertyChange {
	var boot, suspended any
	now := inv.Now()
	switch state {
	case types.VirtualMachinePowerStatePoweredOn:
		boot = now
	case types.VirtualMachinePowerStateSuspended:
		suspended = now
	}
	return []types.PropertyChange{
		assign("runtime.powerState", state), assign("summary.runtime.powerState", state),
		assign("runtime.bootTime", boot), assign("summary.runtime.bootTime", boot),
		assign("runtime.suspendTime", suspended), assign("summary.runtime.suspendTime", suspended),
	}
}

// Rename changes the name of a machine, or of any other object.
func (inv *Inventory) Rename(object mo.Entity, name string) {
	old := object.Entity().Name
	inv.update(object, assign("name", name)) // config.name and the summary follow, see follower
	if vm, ok := object.(*simulator.VirtualMachine); ok {
		event := inv.about(vm)
		event.FullFormattedMessage = fmt.Sprintf("Renamed %s from %s to %s in %s", name, old, name, event.Datacenter.Name)
		inv.post(&types.VmRenamedEvent{VmEvent: event, OldName: old, NewName: name})
	}
}

// SetGuestIP changes the first address of a running guest.
func (inv *Inventory) SetGuestIP(vm *simulator.VirtualMachine, address string) error {
	return inv.change(vm, func() ([]types.PropertyChange, error) {
		if vm.Guest == nil {
			return nil, fmt.Errorf("%s has no guest: %w", vm.Name, ErrNotPossible)
		}
		changes := []types.PropertyChange{assign("guest.ipAddress", address), assign("summary.guest.ipAddress", address)}
		if len(vm.Guest.Net) > 0 {
			nics := slices.Clone(vm.Guest.Net)
			nics[0].IpAddress = append([]string{address}, rest(nics[0].IpAddress)...)
			nics[0].IpConfig = &types.NetIpConfigInfo{IpAddress: []types.NetIpConfigInfoIpAddress{
				{IpAddress: address, PrefixLength: 24, State: "preferred"},
			}}
			changes = append(changes, assign("guest.net", nics))
		}
		return changes, nil
	})
}

func rest(list []string) []string {
	if len(list) < 2 {
		return nil
	}
	return list[1:]
}

// Resize changes a machine's CPUs and memory; 0 leaves one as it is.
func (inv *Inventory) Resize(vm *simulator.VirtualMachine, cpus, memoryMiB int32) error {
	err := inv.change(vm, func() ([]types.PropertyChange, error) {
		if vm.Config == nil {
			return nil, fmt.Errorf("%s has no configuration: %w", vm.Name, ErrNotPossible)
		}
		var changes []types.PropertyChange
		if cpus > 0 {
			changes = append(changes, assign("config.hardware.numCPU", cpus), assign("summary.config.numCpu", cpus))
		}
		if memoryMiB > 0 {
			changes = append(changes, assign("config.hardware.memoryMB", memoryMiB), assign("summary.config.memorySizeMB", memoryMiB))
		}
		return append(changes, inv.touched()), nil
	})
	if err == nil {
		inv.post(&types.VmReconfiguredEvent{VmEvent: inv.about(vm)})
	}
	return err
}

// touched is the change of a configuration's version, which goes with every other change of it.
func (inv *Inventory) touched() types.PropertyChange {
	return assign("config.changeVersion", inv.Now().Format("2006-01-02T15:04:05.000000Z"))
}

// SetUUIDs changes a machine's BIOS and instance UUID; an empty one is left as it is.
func (inv *Inventory) SetUUIDs(vm *simulator.VirtualMachine, bios, instance string) error {
	return inv.change(vm, func() ([]types.PropertyChange, error) {
		if vm.Config == nil {
			return nil, fmt.Errorf("%s has no configuration: %w", vm.Name, ErrNotPossible)
		}
		var changes []types.PropertyChange
		if bios != "" {
			changes = append(changes, assign("config.uuid", bios), assign("summary.config.uuid", bios))
		}
		if instance != "" {
			changes = append(changes, assign("config.instanceUuid", instance), assign("summary.config.instanceUuid", instance))
		}
		return changes, nil
	})
}

// Annotate changes a machine's note.
func (inv *Inventory) Annotate(vm *simulator.VirtualMachine, note string) error {
	return inv.change(vm, func() ([]types.PropertyChange, error) {
		if vm.Config == nil {
			return nil, fmt.Errorf("%s has no configuration: %w", vm.Name, ErrNotPossible)
		}
		return []types.PropertyChange{assign("config.annotation", note), assign("summary.config.annotation", note), inv.touched()}, nil
	})
}

// SetConnection changes a machine's connection state (connected, disconnected, orphaned, inaccessible, invalid).
func (inv *Inventory) SetConnection(vm *simulator.VirtualMachine, state string) {
	inv.update(vm, assign("runtime.connectionState", types.VirtualMachineConnectionState(state)),
		assign("summary.runtime.connectionState", types.VirtualMachineConnectionState(state)))
}

// SetStatus changes an entity's overall status (green, yellow, red, gray).
func (inv *Inventory) SetStatus(entity mo.Entity, status string) {
	changes := []types.PropertyChange{assign("overallStatus", types.ManagedEntityStatus(status))}
	if entity.Reference().Type == "VirtualMachine" || entity.Reference().Type == "HostSystem" {
		changes = append(changes, assign("summary.overallStatus", types.ManagedEntityStatus(status)))
	}
	inv.update(entity, changes...)
}

// AddDisk adds a disk to a machine's first SCSI controller.
func (inv *Inventory) AddDisk(vm *simulator.VirtualMachine, gib int64) error {
	inv.mu.Lock()
	id := inv.builder.UUID()
	inv.mu.Unlock()
	return inv.change(vm, func() ([]types.PropertyChange, error) {
		device, err := newDisk(vm, gib, id)
		if err != nil {
			return nil, err
		}
		devices := append(slices.Clone(vm.Config.Hardware.Device), device)
		return inv.deviceChanges(vm, devices, types.PropertyChange{
			Name: deviceKey(device), Op: types.PropertyChangeOpAdd, Val: *device,
		}), nil
	})
}

// RemoveDisk removes a machine's last disk; the first one is kept.
func (inv *Inventory) RemoveDisk(vm *simulator.VirtualMachine) error {
	return inv.change(vm, func() ([]types.PropertyChange, error) {
		if vm.Config == nil {
			return nil, fmt.Errorf("%s has no configuration: %w", vm.Name, ErrNotPossible)
		}
		devices := slices.Clone(vm.Config.Hardware.Device)
		for i := len(devices) - 1; i >= 0; i-- {
			if disk, ok := devices[i].(*types.VirtualDisk); ok && disk.Key != 2000 {
				devices = slices.Delete(devices, i, i+1)
				return inv.deviceChanges(vm, devices, types.PropertyChange{Name: deviceKey(disk), Op: types.PropertyChangeOpRemove}), nil
			}
		}
		return nil, fmt.Errorf("%s has no disk to spare: %w", vm.Name, ErrNotPossible)
	})
}

func deviceKey(device types.BaseVirtualDevice) string {
	return fmt.Sprintf("config.hardware.device[%d]", device.GetVirtualDevice().Key)
}

// deviceChanges raises a change of one device in both forms: the whole list, which is also what is stored, and the keyed
// delta, which a filter that asked for partial updates gets.
func (inv *Inventory) deviceChanges(vm *simulator.VirtualMachine, devices []types.BaseVirtualDevice, keyed types.PropertyChange) []types.PropertyChange {
	var disks int32
	for _, device := range devices {
		if _, ok := device.(*types.VirtualDisk); ok {
			disks++
		}
	}
	return []types.PropertyChange{
		assign("config.hardware.device", devices), keyed,
		assign("summary.config.numVirtualDisks", disks), inv.touched(),
	}
}

// newDisk makes a disk for the machine with the next free key and unit.
func newDisk(vm *simulator.VirtualMachine, gib int64, id string) (*types.VirtualDisk, error) {
	if vm.Config == nil {
		return nil, fmt.Errorf("%s has no configuration: %w", vm.Name, ErrNotPossible)
	}
	key, unit := int32(2000), int32(0)
	var first *types.VirtualDisk
	for _, device := range vm.Config.Hardware.Device {
		if disk, ok := device.(*types.VirtualDisk); ok {
			if first == nil {
				first = disk
			}
			key = max(key, disk.Key+1)
			if disk.ControllerKey == first.ControllerKey && disk.UnitNumber != nil {
				unit = max(unit, *disk.UnitNumber+1)
			}
		}
	}
	if first == nil || unit > 15 {
		return nil, fmt.Errorf("%s has no controller for another disk: %w", vm.Name, ErrNotPossible)
	}
	if unit == 7 {
		unit++
	}
	store := vm.Datastore[0]
	thin := true
	return &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{
			Key: key, ControllerKey: first.ControllerKey, UnitNumber: &unit,
			DeviceInfo: &types.Description{Label: fmt.Sprintf("Hard disk %d", key-1999), Summary: fmt.Sprintf("%d KB", gib<<20)},
			Backing: &types.VirtualDiskFlatVer2BackingInfo{
				VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{
					FileName: fmt.Sprintf("%s%s_%d.vmdk", vm.Config.Files.LogDirectory, vm.Name, key-2000), Datastore: &store,
				},
				DiskMode: string(types.VirtualDiskModePersistent), ThinProvisioned: &thin, Uuid: id,
				Sharing: string(types.VirtualDiskSharingSharingNone),
			},
		},
		CapacityInKB: gib << 20, CapacityInBytes: gib << 30,
	}, nil
}
