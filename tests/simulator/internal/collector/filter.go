package collector

import (
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// PropertyFilter is one filter of a collector, and what its client knows through it.
type PropertyFilter struct {
	mo.PropertyFilter
	unlocked

	collector *PropertyCollector
	plan      *plan
	primed    bool
	// known are the objects that the client knows (true), or will know when their turn in out comes (false).
	known   map[types.ManagedObjectReference]bool
	sources map[types.ManagedObjectReference][]string
	out     []item
	// modified are the changes in out, by object: what changes again before it is told is told once.
	modified map[types.ManagedObjectReference]*pending
}

// item is what is to be told of an object. change is nil for one that enters or leaves.
type item struct {
	kind   types.ObjectUpdateKind
	ref    types.ManagedObjectReference
	change *pending
}

// unlocked objects have locks of their own.
type unlocked struct{}

// Lock implements sync.Locker.
func (unlocked) Lock() {}

// Unlock implements sync.Locker.
func (unlocked) Unlock() {}

// DestroyPropertyFilter takes the filter from its collector.
func (f *PropertyFilter) DestroyPropertyFilter(ctx *simulator.Context, req *types.DestroyPropertyFilter) soap.HasFault {
	f.collector.filtersMu.Lock()
	f.collector.filters = slices.DeleteFunc(slices.Clone(f.collector.filters), func(o *PropertyFilter) bool { return o == f })
	simulator.RemoveReference(&f.collector.Filter, req.This)
	f.collector.filtersMu.Unlock()
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyPropertyFilterBody{Res: &types.DestroyPropertyFilterResponse{}}
}

// reset forgets what the client knows.
func (f *PropertyFilter) reset() {
	f.primed, f.sources, f.out = false, nil, nil
	f.known = make(map[types.ManagedObjectReference]bool)
	f.modified = make(map[types.ManagedObjectReference]*pending)
}

// advance takes up what has changed and puts into out what is to be told.
func (f *PropertyFilter) advance(ctx *simulator.Context, changed map[types.ManagedObjectReference]*pending, order []types.ManagedObjectReference) types.BaseMethodFault {
	if !f.primed || f.moved(changed) {
		if fault := f.selectAgain(ctx); fault != nil {
			return fault
		}
	}
	for _, ref := range order {
		change := changed[ref]
		sent, known := f.known[ref]
		switch {
		case !known:
		case change.removed:
			f.forget(ref)
		case sent && f.modified[ref] != nil:
			f.modified[ref].merge(change)
		case sent:
			own := &pending{}
			own.merge(change)
			f.modified[ref] = own
			f.out = append(f.out, item{types.ObjectUpdateKindModify, ref, own})
		}
	}
	return nil
}

// moved says whether the selection has to be made again.
func (f *PropertyFilter) moved(changed map[types.ManagedObjectReference]*pending) bool {
	for ref, paths := range f.sources {
		change, ok := changed[ref]
		if !ok {
			continue
		}
		for _, path := range paths {
			for name := range change.paths {
				if name == path || strings.HasPrefix(path, name+".") {
					return true
				}
			}
		}
	}
	return false
}

func (f *PropertyFilter) selectAgain(ctx *simulator.Context) types.BaseMethodFault {
	selected, fault := selectObjects(ctx, &f.Spec)
	if fault != nil {
		return fault
	}
	f.primed, f.sources = true, selected.sources
	now := make(map[types.ManagedObjectReference]bool, len(selected.refs))
	for _, ref := range selected.refs {
		now[ref] = true
		if _, known := f.known[ref]; !known {
			f.known[ref] = false
			f.out = append(f.out, item{types.ObjectUpdateKindEnter, ref, nil})
		}
	}
	for ref := range f.known {
		if !now[ref] {
			f.forget(ref)
		}
	}
	return nil
}

// forget tells that an object has left, if the client knows it.
func (f *PropertyFilter) forget(ref types.ManagedObjectReference) {
	sent := f.known[ref]
	delete(f.known, ref)
	delete(f.modified, ref)
	if sent {
		f.out = append(f.out, item{types.ObjectUpdateKindLeave, ref, nil})
	}
}

// next writes the next item that says something, false when there is none left.
func (f *PropertyFilter) next(ctx *simulator.Context, e *encoder) bool {
	for len(f.out) > 0 {
		it := f.out[0]
		f.out = f.out[1:]
		if it.change != nil {
			delete(f.modified, it.ref)
		}
		start := len(e.buf)
		if f.write(ctx, e, it) {
			return true
		}
		e.buf = e.buf[:start]
	}
	return false
}

func (f *PropertyFilter) write(ctx *simulator.Context, e *encoder, it item) bool {
	e.buf = append(e.buf, `<objectSet><kind>`...)
	e.buf = append(e.buf, it.kind...)
	e.buf = append(e.buf, `</kind>`...)
	e.reference("obj", it.ref, false)
	if it.kind == types.ObjectUpdateKindLeave {
		e.buf = append(e.buf, `</objectSet>`...)
		return true
	}
	sent, known := f.known[it.ref]
	if !known || sent == (it.kind == types.ObjectUpdateKindEnter) {
		return false // it has left meanwhile, or was told already
	}
	object, ok := fetch(ctx, it.ref)
	if !ok {
		return false
	}
	ask, ok := f.plan.of(object.Type(), it.ref)
	if !ok {
		return false
	}
	said := false
	ctx.WithLock(it.ref, func() {
		if it.kind == types.ObjectUpdateKindEnter {
			f.writeAll(e, object, it.ref, ask.paths)
			said = true
		} else {
			said = f.writeChanges(e, object, it.ref, ask.paths, it.change)
		}
	})
	if said {
		f.known[it.ref] = true
		e.buf = append(e.buf, `</objectSet>`...)
	}
	return said
}

// writeAll writes all that is asked of an object.
func (f *PropertyFilter) writeAll(e *encoder, object reflect.Value, ref types.ManagedObjectReference, paths []string) {
	var missing []string
	hub := f.collector.hub
	for _, path := range paths {
		if hub.denied(ref, path) {
			missing = append(missing, path)
			continue
		}
		if mode := hub.strange(ref, path); mode != "" {
			e.strangeChange(path, mode, true)
			continue
		}
		value, result := resolve(object, path)
		if result != invalid {
			e.change(path, types.PropertyChangeOpAssign, value)
		}
	}
	for _, path := range missing {
		e.denied(path, ref)
	}
}

// writeChanges writes what has changed and is asked for; false when that is nothing.
func (f *PropertyFilter) writeChanges(e *encoder, object reflect.Value, ref types.ManagedObjectReference, asked []string, change *pending) bool {
	said := false
	for _, path := range asked {
		if f.collector.hub.denied(ref, path) {
			continue
		}
		reports := f.reports(path, change)
		if mode := f.collector.hub.strange(ref, path); mode != "" {
			if len(reports) > 0 {
				e.strangeChange(path, mode, false)
				said = true
			}
			continue
		}
		for _, report := range reports {
			value, result := resolve(object, report)
			op := types.PropertyChangeOpAssign
			if keyed := change.paths[report]; keyed != nil {
				op = keyed.Op
				if op == types.PropertyChangeOpRemove {
					value = reflect.Value{}
				}
			} else if result == invalid {
				continue
			}
			e.change(report, op, value)
			said = true
		}
	}
	return said
}

// reports says which paths to report when path is asked for: itself, or, if partial updates were asked for, what has
// changed below it.
func (f *PropertyFilter) reports(path string, change *pending) []string {
	var below []string
	for _, name := range change.order {
		switch {
		case name == path:
			if !f.PartialUpdates || !change.keyedBelow(path) {
				return []string{path}
			}
		case strings.HasPrefix(path, name+"."), strings.HasPrefix(path, name+"["):
			return []string{path}
		case strings.HasPrefix(name, path+"."), strings.HasPrefix(name, path+"["):
			if !f.PartialUpdates {
				return []string{path}
			}
			if strings.HasSuffix(name, "]") || !change.keyedBelow(name) {
				below = append(below, name)
			}
		}
	}
	return below
}

// keyedBelow says whether a list's change is also there as changes of its elements.
func (p *pending) keyedBelow(list string) bool {
	for _, name := range p.order {
		if strings.HasPrefix(name, list+"[") {
			return true
		}
	}
	return false
}

// change writes a property's change; an invalid value is one that is not set.
func (e *encoder) change(name string, op types.PropertyChangeOp, value reflect.Value) {
	e.buf = append(e.buf, `<changeSet><name>`...)
	e.escape(name)
	e.buf = append(e.buf, `</name><op>`...)
	e.buf = append(e.buf, op...)
	e.buf = append(e.buf, `</op>`...)
	if value.IsValid() {
		e.value(value)
	}
	e.buf = append(e.buf, `</changeSet>`...)
}

// denied writes that a property may not be read.
func (e *encoder) denied(path string, ref types.ManagedObjectReference) {
	e.buf = append(e.buf, `<missingSet><path>`...)
	e.escape(path)
	e.buf = append(e.buf, `</path><fault><fault xsi:type="NoPermission">`...)
	e.reference("object", ref, false)
	e.buf = append(e.buf, `<privilegeId>System.Read</privilegeId></fault><localizedMessage>Permission to perform this operation was denied.</localizedMessage></fault></missingSet>`...)
}
