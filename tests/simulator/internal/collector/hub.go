package collector

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Hub gives the changes of a registry to the property collectors that watch it.
type Hub struct {
	self types.ManagedObjectReference
	// UpdateLimit is the greatest number of objects in one update: vCenter, too, takes a client's number as a wish.
	updateLimit int
	// RetrieveLimit is the same for reading.
	retrieveLimit int
	from, to      string
	denials       denials
	oddities      oddities
	muted         sync.Map // of types.ManagedObjectReference
	hidden        atomic.Bool

	mu         sync.Mutex
	collectors map[*PropertyCollector]string // and their sessions
	waiting    int
}

// hubs finds a registry's hub: the simulator makes a session's collector itself, by the type of the registered one.
var hubs sync.Map // of *simulator.Registry to *Hub

// Options are a hub's limits, and how the directories of datastores are shown.
type Options struct {
	UpdateLimit, RetrieveLimit int
	From, To                   string
}

// Install puts this package's property collector in the place of the simulator's.
func Install(registry *simulator.Registry, root types.ManagedObjectReference, options Options) *Hub {
	hub := &Hub{
		self:        types.ManagedObjectReference{Type: "SpandrelHub", Value: "hub"},
		updateLimit: options.UpdateLimit, retrieveLimit: options.RetrieveLimit, from: options.From, to: options.To,
		collectors: make(map[*PropertyCollector]string),
	}
	collector := &PropertyCollector{}
	collector.Self = root
	registry.Put(collector)
	registry.AddHandler(hub)
	hubs.Store(registry, hub)
	return hub
}

func hubOf(registry *simulator.Registry) *Hub {
	hub, _ := hubs.Load(registry)
	return hub.(*Hub)
}

// Remove forgets a registry that is no longer served.
func Remove(registry *simulator.Registry) { hubs.Delete(registry) }

// Reference implements simulator.RegisterObject.
func (h *Hub) Reference() types.ManagedObjectReference { return h.self }

// PutObject implements simulator.RegisterObject.
func (h *Hub) PutObject(_ *simulator.Context, object mo.Reference) {
	h.each(func(c *PropertyCollector) { c.put(object.Reference()) })
}

// RemoveObject implements simulator.RegisterObject.
func (h *Hub) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	h.each(func(c *PropertyCollector) { c.remove(ref) })
}

// UpdateObject implements simulator.RegisterObject.
func (h *Hub) UpdateObject(_ *simulator.Context, object mo.Reference, changes []types.PropertyChange) {
	if _, muted := h.muted.Load(object.Reference()); muted {
		return
	}
	h.each(func(c *PropertyCollector) { c.modify(object.Reference(), changes) })
}

// Mute lets changes of an object go untold, or not any more. Who reads it sees it as it is.
func (h *Hub) Mute(ref types.ManagedObjectReference, mute bool) {
	if mute {
		h.muted.Store(ref, true)
	} else {
		h.muted.Delete(ref)
	}
}

// Hide lets whoever begins to watch or read find none of the inventory's objects, or find them again.
func (h *Hub) Hide(hide bool) { h.hidden.Store(hide) }

// visible are the objects that are found.
func (h *Hub) visible(ctx *simulator.Context, refs []types.ManagedObjectReference) []types.ManagedObjectReference {
	if !h.hidden.Load() {
		return refs
	}
	return slices.DeleteFunc(refs, func(ref types.ManagedObjectReference) bool {
		_, isEntity := ctx.Map.Get(ref).(mo.Entity)
		return isEntity
	})
}

func (h *Hub) each(f func(*PropertyCollector)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.collectors {
		f(c)
	}
}

func (h *Hub) join(c *PropertyCollector, session string) {
	h.mu.Lock()
	h.collectors[c] = session
	h.mu.Unlock()
}

func (h *Hub) leave(c *PropertyCollector) {
	h.mu.Lock()
	delete(h.collectors, c)
	h.mu.Unlock()
}

func (h *Hub) wait(n int) {
	h.mu.Lock()
	h.waiting += n
	h.mu.Unlock()
}

// Waiting is how many calls wait for updates.
func (h *Hub) Waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waiting
}

// Forget makes every version that was given out invalid.
func (h *Hub) Forget() int {
	count := 0
	h.each(func(c *PropertyCollector) {
		c.forget()
		count++
	})
	return count
}

// SessionEnded ends what waits for a session. A hollow session goes on, without updates.
func (h *Hub) SessionEnded(key string, hollow bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c, session := range h.collectors {
		if session != key {
			continue
		}
		if hollow {
			c.interrupt(nil)
		} else {
			c.interrupt(&types.NotAuthenticated{NoPermission: types.NoPermission{Object: &c.Self, PrivilegeId: "System.View"}})
			delete(h.collectors, c)
		}
	}
}

// pending is what is known to have changed of an object since the last update.
type pending struct {
	removed bool
	// paths that changed, with the values of keyed changes: nil for all others, which are read when they are sent.
	paths map[string]*types.PropertyChange
	order []string
}

func (p *pending) note(changes []types.PropertyChange) {
	if p.paths == nil {
		p.paths = make(map[string]*types.PropertyChange, len(changes))
	}
	for i := range changes {
		name := changes[i].Name
		if _, ok := p.paths[name]; !ok {
			p.order = append(p.order, name)
		}
		p.paths[name] = nil
		if strings.HasSuffix(name, "]") && (changes[i].Op == types.PropertyChangeOpAdd || changes[i].Op == types.PropertyChangeOpRemove) {
			change := changes[i]
			p.paths[name] = &change
		}
	}
}

// merge adds later changes to earlier ones.
func (p *pending) merge(later *pending) {
	if p.paths == nil {
		p.paths = make(map[string]*types.PropertyChange, len(later.paths))
	}
	for _, name := range later.order {
		if _, ok := p.paths[name]; !ok {
			p.order = append(p.order, name)
		}
		p.paths[name] = later.paths[name]
	}
}
