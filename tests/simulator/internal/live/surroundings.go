package live

import (
	"fmt"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// SetHost changes a host's state: connected, disconnected, notResponding, maintenance, or normal (out of maintenance).
func (inv *Inventory) SetHost(host *simulator.HostSystem, state string) error {
	var changes []types.PropertyChange
	switch state {
	case "connected", "disconnected", "notResponding":
		value := types.HostSystemConnectionState(state)
		changes = []types.PropertyChange{assign("runtime.connectionState", value), assign("summary.runtime.connectionState", value)}
	case "maintenance", "normal":
		changes = []types.PropertyChange{
			assign("runtime.inMaintenanceMode", state == "maintenance"), assign("summary.runtime.inMaintenanceMode", state == "maintenance"),
		}
	default:
		return fmt.Errorf("host state %q: %w", state, ErrNotFound)
	}
	inv.update(host, changes...)
	// The machines of a host that is lost are lost with it.
	vmState := types.VirtualMachineConnectionStateDisconnected
	if state == "connected" {
		vmState = types.VirtualMachineConnectionStateConnected
	}
	if state == "maintenance" || state == "normal" {
		return nil
	}
	for _, ref := range slices.Clone(host.Vm) {
		if vm, ok := inv.Map().Get(ref).(*simulator.VirtualMachine); ok && vm.Config != nil {
			inv.SetConnection(vm, string(vmState))
		}
	}
	return nil
}

// DatastoreChange says what to change of a datastore; nil leaves a thing as it is.
type DatastoreChange struct {
	Accessible  *bool   `json:"accessible"`
	Maintenance *string `json:"maintenance"` // normal, enteringMaintenance, inMaintenance
	FreeGiB     *int64  `json:"free_gib"`
	// Host limits the change of accessibility to the mount of one host.
	Host string `json:"host"`
}

// SetDatastore changes a datastore's state.
func (inv *Inventory) SetDatastore(store *simulator.Datastore, change DatastoreChange) error {
	var only *types.ManagedObjectReference
	if change.Host != "" {
		host, err := inv.Host(change.Host)
		if err != nil {
			return err
		}
		only = &host.Self
	}
	return inv.change(store, func() ([]types.PropertyChange, error) {
		var changes []types.PropertyChange
		if change.Accessible != nil {
			mounts := slices.Clone(store.Host)
			var keyed []types.PropertyChange
			for i := range mounts {
				if only != nil && mounts[i].Key != *only {
					continue
				}
				accessible := *change.Accessible
				mounts[i].MountInfo.Accessible = &accessible
				mounts[i].MountInfo.InaccessibleReason = ""
				if !accessible {
					mounts[i].MountInfo.InaccessibleReason = string(types.HostMountInfoInaccessibleReasonAllPathsDown_Start)
				}
				keyed = append(keyed, assign(fmt.Sprintf("host[%q].mountInfo", mounts[i].Key.Value), mounts[i].MountInfo))
			}
			changes = append(append(changes, assign("host", mounts)), keyed...)
			if only == nil {
				changes = append(changes, assign("summary.accessible", *change.Accessible))
			}
		}
		if change.Maintenance != nil {
			changes = append(changes, assign("summary.maintenanceMode", *change.Maintenance))
		}
		if change.FreeGiB != nil {
			free := *change.FreeGiB << 30
			changes = append(changes, assign("summary.freeSpace", free))
		}
		return changes, nil
	})
}
