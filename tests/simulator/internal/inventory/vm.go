package inventory

import (
	"fmt"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Guest is an operating system as a machine's configuration and its tools name it.
type Guest struct{ ID, FullName, Family, Firmware string }

// Guests are the operating systems that machines are given.
var Guests = []Guest{
	{"ubuntu64Guest", "Ubuntu Linux (64-bit)", "linuxGuest", "efi"},
	{"debian12_64Guest", "Debian GNU/Linux 12 (64-bit)", "linuxGuest", "efi"},
	{"rhel9_64Guest", "Red Hat Enterprise Linux 9 (64-bit)", "linuxGuest", "efi"},
	{"windows2019srvNext_64Guest", "Microsoft Windows Server 2022 (64-bit)", "windowsGuest", "efi"},
	{"windows2019srv_64Guest", "Microsoft Windows Server 2019 (64-bit)", "windowsGuest", "efi"},
	{"sles15_64Guest", "SUSE Linux Enterprise 15 (64-bit)", "linuxGuest", "bios"},
	{"centos7_64Guest", "CentOS 7 (64-bit)", "linuxGuest", "bios"},
	{"freebsd14_64Guest", "FreeBSD 14 or later versions (64-bit)", "otherGuestFamily", "bios"},
}

// Tools states.
const (
	ToolsRunning      = "guestToolsRunning"
	ToolsNotRunning   = "guestToolsNotRunning"
	ToolsNotInstalled = "toolsNotInstalled"
)

// VMSpec says what a virtual machine is.
type VMSpec struct {
	Name string
	// File is the name of its directory and files; empty: as Name. They differ after a rename.
	File      string
	Folder    *simulator.Folder
	Pool      *simulator.ResourcePool
	VApp      *simulator.VirtualApp
	Host      *simulator.HostSystem
	Store     *simulator.Datastore
	CPUs      int32
	MemoryMiB int32
	Guest     Guest
	Power     types.VirtualMachinePowerState
	Template  bool
	Disks     []Disk
	Cards     []Card
	// IPs by card; only a running guest with tools has some.
	IPs   [][]string
	Tools string
	Note  string
	// UUID is the BIOS UUID, made when empty. It need not be unique.
	UUID string
}

// escapes are what vCenter writes for '/', '\\' and '%' in names; files have an underscore there.
var escapes = strings.NewReplacer("%2f", "_", "%5c", "_", "%25", "_")

func (s *VMSpec) fileName() string {
	name := s.File
	if name == "" {
		name = s.Name
	}
	if !strings.Contains(name, "%") {
		return name
	}
	return escapes.Replace(name)
}

func (s *VMSpec) directory() string { return s.fileName() }

// VM makes a virtual machine and puts it in its folder, pool, host, datastores and networks.
func (b *Builder) VM(spec VMSpec) *simulator.VirtualMachine {
	vm := b.Machine(spec)
	b.place(vm, spec)
	b.machines = append(b.machines, vm)
	return vm
}

// Machine makes the machine with its reference, but puts it nowhere and tells nobody.
func (b *Builder) Machine(spec VMSpec) *simulator.VirtualMachine {
	vm := &simulator.VirtualMachine{DataSets: make(map[string]*simulator.DataSet)}
	b.Map.NewEntity(vm)
	vm.Name = spec.Name
	vm.Config = b.config(vm, spec)
	host := spec.Host.Self
	boot := Epoch
	vm.Runtime = types.VirtualMachineRuntimeInfo{
		Host:                &host,
		ConnectionState:     types.VirtualMachineConnectionStateConnected,
		PowerState:          spec.Power,
		FaultToleranceState: types.VirtualMachineFaultToleranceStateNotConfigured,
		MaxCpuUsage:         spec.CPUs * spec.Host.Summary.Hardware.CpuMhz,
		MaxMemoryUsage:      spec.MemoryMiB,
		RecordReplayState:   types.VirtualMachineRecordReplayStateInactive,
		CleanPowerOff:       flag(spec.Power == types.VirtualMachinePowerStatePoweredOff),
	}
	if spec.Power == types.VirtualMachinePowerStatePoweredOn {
		vm.Runtime.BootTime = &boot
	}
	vm.Guest = guestInfo(vm, spec)
	vm.Capability = types.VirtualMachineCapability{
		SnapshotOperationsSupported: true, MultipleSnapshotsSupported: true, SnapshotConfigSupported: true,
		PoweredOffSnapshotsSupported: true, MemorySnapshotsSupported: true, RevertToSnapshotSupported: true,
		QuiescedSnapshotsSupported: true,
		ChangeTrackingSupported:    true, VirtualMmuUsageSupported: true,
	}
	vm.Layout = &types.VirtualMachineFileLayout{}
	vm.LayoutEx = &types.VirtualMachineFileLayoutEx{Timestamp: Epoch}
	vm.EnvironmentBrowser = *b.ComputeResource(spec.Host).EnvironmentBrowser
	vm.ResourceConfig = &types.ResourceConfigSpec{
		Entity: &vm.Self, CpuAllocation: *vm.Config.CpuAllocation, MemoryAllocation: *vm.Config.MemoryAllocation,
	}
	vm.GuestHeartbeatStatus = heartbeat(spec)
	if !b.shared {
		vm.AvailableField = simulator.GetCustomFieldsAvailable(b.Ctx, &vm.Self)
	}
	b.storage(vm, spec)
	vm.Summary = Summarize(vm)
	vm.Summary.QuickStats = b.quickStats(spec)
	return vm
}

func toolsConfig() *types.ToolsConfigInfo {
	return &types.ToolsConfigInfo{
		ToolsVersion: 12389, ToolsInstallType: "guestToolsTypeOpenVMTools",
		AfterPowerOn: flag(true), AfterResume: flag(true),
		BeforeGuestStandby: flag(true), BeforeGuestShutdown: flag(true),
		ToolsUpgradePolicy: "manual", SyncTimeWithHost: flag(false),
	}
}

func heartbeat(spec VMSpec) types.ManagedEntityStatus {
	if spec.Power == types.VirtualMachinePowerStatePoweredOn && spec.Tools == ToolsRunning {
		return types.ManagedEntityStatusGreen
	}
	return types.ManagedEntityStatusGray
}

func (b *Builder) config(vm *simulator.VirtualMachine, spec VMSpec) *types.VirtualMachineConfigInfo {
	id := spec.UUID
	if id == "" {
		id = b.UUID()
	}
	directory := fmt.Sprintf("[%s] %s/", spec.Store.Name, spec.directory())
	allocation := types.DefaultResourceConfigSpec()
	created := Epoch
	return &types.VirtualMachineConfigInfo{
		ChangeVersion: "2025-03-03T08:00:00.000000Z",
		Modified:      Epoch,
		CreateDate:    &created,
		Name:          spec.Name,
		GuestFullName: spec.Guest.FullName,
		GuestId:       spec.Guest.ID,
		Version:       "vmx-19",
		Uuid:          id,
		InstanceUuid:  "50" + b.UUID()[2:],
		Template:      spec.Template,
		Annotation:    spec.Note,
		Firmware:      spec.Guest.Firmware,
		Files: types.VirtualMachineFileInfo{
			VmPathName:        directory + spec.fileName() + ".vmx",
			SnapshotDirectory: directory, SuspendDirectory: directory, LogDirectory: directory,
		},
		Tools: toolsConfig(),
		Flags: types.VirtualMachineFlagInfo{EnableLogging: flag(true), SnapshotLocked: flag(false)},
		DefaultPowerOps: types.VirtualMachineDefaultPowerOpInfo{
			PowerOffType: "soft", SuspendType: "hard", ResetType: "soft",
			DefaultPowerOffType: "soft", DefaultSuspendType: "hard", DefaultResetType: "soft", StandbyAction: "checkpoint",
		},
		Hardware: types.VirtualHardware{
			NumCPU: spec.CPUs, NumCoresPerSocket: types.NewInt32(max(1, spec.CPUs/2)), MemoryMB: spec.MemoryMiB,
			VirtualICH7MPresent: flag(false), VirtualSMCPresent: flag(false),
			Device: b.devices(vm, spec),
		},
		CpuAllocation:         &allocation.CpuAllocation,
		MemoryAllocation:      &allocation.MemoryAllocation,
		LatencySensitivity:    &types.LatencySensitivity{Level: types.LatencySensitivitySensitivityLevelNormal},
		MemoryHotAddEnabled:   flag(spec.CPUs > 2),
		CpuHotAddEnabled:      flag(spec.CPUs > 2),
		BootOptions:           &types.VirtualMachineBootOptions{EfiSecureBootEnabled: flag(spec.Guest.Firmware == "efi")},
		ChangeTrackingEnabled: flag(false),
		SwapPlacement:         "inherit",
		ExtraConfig: []types.BaseOptionValue{
			&types.OptionValue{Key: "nvram", Value: spec.fileName() + ".nvram"},
			&types.OptionValue{Key: "svga.present", Value: "TRUE"},
		},
		DatastoreUrl: []types.VirtualMachineConfigInfoDatastoreUrlPair{{Name: spec.Store.Name, Url: spec.Store.Summary.Url}},
	}
}

// guest makes what VMware Tools say of the guest.
func guestInfo(vm *simulator.VirtualMachine, spec VMSpec) *types.GuestInfo {
	info := &types.GuestInfo{
		ToolsStatus:        types.VirtualMachineToolsStatusToolsNotRunning,
		ToolsRunningStatus: ToolsNotRunning,
		ToolsVersion:       "12389",
		GuestState:         string(types.VirtualMachineGuestStateNotRunning),
		GuestKernelCrashed: flag(false),
	}
	on := spec.Power == types.VirtualMachinePowerStatePoweredOn
	if on {
		info.GuestState = string(types.VirtualMachineGuestStateRunning)
	}
	if spec.Tools == ToolsNotInstalled {
		info.ToolsStatus = types.VirtualMachineToolsStatusToolsNotInstalled
		info.ToolsVersion = "0"
		info.ToolsVersionStatus2 = "guestToolsNotInstalled"
		return info
	}
	info.ToolsVersionStatus = "guestToolsUnmanaged"
	info.ToolsVersionStatus2 = "guestToolsUnmanaged"
	if !on || spec.Tools != ToolsRunning {
		return info
	}
	info.ToolsStatus = types.VirtualMachineToolsStatusToolsOk
	info.ToolsRunningStatus = ToolsRunning
	info.GuestId, info.GuestFamily, info.GuestFullName = spec.Guest.ID, spec.Guest.Family, spec.Guest.FullName
	info.HostName = hostName(spec.Name)
	info.GuestOperationsReady = flag(true)
	cards := 0
	for _, device := range vm.Config.Hardware.Device {
		card, ok := device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		nic := types.GuestNicInfo{
			MacAddress: card.GetVirtualEthernetCard().MacAddress, Connected: true,
			DeviceConfigId: card.GetVirtualEthernetCard().Key,
			Network:        spec.Cards[cards].Network.Entity().Name,
		}
		if cards < len(spec.IPs) {
			nic.IpAddress = spec.IPs[cards]
			nic.IpConfig = &types.NetIpConfigInfo{}
			for _, address := range spec.IPs[cards] {
				prefix := int32(24)
				if strings.Contains(address, ":") {
					prefix = 64
				} else if info.IpAddress == "" {
					info.IpAddress = address
				}
				nic.IpConfig.IpAddress = append(nic.IpConfig.IpAddress,
					types.NetIpConfigInfoIpAddress{IpAddress: address, PrefixLength: prefix, State: "preferred"})
			}
		}
		info.Net = append(info.Net, nic)
		cards++
	}
	return info
}

// hostName makes a name that a guest could have of a machine's name.
func hostName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '.':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
}

// storage fills in what the machine takes up on its datastores.
func (b *Builder) storage(vm *simulator.VirtualMachine, spec VMSpec) {
	var committed, uncommitted int64
	vm.Datastore = []types.ManagedObjectReference{spec.Store.Self}
	for _, disk := range spec.Disks {
		if disk.Store != nil && disk.Store != spec.Store && !contains(vm.Datastore, disk.Store.Self) {
			vm.Datastore = append(vm.Datastore, disk.Store.Self)
		}
		if disk.Thick {
			committed += disk.CapacityGiB << 30
		} else {
			committed += disk.CapacityGiB << 28
			uncommitted += disk.CapacityGiB<<30 - disk.CapacityGiB<<28
		}
	}
	vm.Storage = &types.VirtualMachineStorageInfo{Timestamp: Epoch, PerDatastoreUsage: []types.VirtualMachineUsageOnDatastore{
		{Datastore: spec.Store.Self, Committed: committed, Uncommitted: uncommitted, Unshared: committed},
	}}
	for _, card := range spec.Cards {
		if ref := card.Network.Reference(); !contains(vm.Network, ref) {
			vm.Network = append(vm.Network, ref)
		}
	}
}

// Summarize repeats what the machine's other properties say, as vCenter does.
func Summarize(vm *simulator.VirtualMachine) types.VirtualMachineSummary {
	config := vm.Config
	var disks, cards int32
	for _, device := range config.Hardware.Device {
		switch device.(type) {
		case *types.VirtualDisk:
			disks++
		case types.BaseVirtualEthernetCard:
			cards++
		}
	}
	usage := vm.Storage.PerDatastoreUsage[0]
	return types.VirtualMachineSummary{
		Vm:      &vm.Self,
		Runtime: vm.Runtime,
		Guest: &types.VirtualMachineGuestSummary{
			GuestId: vm.Guest.GuestId, GuestFullName: vm.Guest.GuestFullName, ToolsStatus: vm.Guest.ToolsStatus,
			ToolsVersionStatus: vm.Guest.ToolsVersionStatus, ToolsVersionStatus2: vm.Guest.ToolsVersionStatus2,
			ToolsRunningStatus: vm.Guest.ToolsRunningStatus, HostName: vm.Guest.HostName, IpAddress: vm.Guest.IpAddress,
		},
		Config: types.VirtualMachineConfigSummary{
			Name: config.Name, Template: config.Template, VmPathName: config.Files.VmPathName,
			MemorySizeMB: config.Hardware.MemoryMB, NumCpu: config.Hardware.NumCPU,
			NumEthernetCards: cards, NumVirtualDisks: disks,
			Uuid: config.Uuid, InstanceUuid: config.InstanceUuid,
			GuestId: config.GuestId, GuestFullName: config.GuestFullName, Annotation: config.Annotation,
			InstallBootRequired: flag(false), HwVersion: config.Version, TpmPresent: flag(false),
		},
		Storage: &types.VirtualMachineStorageSummary{
			Committed: usage.Committed, Uncommitted: usage.Uncommitted, Unshared: usage.Unshared, Timestamp: Epoch,
		},
		OverallStatus: types.ManagedEntityStatusGreen,
	}
}

func (b *Builder) quickStats(spec VMSpec) types.VirtualMachineQuickStats {
	stats := types.VirtualMachineQuickStats{
		GuestHeartbeatStatus: heartbeat(spec), FtLatencyStatus: types.ManagedEntityStatusGray,
	}
	if spec.Power == types.VirtualMachinePowerStatePoweredOn {
		stats.OverallCpuUsage = int32(b.random.IntN(int(spec.CPUs) * 900))
		stats.OverallCpuDemand = stats.OverallCpuUsage
		stats.GuestMemoryUsage = int32(b.random.IntN(int(spec.MemoryMiB)))
		stats.HostMemoryUsage = spec.MemoryMiB
		stats.UptimeSeconds = int32(b.random.IntN(90 * 24 * 3600))
	}
	return stats
}

func contains(refs []types.ManagedObjectReference, ref types.ManagedObjectReference) bool {
	for _, known := range refs {
		if known == ref {
			return true
		}
	}
	return false
}

// place makes the machine known to its folder, pool, host, datastores and networks, and registers it.
func (b *Builder) place(vm *simulator.VirtualMachine, spec VMSpec) {
	switch {
	case spec.VApp != nil:
		spec.VApp.Vm = append(spec.VApp.Vm, vm.Self)
		ref := spec.VApp.Self
		vm.ResourcePool, vm.ParentVApp = &ref, &ref
	case !spec.Template: // a template is in no pool
		spec.Pool.Vm = append(spec.Pool.Vm, vm.Self)
		ref := spec.Pool.Self
		vm.ResourcePool = &ref
	}
	spec.Host.Vm = append(spec.Host.Vm, vm.Self)
	for _, ref := range vm.Datastore {
		store := b.Map.Get(ref).(*simulator.Datastore)
		store.Vm = append(store.Vm, vm.Self)
	}
	for _, ref := range vm.Network {
		if network := NetworkOf(b.Map.Get(ref)); network != nil {
			network.Vm = append(network.Vm, vm.Self)
		}
	}
	if spec.Folder != nil {
		spec.Folder.ChildEntity = append(spec.Folder.ChildEntity, vm.Self)
		b.Map.PutEntity(spec.Folder, vm)
	} else { // a machine of a vApp may be in no folder at all
		b.Map.PutEntity(nil, vm)
	}
}

// NetworkOf returns the network part of any kind of network.
func NetworkOf(object mo.Reference) *mo.Network {
	switch network := object.(type) {
	case *mo.Network:
		return network
	case *mo.OpaqueNetwork:
		return &network.Network
	case *simulator.DistributedVirtualPortgroup:
		return &network.Network
	}
	return nil
}
