package collector

import (
	"strings"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// Strange ways to answer a property.
const (
	Future  = "future"  // a value of a type that no client knows, as a newer vCenter may send
	Garbage = "garbage" // a value that cannot be read as what it says it is
	Gone    = "gone"    // not set, told by indirectRemove: what it was a part of is not there
)

// oddities are properties that are answered in a strange way.
type oddities struct {
	mu    sync.RWMutex
	modes map[denial]string
}

// Strange makes a property of an object be answered in a strange way, or (with an empty mode) as it is again. Those who
// watch it are told. False when the mode is unknown.
func (h *Hub) Strange(ref types.ManagedObjectReference, path, mode string) bool {
	switch mode {
	case "", Future, Garbage, Gone:
	default:
		return false
	}
	h.oddities.mu.Lock()
	if h.oddities.modes == nil {
		h.oddities.modes = make(map[denial]string)
	}
	if mode == "" {
		delete(h.oddities.modes, denial{ref.Type, path, ref.Value})
	} else {
		h.oddities.modes[denial{ref.Type, path, ref.Value}] = mode
	}
	h.oddities.mu.Unlock()
	h.each(func(c *PropertyCollector) {
		c.modify(ref, []types.PropertyChange{{Name: path, Op: types.PropertyChangeOpAssign}})
	})
	return true
}

func (h *Hub) strange(ref types.ManagedObjectReference, path string) string {
	h.oddities.mu.RLock()
	defer h.oddities.mu.RUnlock()
	if len(h.oddities.modes) == 0 {
		return ""
	}
	return h.oddities.modes[denial{ref.Type, path, ref.Value}]
}

// strangeChange writes a property's change in a strange way. A property that is gone is told so to those who knew it.
func (e *encoder) strangeChange(path, mode string, entering bool) {
	op := types.PropertyChangeOpAssign
	if mode == Gone {
		if entering {
			return
		}
		op = types.PropertyChangeOpIndirectRemove
	}
	e.buf = append(e.buf, `<changeSet><name>`...)
	e.escape(path)
	e.buf = append(e.buf, `</name><op>`...)
	e.buf = append(e.buf, op...)
	e.buf = append(e.buf, `</op>`...)
	e.strangeValue(mode)
	e.buf = append(e.buf, `</changeSet>`...)
}

// strangeProperty writes a property that is read in a strange way.
func (e *encoder) strangeProperty(path, mode string) {
	if mode == Gone {
		return
	}
	e.buf = append(e.buf, `<propSet><name>`...)
	e.escape(path)
	e.buf = append(e.buf, `</name>`...)
	e.strangeValue(mode)
	e.buf = append(e.buf, `</propSet>`...)
}

func (e *encoder) strangeValue(mode string) {
	switch mode {
	case Future:
		e.buf = append(e.buf, `<val xsi:type="FutureThing"><flavour xsi:type="FutureFlavour">strange</flavour>`...)
		e.buf = append(e.buf, strings.Repeat(`<quark><spin>-1</spin></quark>`, 3)...)
		e.buf = append(e.buf, `</val>`...)
	case Garbage:
		e.buf = append(e.buf, `<val xsi:type="xsd:int">as many as the stars</val>`...)
	}
}
