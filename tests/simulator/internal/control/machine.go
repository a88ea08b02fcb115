package control

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/live"
	"spandrel/tests/simulator/internal/policy"
)

// maxCreate limits how many machines one request makes.
const maxCreate = 100_000

// named is a request about one machine, by its reference's value or its name.
type named struct {
	VM string `json:"vm"`
}

func (c *Control) power(in *http.Request) (any, error) {
	var req struct {
		named
		State string `json:"state"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	vm, err := c.Inventory.Machine(req.VM)
	if err != nil {
		return nil, err
	}
	return result(vm), c.Inventory.Power(vm, req.State)
}

// result says which machine was meant.
func result(entity mo.Entity) any {
	return map[string]any{"moref": entity.Reference().Value, "name": entity.Entity().Name}
}

func (c *Control) vmCreate(in *http.Request) (any, error) {
	req := struct {
		Count int    `json:"count"`
		Name  string `json:"name"` // the beginning of the names
		On    *bool  `json:"on"`
	}{Count: 1, Name: "made"}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	if req.Count < 1 || req.Count > maxCreate {
		return nil, fmt.Errorf("count must be 1 to %d", maxCreate)
	}
	refs, err := c.Inventory.Create(req.Count, req.Name, req.On == nil || *req.On)
	made := make([]any, 0, len(refs))
	for _, ref := range refs {
		if vm, ok := c.Inventory.Map().Get(ref).(mo.Entity); ok {
			made = append(made, result(vm))
		}
	}
	return map[string]any{"vms": made}, err
}

func (c *Control) vmDelete(in *http.Request) (any, error) {
	var req struct {
		named
		Count int `json:"count"` // so many random ones instead of a named one
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	gone := []any{}
	if req.VM != "" {
		vm, err := c.Inventory.Machine(req.VM)
		if err != nil {
			return nil, err
		}
		gone = append(gone, result(vm))
		c.Inventory.Delete(vm)
	}
	for range req.Count {
		vm := c.Inventory.Any()
		if vm == nil {
			break
		}
		gone = append(gone, result(vm))
		c.Inventory.Delete(vm)
	}
	return map[string]any{"vms": gone}, nil
}

func (c *Control) vmRename(in *http.Request) (any, error) {
	var req struct {
		named
		Name string `json:"name"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	vm, err := c.Inventory.Machine(req.VM)
	if err != nil {
		return nil, err
	}
	if req.Name == "" {
		return nil, errors.New("a name is needed")
	}
	c.Inventory.Rename(vm, req.Name)
	return result(vm), nil
}

// machineChange is what can be set of a machine.
type machineChange struct {
	GuestIP         *string `json:"guest_ip"`
	UUID            *string `json:"uuid"`          // of the BIOS; not unique
	InstanceUUID    *string `json:"instance_uuid"` // unique in a vCenter
	CPUs            int32   `json:"cpus"`
	MemoryMiB       int32   `json:"memory_mib"`
	Annotation      *string `json:"annotation"`
	Host            *string `json:"host"`
	Name            *string `json:"name"`
	ConnectionState *string `json:"connection_state"`
	OverallStatus   *string `json:"overall_status"`
}

func (c *Control) vmUpdate(in *http.Request) (any, error) {
	var req struct {
		named
		Set machineChange `json:"set"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	vm, err := c.Inventory.Machine(req.VM)
	if err != nil {
		return nil, err
	}
	return result(vm), c.applyTo(vm, req.Set)
}

func (c *Control) applyTo(vm *simulator.VirtualMachine, set machineChange) error {
	if set.Name != nil {
		c.Inventory.Rename(vm, *set.Name)
	}
	if set.ConnectionState != nil {
		c.Inventory.SetConnection(vm, *set.ConnectionState)
	}
	if set.OverallStatus != nil {
		c.Inventory.SetStatus(vm, *set.OverallStatus)
	}
	var failed []error
	if set.GuestIP != nil {
		failed = append(failed, c.Inventory.SetGuestIP(vm, *set.GuestIP))
	}
	if set.UUID != nil || set.InstanceUUID != nil {
		failed = append(failed, c.Inventory.SetUUIDs(vm, text(set.UUID), text(set.InstanceUUID)))
	}
	if set.CPUs != 0 || set.MemoryMiB != 0 {
		failed = append(failed, c.Inventory.Resize(vm, set.CPUs, set.MemoryMiB))
	}
	if set.Annotation != nil {
		failed = append(failed, c.Inventory.Annotate(vm, *set.Annotation))
	}
	if set.Host != nil {
		failed = append(failed, c.moveTo(vm, *set.Host))
	}
	return errors.Join(failed...)
}

func text(value *string) string {
	if value == nil {
		return ""
	}
	return *value
}

func (c *Control) moveTo(vm *simulator.VirtualMachine, name string) error {
	host, err := c.Inventory.Host(name)
	if err != nil {
		return err
	}
	return c.Inventory.Move(vm, host)
}

func (c *Control) vmMove(in *http.Request) (any, error) {
	var req struct {
		named
		Host string `json:"host"` // empty: any other host of the cluster
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	vm, err := c.Inventory.Machine(req.VM)
	if err != nil {
		return nil, err
	}
	if req.Host == "" {
		others := c.Inventory.Neighbours(vm)
		if len(others) == 0 {
			return nil, fmt.Errorf("another host of the cluster: %w", live.ErrNotFound)
		}
		return result(others[0]), c.Inventory.Move(vm, others[0])
	}
	return result(vm), c.moveTo(vm, req.Host)
}

func (c *Control) vmSnapshot(in *http.Request) (any, error) {
	var req struct {
		named
		Name   string `json:"name"`
		Remove bool   `json:"remove"` // the current one
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	vm, err := c.Inventory.Machine(req.VM)
	if err != nil {
		return nil, err
	}
	if req.Remove {
		return result(vm), c.Inventory.RemoveSnapshot(vm)
	}
	return result(vm), c.Inventory.AddSnapshot(vm, req.Name)
}

func (c *Control) vmDisk(in *http.Request) (any, error) {
	var req struct {
		named
		AddGiB int64 `json:"add_gib"`
		Remove bool  `json:"remove"` // the last one
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	vm, err := c.Inventory.Machine(req.VM)
	if err != nil {
		return nil, err
	}
	if req.Remove {
		return result(vm), c.Inventory.RemoveDisk(vm)
	}
	return result(vm), c.Inventory.AddDisk(vm, max(req.AddGiB, 1))
}

// object is a request about an object of any type, by its reference ("Folder:group-12").
type object struct {
	Object string `json:"object"`
}

func (c *Control) entity(name string) (mo.Entity, error) {
	var ref types.ManagedObjectReference
	if !ref.FromString(name) {
		return nil, fmt.Errorf("%q is not Type:value", name)
	}
	entity, ok := c.Inventory.Map().Get(ref).(mo.Entity)
	if !ok {
		return nil, fmt.Errorf("%s: %w", name, live.ErrNotFound)
	}
	return entity, nil
}

func (c *Control) rename(in *http.Request) (any, error) {
	var req struct {
		object
		Name string `json:"name"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	entity, err := c.entity(req.Object)
	if err != nil {
		return nil, err
	}
	c.Inventory.Rename(entity, req.Name)
	return result(entity), nil
}

func (c *Control) hostState(in *http.Request) (any, error) {
	var req struct {
		Host  string `json:"host"`
		State string `json:"state"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	host, err := c.Inventory.Host(req.Host)
	if err != nil {
		return nil, err
	}
	return result(host), c.Inventory.SetHost(host, req.State)
}

func (c *Control) datastoreState(in *http.Request) (any, error) {
	var req struct {
		Datastore string `json:"datastore"`
		live.DatastoreChange
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	store, err := c.Inventory.Datastore(req.Datastore)
	if err != nil {
		return nil, err
	}
	return result(store), c.Inventory.SetDatastore(store, req.DatastoreChange)
}

func (c *Control) tag(in *http.Request) (any, error) {
	var req struct {
		object
		named
		Tag    string `json:"tag"` // its id or name
		Detach bool   `json:"detach"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	if c.REST == nil {
		return nil, fmt.Errorf("an ESXi host has no tags: %w", live.ErrNotPossible)
	}
	var entity mo.Entity
	var err error
	if req.VM != "" {
		entity, err = c.Inventory.Machine(req.VM)
	} else {
		entity, err = c.entity(req.Object)
	}
	if err != nil {
		return nil, err
	}
	id, err := c.REST.TagID(req.Tag)
	if err != nil {
		return nil, err
	}
	return result(entity), c.REST.Tag(entity.Reference(), id, !req.Detach)
}

// policy applies a storage policy to a machine's home, or to one of its disks.
func (c *Control) policy(in *http.Request) (any, error) {
	var req struct {
		named
		Disk   int32  `json:"disk"`   // its device key; 0: the home
		Policy string `json:"policy"` // its id or name; empty: none
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	if c.Policies == nil {
		return nil, fmt.Errorf("an ESXi host has no storage policies: %w", live.ErrNotPossible)
	}
	vm, err := c.Inventory.Machine(req.VM)
	if err != nil {
		return nil, err
	}
	object := policy.Home(vm.Self)
	if req.Disk != 0 {
		object = policy.Disk(vm.Self, req.Disk)
	}
	return result(vm), c.Policies.Apply(object, req.Policy)
}
