package collector

import (
	"reflect"
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// RetrievePropertiesExResponse, ContinueRetrievePropertiesExResponse and RetrievePropertiesResponse are answers, already
// written.
type (
	RetrievePropertiesExResponse struct {
		Returnval string `xml:",innerxml"`
	}
	ContinueRetrievePropertiesExResponse struct {
		Returnval string `xml:",innerxml"`
	}
	RetrievePropertiesResponse struct {
		Returnval string `xml:",innerxml"`
	}
)

type retrieveBody struct {
	Res *RetrievePropertiesExResponse `xml:"RetrievePropertiesExResponse,omitempty"`
}

type continueBody struct {
	Res *ContinueRetrievePropertiesExResponse `xml:"ContinueRetrievePropertiesExResponse,omitempty"`
}

type oldRetrieveBody struct {
	Res *RetrievePropertiesResponse `xml:"RetrievePropertiesResponse,omitempty"`
}

// Fault implements soap.HasFault.
func (*retrieveBody) Fault() *soap.Fault { return nil }

// Fault implements soap.HasFault.
func (*continueBody) Fault() *soap.Fault { return nil }

// Fault implements soap.HasFault.
func (*oldRetrieveBody) Fault() *soap.Fault { return nil }

// CreateFilter adds a filter. A property that a type does not have is a fault, as in vCenter.
func (c *PropertyCollector) CreateFilter(ctx *simulator.Context, req *types.CreateFilter) soap.HasFault {
	if inside(ctx) {
		return c.PropertyCollector.CreateFilter(ctx, req)
	}
	c.hub = hubOf(ctx.Map)
	body := &methods.CreateFilterBody{}
	selected, fault := selectObjects(ctx, &req.Spec)
	plan := newPlan(req.Spec.PropSet)
	if fault == nil {
		fault = checkPaths(ctx, selected.refs, plan)
	}
	if fault != nil {
		body.Fault_ = simulator.Fault("", fault)
		return body
	}
	filter := &PropertyFilter{collector: c, plan: plan}
	filter.Spec, filter.PartialUpdates = req.Spec, req.PartialUpdates
	filter.Self.Type = "PropertyFilter"
	filter.reset()
	ref := ctx.Session.Put(filter).Reference()
	c.filtersMu.Lock()
	c.Filter = append(slices.Clone(c.Filter), ref)
	c.filters = append(slices.Clone(c.filters), filter)
	c.filtersMu.Unlock()
	c.queueMu.Lock()
	if c.active { // a call that waits has something to tell now
		c.order = append(c.order, ref)
		c.queue[ref] = &pending{}
		c.wakeLocked()
	}
	c.queueMu.Unlock()
	body.Res = &types.CreateFilterResponse{Returnval: ref}
	return body
}

// checkPaths looks at one object of each type for properties that it does not have.
func checkPaths(ctx *simulator.Context, refs []types.ManagedObjectReference, plan *plan) types.BaseMethodFault {
	seen := make(map[string]bool)
	for _, ref := range refs {
		if seen[ref.Type] {
			continue
		}
		seen[ref.Type] = true
		object, ok := fetch(ctx, ref)
		if !ok {
			continue
		}
		ask, ok := plan.of(object.Type(), ref)
		if !ok {
			continue
		}
		for _, path := range ask.paths {
			if _, result := resolve(object, path); result == invalid {
				return &types.InvalidProperty{Name: path}
			}
		}
	}
	return nil
}

// CreatePropertyCollector makes one more collector for the session.
func (c *PropertyCollector) CreatePropertyCollector(ctx *simulator.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	made := &PropertyCollector{hub: hubOf(ctx.Map)}
	made.Self.Type = "PropertyCollector"
	return &methods.CreatePropertyCollectorBody{
		Res: &types.CreatePropertyCollectorResponse{Returnval: ctx.Session.Put(made).Reference()},
	}
}

// DestroyPropertyCollector ends a collector and its filters.
func (c *PropertyCollector) DestroyPropertyCollector(ctx *simulator.Context, req *types.DestroyPropertyCollector) soap.HasFault {
	if inside(ctx) {
		return c.PropertyCollector.DestroyPropertyCollector(ctx, req)
	}
	c.supersede()
	hubOf(ctx.Map).leave(c)
	for _, filter := range c.all() {
		ctx.Session.Remove(ctx, filter.Self)
	}
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyPropertyCollectorBody{Res: &types.DestroyPropertyCollectorResponse{}}
}

// rest is what is left of a reading that is answered in pages.
type rest struct {
	parts []part
	limit int
}

// part is what one specification selected.
type part struct {
	refs []types.ManagedObjectReference
	plan *plan
}

// RetrievePropertiesEx reads objects' properties, in pages.
func (c *PropertyCollector) RetrievePropertiesEx(ctx *simulator.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	if inside(ctx) {
		return c.PropertyCollector.RetrievePropertiesEx(ctx, req)
	}
	hub := hubOf(ctx.Map)
	limit := hub.retrieveLimit
	if req.Options.MaxObjects > 0 {
		limit = min(limit, int(req.Options.MaxObjects))
	}
	left, fault := prepare(ctx, req.SpecSet, limit)
	if fault != nil {
		return &methods.RetrievePropertiesExBody{Fault_: simulator.Fault(messageOf(fault), fault)}
	}
	return &retrieveBody{Res: &RetrievePropertiesExResponse{c.read(ctx, hub, left)}}
}

func messageOf(fault types.BaseMethodFault) string {
	if _, ok := fault.(*types.ManagedObjectNotFound); ok {
		return "The object has already been deleted or has not been completely created"
	}
	return ""
}

// ContinueRetrievePropertiesEx reads the next page.
func (c *PropertyCollector) ContinueRetrievePropertiesEx(ctx *simulator.Context, req *types.ContinueRetrievePropertiesEx) soap.HasFault {
	if inside(ctx) {
		return c.PropertyCollector.ContinueRetrievePropertiesEx(ctx, req)
	}
	c.tokensMu.Lock()
	left, ok := c.tokens[req.Token]
	delete(c.tokens, req.Token)
	c.tokensMu.Unlock()
	if !ok {
		return &methods.ContinueRetrievePropertiesExBody{Fault_: simulator.Fault("", &types.InvalidArgument{InvalidProperty: "token"})}
	}
	return &continueBody{Res: &ContinueRetrievePropertiesExResponse{c.read(ctx, hubOf(ctx.Map), left)}}
}

// CancelRetrievePropertiesEx forgets what is left of a reading.
func (c *PropertyCollector) CancelRetrievePropertiesEx(ctx *simulator.Context, req *types.CancelRetrievePropertiesEx) soap.HasFault {
	c.tokensMu.Lock()
	_, ok := c.tokens[req.Token]
	delete(c.tokens, req.Token)
	c.tokensMu.Unlock()
	if !ok {
		return &methods.CancelRetrievePropertiesExBody{Fault_: simulator.Fault("", &types.InvalidArgument{InvalidProperty: "token"})}
	}
	return &methods.CancelRetrievePropertiesExBody{Res: &types.CancelRetrievePropertiesExResponse{}}
}

// RetrieveProperties is the older form, without pages.
func (c *PropertyCollector) RetrieveProperties(ctx *simulator.Context, req *types.RetrieveProperties) soap.HasFault {
	if inside(ctx) {
		return c.PropertyCollector.RetrieveProperties(ctx, req)
	}
	left, fault := prepare(ctx, req.SpecSet, 0)
	if fault != nil {
		return &methods.RetrievePropertiesBody{Fault_: simulator.Fault(messageOf(fault), fault)}
	}
	hub := hubOf(ctx.Map)
	e := &encoder{from: hub.from, to: hub.to}
	for _, p := range left.parts {
		for _, ref := range p.refs {
			hub.writeContent(ctx, e, "returnval", ref, p.plan)
		}
	}
	return &oldRetrieveBody{Res: &RetrievePropertiesResponse{string(e.buf)}}
}

func prepare(ctx *simulator.Context, specs []types.PropertyFilterSpec, limit int) (*rest, types.BaseMethodFault) {
	left := &rest{limit: limit}
	for i := range specs {
		selected, fault := selectObjects(ctx, &specs[i])
		if fault != nil {
			return nil, fault
		}
		plan := newPlan(specs[i].PropSet)
		if fault := checkPaths(ctx, selected.refs, plan); fault != nil {
			return nil, fault
		}
		left.parts = append(left.parts, part{selected.refs, plan})
	}
	return left, nil
}

// read writes a page, and keeps what is left under a token.
func (c *PropertyCollector) read(ctx *simulator.Context, hub *Hub, left *rest) string {
	e := &encoder{from: hub.from, to: hub.to}
	for count := 0; len(left.parts) > 0; {
		p := &left.parts[0]
		if len(p.refs) == 0 {
			left.parts = left.parts[1:]
			continue
		}
		if count == left.limit {
			token := uuid.NewString()
			c.tokensMu.Lock()
			if c.tokens == nil {
				c.tokens = make(map[string]*rest)
			}
			c.tokens[token] = left
			c.tokensMu.Unlock()
			return `<returnval><token>` + token + `</token>` + string(e.buf) + `</returnval>`
		}
		if hub.writeContent(ctx, e, "objects", p.refs[0], p.plan) {
			count++
		}
		p.refs = p.refs[1:]
	}
	if len(e.buf) == 0 {
		return ""
	}
	return `<returnval>` + string(e.buf) + `</returnval>`
}

// writeContent writes an object's properties; false when it has gone or nothing is asked of it.
func (h *Hub) writeContent(ctx *simulator.Context, e *encoder, name string, ref types.ManagedObjectReference, plan *plan) bool {
	object, ok := fetch(ctx, ref)
	if !ok {
		return false
	}
	ask, ok := plan.of(object.Type(), ref)
	if !ok {
		return false
	}
	e.open(name, false, "")
	e.reference("obj", ref, false)
	ctx.WithLock(ref, func() {
		var missing []string
		for _, path := range ask.paths {
			if h.denied(ref, path) {
				missing = append(missing, path)
				continue
			}
			if mode := h.strange(ref, path); mode != "" {
				e.strangeProperty(path, mode)
				continue
			}
			if value, result := resolve(object, path); result == found {
				e.property(path, value)
			}
		}
		for _, path := range missing {
			e.denied(path, ref)
		}
	})
	e.close(name)
	return true
}

func (e *encoder) property(name string, value reflect.Value) {
	e.buf = append(e.buf, `<propSet><name>`...)
	e.escape(name)
	e.buf = append(e.buf, `</name>`...)
	e.value(value)
	e.buf = append(e.buf, `</propSet>`...)
}

// denials are properties that may not be read.
type denials struct {
	mu    sync.RWMutex
	paths map[denial]bool
}

type denial struct{ kind, path, value string }

// Deny makes a property of a type unreadable, of one object or (with an empty value) of all; or readable again.
func (h *Hub) Deny(kind, path, value string, deny bool) {
	h.denials.mu.Lock()
	defer h.denials.mu.Unlock()
	next := make(map[denial]bool, len(h.denials.paths)+1)
	for d := range h.denials.paths {
		next[d] = true
	}
	if deny {
		next[denial{kind, path, value}] = true
	} else {
		delete(next, denial{kind, path, value})
	}
	h.denials.paths = next
}

func (h *Hub) denied(ref types.ManagedObjectReference, path string) bool {
	h.denials.mu.RLock()
	defer h.denials.mu.RUnlock()
	if len(h.denials.paths) == 0 {
		return false
	}
	return h.denials.paths[denial{ref.Type, path, ""}] || h.denials.paths[denial{ref.Type, path, ref.Value}]
}
