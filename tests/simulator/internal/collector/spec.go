package collector

import (
	"reflect"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// selection is what a filter's specification selects of the inventory.
type selection struct {
	refs []types.ManagedObjectReference
	// sources are the objects that a traversal went through, with the paths that it followed: when one of these
	// properties changes, the selection has to be made again.
	sources map[types.ManagedObjectReference][]string
}

// selector makes a selection.
type selector struct {
	ctx   *simulator.Context
	seen  map[types.ManagedObjectReference]bool
	named map[string]*types.TraversalSpec
	// visited are traversals done, by object and specification: specifications refer to each other in circles.
	visited map[visit]bool
	selection
}

type visit struct {
	ref  types.ManagedObjectReference
	spec *types.TraversalSpec
}

// selectObjects makes the selection of one specification, or says what is wrong with it.
func selectObjects(ctx *simulator.Context, spec *types.PropertyFilterSpec) (selection, types.BaseMethodFault) {
	s := &selector{
		ctx: ctx, seen: make(map[types.ManagedObjectReference]bool), named: make(map[string]*types.TraversalSpec),
		visited:   make(map[visit]bool),
		selection: selection{sources: make(map[types.ManagedObjectReference][]string)},
	}
	for _, object := range spec.ObjectSet {
		s.name(object.SelectSet)
	}
	for _, object := range spec.ObjectSet {
		if ctx.Session.Get(object.Obj) == nil {
			if spec.ReportMissingObjectsInResults == nil || !*spec.ReportMissingObjectsInResults {
				return selection{}, &types.ManagedObjectNotFound{Obj: object.Obj}
			}
			continue
		}
		if object.Skip == nil || !*object.Skip {
			s.add(object.Obj)
		}
		if fault := s.follow(object.Obj, object.SelectSet); fault != nil {
			return selection{}, fault
		}
	}
	s.refs = hubOf(ctx.Map).visible(ctx, s.refs)
	return s.selection, nil
}

// name learns the names of traversals, wherever they are defined.
func (s *selector) name(set []types.BaseSelectionSpec) {
	for _, item := range set {
		if traversal, ok := item.(*types.TraversalSpec); ok {
			if traversal.Name != "" {
				s.named[traversal.Name] = traversal
			}
			s.name(traversal.SelectSet)
		}
	}
}

func (s *selector) add(ref types.ManagedObjectReference) {
	if !s.seen[ref] {
		s.seen[ref] = true
		s.refs = append(s.refs, ref)
	}
}

// follow follows the traversals that are for the object's type.
func (s *selector) follow(ref types.ManagedObjectReference, set []types.BaseSelectionSpec) types.BaseMethodFault {
	if len(set) == 0 {
		return nil
	}
	object, ok := fetch(s.ctx, ref)
	if !ok {
		return nil
	}
	for _, item := range set {
		traversal, ok := item.(*types.TraversalSpec)
		if !ok {
			if traversal = s.named[item.GetSelectionSpec().Name]; traversal == nil {
				return &types.InvalidArgument{InvalidProperty: "selectSet"}
			}
		}
		if !isA(object.Type(), ref, traversal.Type) || s.visited[visit{ref, traversal}] {
			continue
		}
		s.visited[visit{ref, traversal}] = true
		s.sources[ref] = append(s.sources[ref], traversal.Path)
		var targets []types.ManagedObjectReference
		s.ctx.WithLock(ref, func() { targets = referencesAt(object, traversal.Path) })
		for _, target := range targets {
			if traversal.Skip == nil || !*traversal.Skip {
				s.add(target)
			}
			if fault := s.follow(target, traversal.SelectSet); fault != nil {
				return fault
			}
		}
	}
	return nil
}

// referencesAt copies the references that a property has.
func referencesAt(object reflect.Value, path string) []types.ManagedObjectReference {
	value, result := resolve(object, path)
	if result != found {
		return nil
	}
	switch refs := value.Interface().(type) {
	case []types.ManagedObjectReference:
		return append([]types.ManagedObjectReference(nil), refs...)
	case types.ManagedObjectReference:
		return []types.ManagedObjectReference{refs}
	}
	return nil
}

// asked is what is asked of objects of one type.
type asked struct {
	all   bool
	paths []string
}

// plan says what a specification asks, by type of object.
type plan struct {
	sets  []types.PropertySpec
	known map[planKey]asked
}

type planKey struct {
	t    reflect.Type
	kind string
}

func newPlan(sets []types.PropertySpec) *plan {
	return &plan{sets: sets, known: make(map[planKey]asked)}
}

// of says what is asked of an object; nothing means that the object is not reported at all.
func (p *plan) of(t reflect.Type, ref types.ManagedObjectReference) (asked, bool) {
	key := planKey{t, ref.Type}
	if a, ok := p.known[key]; ok {
		return a, a.all || a.paths != nil
	}
	var a asked
	seen := make(map[string]bool)
	for _, set := range p.sets {
		if !isA(t, ref, set.Type) {
			continue
		}
		if set.All != nil && *set.All {
			a.all = true
		}
		if a.paths == nil {
			a.paths = []string{}
		}
		for _, path := range set.PathSet {
			if !seen[path] {
				seen[path] = true
				a.paths = append(a.paths, path)
			}
		}
	}
	if a.all {
		a.paths = allPaths(t, nil)
	}
	p.known[key] = a
	return a, a.paths != nil
}

// allPaths are the names of a managed object's properties.
func allPaths(t reflect.Type, paths []string) []string {
	for i := range t.NumField() {
		field := t.Field(i)
		switch {
		case field.Anonymous:
			paths = allPaths(field.Type, paths)
		case field.Name != "Self":
			name := strings.ToLower(field.Name[:1]) + field.Name[1:]
			known := false
			for _, path := range paths { // a name of a derived type hides the one of its base
				known = known || path == name
			}
			if !known {
				paths = append(paths, name)
			}
		}
	}
	return paths
}
