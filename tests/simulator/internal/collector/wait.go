// Package collector is a property collector that behaves as vCenter's does.
//
// govmomi's simulator has one whose version is always the same, which collects everything anew for each change, and
// copies each answer through XML twice. This one has versions that mean something: a version acknowledges what was told
// up to it, asking with the one before repeats the last answer, any other one is InvalidCollectorVersion. It tells an
// object's state at the time of telling, so that many changes in a short time become one, and costs what has changed.
package collector

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// gather is how long changes are gathered after the first one.
const gather = 3 * time.Millisecond

// PropertyCollector is the collector of a session, or one more that a client made.
type PropertyCollector struct {
	simulator.PropertyCollector

	hub *Hub

	callMu sync.Mutex // one call for updates at a time
	// base is the version that the client has acknowledged, issued the one that last went out with it, as last.
	base, issued int64
	last         string

	filtersMu sync.Mutex
	filters   []*PropertyFilter

	queueMu    sync.Mutex
	active     bool
	queue      map[types.ManagedObjectReference]*pending
	order      []types.ManagedObjectReference
	signal     chan struct{}
	generation int
	stop       *stopped
	forgotten  bool

	tokensMu sync.Mutex
	tokens   map[string]*rest
}

// stopped is why a call that waits has to end.
type stopped struct{ fault types.BaseMethodFault }

// WaitForUpdatesExResponse is the answer, already written.
type WaitForUpdatesExResponse struct {
	Returnval string `xml:",innerxml"`
}

type waitBody struct {
	Res    *WaitForUpdatesExResponse `xml:"WaitForUpdatesExResponse,omitempty"`
	Fault_ *soap.Fault               `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"` //nolint:revive // the name that govmomi's encoder looks for
}

// Fault implements soap.HasFault.
func (b *waitBody) Fault() *soap.Fault { return b.Fault_ }

func refuse(fault types.BaseMethodFault) *waitBody {
	return &waitBody{Fault_: simulator.Fault("", fault)}
}

// inside says whether the simulator calls itself: such calls go the simulator's own way.
func inside(ctx *simulator.Context) bool { return ctx.Session == nil || ctx.Session.UserName == "" }

// WaitForUpdatesEx tells what has changed since a version, waiting until something has.
func (c *PropertyCollector) WaitForUpdatesEx(ctx *simulator.Context, req *types.WaitForUpdatesEx) soap.HasFault {
	if inside(ctx) {
		return c.PropertyCollector.WaitForUpdatesEx(ctx, req)
	}
	c.hub = hubOf(ctx.Map)
	mine := c.supersede()
	c.callMu.Lock()
	defer c.callMu.Unlock()

	limit, deadline := c.options(req.Options)
	defer deadline.stop()
	answer, fault := c.acknowledge(ctx, req.Version)
	if fault != nil {
		return refuse(fault)
	}
	if answer != "" {
		return &waitBody{Res: &WaitForUpdatesExResponse{answer}}
	}
	first := req.Version == ""
	c.hub.wait(1)
	defer c.hub.wait(-1)
	for {
		if fault := c.advance(ctx); fault != nil {
			return refuse(fault)
		}
		if answer := c.page(ctx, limit, first); answer != "" {
			return &waitBody{Res: &WaitForUpdatesExResponse{answer}}
		}
		if done, fault := c.await(mine, deadline); fault != nil {
			return refuse(fault)
		} else if done {
			return &waitBody{Res: &WaitForUpdatesExResponse{}}
		}
	}
}

// WaitForUpdates is the older form, which some clients still use.
func (c *PropertyCollector) WaitForUpdates(ctx *simulator.Context, req *types.WaitForUpdates) soap.HasFault {
	if inside(ctx) {
		return c.PropertyCollector.WaitForUpdates(ctx, req)
	}
	body := c.WaitForUpdatesEx(ctx, &types.WaitForUpdatesEx{This: req.This, Version: req.Version}).(*waitBody)
	if body.Fault_ != nil {
		return &methods.WaitForUpdatesBody{Fault_: body.Fault_}
	}
	return &oldWaitBody{Res: &WaitForUpdatesResponse{body.Res.Returnval}}
}

// WaitForUpdatesResponse is the answer of the older form.
type WaitForUpdatesResponse struct {
	Returnval string `xml:",innerxml"`
}

type oldWaitBody struct {
	Res *WaitForUpdatesResponse `xml:"WaitForUpdatesResponse,omitempty"`
}

// Fault implements soap.HasFault.
func (*oldWaitBody) Fault() *soap.Fault { return nil }

// CancelWaitForUpdates ends the call that waits.
func (c *PropertyCollector) CancelWaitForUpdates(req *types.CancelWaitForUpdates) soap.HasFault {
	c.supersede()
	return c.PropertyCollector.CancelWaitForUpdates(req)
}

// supersede ends the call that waits, if any: its client has gone, or asks again.
func (c *PropertyCollector) supersede() int {
	c.queueMu.Lock()
	defer c.queueMu.Unlock()
	if c.signal == nil {
		c.signal = make(chan struct{}, 1)
	}
	c.generation++
	c.wakeLocked()
	return c.generation
}

func (c *PropertyCollector) wakeLocked() {
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// deadline is when a call that waits ends without updates.
type deadline struct {
	ctx  context.Context
	stop context.CancelFunc
	now  bool
}

func (c *PropertyCollector) options(options *types.WaitOptions) (limit int, d deadline) {
	limit = c.hub.updateLimit
	d.ctx, d.stop = context.WithCancel(context.Background())
	if options == nil {
		return limit, d
	}
	if options.MaxObjectUpdates > 0 {
		limit = min(limit, int(options.MaxObjectUpdates))
	}
	if seconds := options.MaxWaitSeconds; seconds != nil {
		d.stop()
		d.ctx, d.stop = context.WithTimeout(context.Background(), time.Duration(*seconds)*time.Second)
		d.now = *seconds == 0
	}
	return limit, d
}

// acknowledge takes up the client's version. It returns the last answer when that has to be repeated.
func (c *PropertyCollector) acknowledge(ctx *simulator.Context, version string) (string, types.BaseMethodFault) {
	c.queueMu.Lock()
	forgotten, stop := c.forgotten, c.stop
	c.queueMu.Unlock()
	if version == "" {
		c.begin(ctx)
		return "", nil
	}
	if stop != nil && stop.fault != nil {
		return "", stop.fault
	}
	number, err := strconv.ParseInt(version, 10, 64)
	switch {
	case err != nil || forgotten || !c.isActive():
	case number == c.issued:
		c.base, c.last = number, ""
		return "", nil
	case number == c.base && c.last != "":
		return c.last, nil
	}
	return "", &types.InvalidCollectorVersion{}
}

// begin starts from nothing.
func (c *PropertyCollector) begin(ctx *simulator.Context) {
	c.queueMu.Lock()
	c.active, c.forgotten, c.stop = true, false, nil
	c.queue, c.order = make(map[types.ManagedObjectReference]*pending), nil
	c.queueMu.Unlock()
	c.hub.join(c, ctx.Session.Key)
	c.base, c.last = c.issued, ""
	for _, filter := range c.all() {
		filter.reset()
	}
}

func (c *PropertyCollector) isActive() bool {
	c.queueMu.Lock()
	defer c.queueMu.Unlock()
	return c.active
}

func (c *PropertyCollector) all() []*PropertyFilter {
	c.filtersMu.Lock()
	defer c.filtersMu.Unlock()
	return c.filters
}

// advance gives what has changed to the filters.
func (c *PropertyCollector) advance(ctx *simulator.Context) types.BaseMethodFault {
	c.queueMu.Lock()
	changed, order := c.queue, c.order
	c.queue, c.order = make(map[types.ManagedObjectReference]*pending), nil
	c.queueMu.Unlock()
	for _, filter := range c.all() {
		if fault := filter.advance(ctx, changed, order); fault != nil {
			return fault
		}
	}
	return nil
}

// page writes the next answer, at most limit objects; "" when there is nothing to tell and it is not the first.
func (c *PropertyCollector) page(ctx *simulator.Context, limit int, first bool) string {
	e := &encoder{from: c.hub.from, to: c.hub.to}
	left, truncated := limit, false
	for _, filter := range c.all() {
		start := len(e.buf)
		e.buf = append(e.buf, `<filterSet>`...)
		e.reference("filter", filter.Self, false)
		any := false
		for left > 0 && filter.next(ctx, e) {
			any = true
			left--
		}
		truncated = truncated || len(filter.out) > 0
		if any {
			e.buf = append(e.buf, `</filterSet>`...)
		} else {
			e.buf = e.buf[:start]
		}
	}
	if len(e.buf) == 0 && !first {
		return ""
	}
	c.issued++
	c.last = `<returnval><version>` + strconv.FormatInt(c.issued, 10) + `</version>` + string(e.buf)
	if truncated {
		c.last += `<truncated>true</truncated>`
	}
	c.last += `</returnval>`
	return c.last
}

// await waits until there may be something to tell; true when the time is over.
func (c *PropertyCollector) await(mine int, d deadline) (bool, types.BaseMethodFault) {
	for {
		c.queueMu.Lock()
		stop, superseded, changed := c.stop, c.generation != mine, len(c.order) > 0
		c.queueMu.Unlock()
		switch {
		case superseded:
			return false, &types.RequestCanceled{}
		case stop != nil:
			return true, stop.fault
		case changed:
			if !d.now {
				time.Sleep(gather)
			}
			return false, nil
		case d.now:
			return true, nil
		}
		select {
		case <-c.signal:
		case <-d.ctx.Done():
			return true, nil
		}
	}
}

// note notes a change of an object, if there is a client that will ask.
func (c *PropertyCollector) note(ref types.ManagedObjectReference, f func(*pending)) {
	c.queueMu.Lock()
	defer c.queueMu.Unlock()
	if !c.active {
		return
	}
	p := c.queue[ref]
	if p == nil {
		p = &pending{}
		c.queue[ref] = p
		c.order = append(c.order, ref)
	}
	f(p)
	c.wakeLocked()
}

func (c *PropertyCollector) put(ref types.ManagedObjectReference) {
	c.note(ref, func(p *pending) { p.removed = false })
}

func (c *PropertyCollector) remove(ref types.ManagedObjectReference) {
	c.note(ref, func(p *pending) { p.removed = true })
}

func (c *PropertyCollector) modify(ref types.ManagedObjectReference, changes []types.PropertyChange) {
	c.note(ref, func(p *pending) { p.note(changes) })
}

func (c *PropertyCollector) forget() {
	c.queueMu.Lock()
	c.forgotten = true
	c.queueMu.Unlock()
}

// interrupt ends the call that waits, with a fault or without updates.
func (c *PropertyCollector) interrupt(fault types.BaseMethodFault) {
	c.queueMu.Lock()
	defer c.queueMu.Unlock()
	if c.signal != nil {
		c.stop = &stopped{fault}
		c.wakeLocked()
	}
}
