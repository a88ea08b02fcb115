// Package live changes a served inventory, as administrators, DRS and guests change a real one.
//
// Every change is made under the lock of the object that it changes and raises property updates; references between
// objects are changed on both sides, one object at a time, so that no two locks are held at once.
package live

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/inventory"
)

// ErrNotFound is wrapped by errors about an object that is not there.
var ErrNotFound = errors.New("not found")

// ErrNotPossible is wrapped by errors about a change that the object's state does not allow.
var ErrNotPossible = errors.New("not possible")

// Inventory is a served inventory that can be changed.
type Inventory struct {
	service *simulator.Service
	builder *inventory.Builder
	ahead   atomic.Int64 // of the true time, see ShiftClock

	mu       sync.Mutex // guards what follows, and the builder
	random   *rand.Rand
	machines []types.ManagedObjectReference
	spared   map[string]bool // by their references' values
	created  int
	first    int // how many machines there were at first

	stores   []*simulator.Datastore
	notified []simulator.RegisterObject
}

// New wraps what the builder built.
func New(service *simulator.Service, builder *inventory.Builder, seed uint64) *Inventory {
	inv := &Inventory{
		service: service,
		builder: builder,
		random:  rand.New(rand.NewPCG(seed, 0xc4a26e)),
		spared:  make(map[string]bool),
	}
	for _, vm := range builder.Machines() {
		inv.machines = append(inv.machines, vm.Self)
	}
	inv.first = len(inv.machines)
	for _, store := range inv.Sorted("Datastore") {
		inv.stores = append(inv.stores, store.(*simulator.Datastore))
	}
	inv.Map().AddHandler(newFollower(inv))
	return inv
}

// Map is the registry of the inventory.
func (inv *Inventory) Map() *simulator.Registry { return inv.service.Context.Map }

// Now is the time as the platform has it.
func (inv *Inventory) Now() time.Time { return time.Now().UTC().Add(time.Duration(inv.ahead.Load())) }

// ShiftClock lets the platform's clock jump, forward or (with a negative one) back. What has a time already keeps it.
func (inv *Inventory) ShiftClock(by time.Duration) { inv.ahead.Add(int64(by)) }

// newContext makes an owner for locks. Every change needs one of its own.
func (inv *Inventory) newContext() *simulator.Context {
	ctx := *inv.service.Context
	ctx.Context = context.Background()
	return &ctx
}

// update raises changes of an object, under its lock.
func (inv *Inventory) update(object mo.Reference, changes ...types.PropertyChange) {
	ctx := inv.newContext()
	ctx.WithLock(object, func() { ctx.Update(object, changes) })
}

// change raises the changes that f decides on, under the object's lock. f returns none to change nothing.
func (inv *Inventory) change(object mo.Reference, f func() ([]types.PropertyChange, error)) error {
	ctx := inv.newContext()
	var err error
	ctx.WithLock(object, func() {
		var changes []types.PropertyChange
		if changes, err = f(); err == nil && len(changes) > 0 {
			ctx.Update(object, changes)
		}
	})
	return err
}

// reference adds a reference to one of an object's lists, or removes it.
func (inv *Inventory) reference(object mo.Reference, property string, list *[]types.ManagedObjectReference, ref types.ManagedObjectReference, add bool) {
	ctx := inv.newContext()
	ctx.WithLock(object, func() {
		kept := make([]types.ManagedObjectReference, 0, len(*list)+1)
		for _, known := range *list {
			if known != ref {
				kept = append(kept, known)
			}
		}
		if add {
			kept = append(kept, ref)
		}
		ctx.Update(object, []types.PropertyChange{{Name: property, Val: kept}})
	})
}

// Machine finds a virtual machine by its reference's value or its name.
func (inv *Inventory) Machine(name string) (*simulator.VirtualMachine, error) {
	if vm, ok := inv.Map().Get(types.ManagedObjectReference{Type: "VirtualMachine", Value: name}).(*simulator.VirtualMachine); ok {
		return vm, nil
	}
	object, err := inv.find("VirtualMachine", name)
	if err != nil {
		return nil, err
	}
	return object.(*simulator.VirtualMachine), nil
}

// Host finds a host by its reference's value or its name.
func (inv *Inventory) Host(name string) (*simulator.HostSystem, error) {
	object, err := inv.find("HostSystem", name)
	if err != nil {
		return nil, err
	}
	return object.(*simulator.HostSystem), nil
}

// Datastore finds a datastore by its reference's value or its name.
func (inv *Inventory) Datastore(name string) (*simulator.Datastore, error) {
	object, err := inv.find("Datastore", name)
	if err != nil {
		return nil, err
	}
	return object.(*simulator.Datastore), nil
}

func (inv *Inventory) find(kind, name string) (mo.Entity, error) {
	for _, object := range inv.Map().All(kind) {
		if object.Reference().Value == name || object.Entity().Name == name {
			return object, nil
		}
	}
	return nil, fmt.Errorf("%s %q: %w", kind, name, ErrNotFound)
}

// Sorted returns all objects of a kind in the order of their making.
func (inv *Inventory) Sorted(kind string) []mo.Entity {
	objects := inv.Map().All(kind)
	sort.Slice(objects, func(i, j int) bool { return refLess(objects[i].Reference(), objects[j].Reference()) })
	return objects
}

// refLess orders references by their numbers.
func refLess(a, b types.ManagedObjectReference) bool {
	if len(a.Value) != len(b.Value) {
		return len(a.Value) < len(b.Value)
	}
	return strings.Compare(a.Value, b.Value) < 0
}

func assign(name string, value any) types.PropertyChange {
	return types.PropertyChange{Name: name, Val: value, Op: types.PropertyChangeOpAssign}
}
