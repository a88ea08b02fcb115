package vcenter

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// watch is a property collector of its own over all objects of a type.
type watch struct {
	t       *testing.T
	client  *govmomi.Client
	self    types.ManagedObjectReference
	version string
	// state is what the updates amount to.
	state map[types.ManagedObjectReference]map[string]any
}

func watchAll(t *testing.T, client *govmomi.Client, partial bool, kind string, paths ...string) *watch {
	t.Helper()
	ctx := context.Background()
	all, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{kind}, true)
	if err != nil {
		t.Fatal(err)
	}
	made, err := methods.CreatePropertyCollector(ctx, client.Client, &types.CreatePropertyCollector{This: client.ServiceContent.PropertyCollector})
	if err != nil {
		t.Fatal(err)
	}
	w := &watch{t: t, client: client, self: made.Returnval, state: make(map[types.ManagedObjectReference]map[string]any)}
	_, err = methods.CreateFilter(ctx, client.Client, &types.CreateFilter{This: w.self, PartialUpdates: partial, Spec: types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: all.Reference(), Skip: types.NewBool(true), SelectSet: []types.BaseSelectionSpec{all.TraversalSpec()}}},
		PropSet:   []types.PropertySpec{{Type: kind, PathSet: paths}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// ask asks once for what is new since the version, without waiting, or until something comes.
func (w *watch) ask(version string, wait bool, limit int32) (*types.UpdateSet, error) {
	options := &types.WaitOptions{MaxObjectUpdates: limit}
	if !wait {
		options.MaxWaitSeconds = types.NewInt32(0)
	}
	res, err := methods.WaitForUpdatesEx(context.Background(), w.client.Client, &types.WaitForUpdatesEx{This: w.self, Version: version, Options: options})
	if err != nil {
		return nil, err
	}
	return res.Returnval, nil
}

// next takes up updates until an answer is not truncated, and returns how many answers there were.
func (w *watch) next(wait bool, limit int32) int {
	w.t.Helper()
	for pages := 1; ; pages++ {
		set, err := w.ask(w.version, wait && pages == 1, limit)
		if err != nil {
			w.t.Fatal(err)
		}
		if set == nil {
			return pages - 1
		}
		w.apply(set)
		if set.Truncated == nil || !*set.Truncated {
			return pages
		}
	}
}

func (w *watch) apply(set *types.UpdateSet) {
	w.t.Helper()
	w.version = set.Version
	for _, filter := range set.FilterSet {
		for _, object := range filter.ObjectSet {
			_, known := w.state[object.Obj]
			switch object.Kind {
			case types.ObjectUpdateKindEnter:
				if known {
					w.t.Errorf("%s enters twice", object.Obj)
				}
				w.state[object.Obj] = make(map[string]any)
			case types.ObjectUpdateKindLeave:
				if !known {
					w.t.Errorf("%s leaves without having entered", object.Obj)
				}
				delete(w.state, object.Obj)
				continue
			default:
				if !known {
					w.t.Errorf("%s is modified without having entered", object.Obj)
					continue
				}
			}
			for _, change := range object.ChangeSet {
				w.state[object.Obj][change.Name] = change.Val
			}
		}
	}
}

// same compares what the updates amount to with the truth.
func (w *watch) same(s *simulated, what string) {
	w.t.Helper()
	truth := s.truth("VirtualMachine")
	if len(truth) != len(w.state) {
		w.t.Errorf("%s: %d machines are known, %d are there", what, len(w.state), len(truth))
	}
	for ref, properties := range w.state {
		vm := truth[ref.Value]
		if vm == nil {
			w.t.Errorf("%s: %s is gone", what, ref)
			continue
		}
		power := fmt.Sprint(properties["runtime.powerState"])
		host := ""
		if ref, ok := properties["runtime.host"].(types.ManagedObjectReference); ok {
			host = ref.Value
		}
		if properties["name"] != vm["name"] || power != vm["power_state"] || host != vm["host"] {
			w.t.Errorf("%s: %s is known as %v %v %v, but is %v %v %v", what, ref,
				properties["name"], power, host, vm["name"], vm["power_state"], vm["host"])
		}
	}
}

var watched = []string{"name", "runtime.powerState", "runtime.host", "guest.ipAddress", "config.hardware.device"}

func TestWatchStaysTrue(t *testing.T) {
	s := serve(t, Options{Scenario: "odd", VMs: 130})
	w := watchAll(t, s.login(), false, "VirtualMachine", watched...)
	if pages := w.next(false, 0); pages != (len(w.state)+99)/100 {
		t.Errorf("%d machines came in %d answers", len(w.state), pages)
	}
	w.same(s, "at first")
	for round := range 5 {
		s.control(http.MethodPost, "/churn", map[string]any{"now": 200})
		s.control(http.MethodPost, "/vm/create", map[string]any{"count": 3})
		s.control(http.MethodPost, "/vm/delete", map[string]any{"count": 3})
		w.next(true, 7)
		w.same(s, fmt.Sprint("round ", round))
	}
	if set, err := w.ask(w.version, false, 0); err != nil || set != nil {
		t.Errorf("without a change: %v %v", set, err)
	}
}

// TestWatchWaits asks before something changes.
func TestWatchWaits(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 10})
	w := watchAll(t, s.login(), false, "VirtualMachine", watched...)
	w.next(false, 0)
	for _, state := range []string{"off", "on", "suspended"} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			w.next(true, 0)
		}()
		for s.control(http.MethodGet, "/counts", nil)["waiting"] != float64(1) {
		}
		s.control(http.MethodPost, "/power", map[string]any{"vm": "vm-00001", "state": state})
		<-done
		w.same(s, state)
	}
}

func TestVersions(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 10})
	w := watchAll(t, s.login(), false, "VirtualMachine", watched...)
	invalid := func(version string) {
		t.Helper()
		if _, err := w.ask(version, false, 0); !fault.Is(err, &types.InvalidCollectorVersion{}) {
			t.Errorf("version %q answers %v", version, err)
		}
	}
	invalid("1") // nothing was given out yet
	w.next(false, 0)
	first := w.version
	s.control(http.MethodPost, "/power", map[string]any{"vm": "vm-00001", "state": "off"})
	once, err := w.ask(first, true, 0)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.ask(first, true, 0) // as after an answer that was lost
	if err != nil || again.Version != once.Version || len(again.FilterSet[0].ObjectSet) != 1 {
		t.Errorf("asked again, the answer is %+v %v", again, err)
	}
	w.apply(once)
	if set, err := w.ask(w.version, false, 0); err != nil || set != nil {
		t.Errorf("after it was acknowledged: %v %v", set, err)
	}
	invalid(first)
	invalid("-")
	invalid("999")

	s.control(http.MethodPost, "/versions", map[string]any{"mode": "forget"})
	invalid(w.version)
	w.version, w.state = "", make(map[types.ManagedObjectReference]map[string]any)
	w.next(false, 0)
	w.same(s, "after beginning again")
}

// TestPartialUpdates: what changed of a list comes by itself to a filter that asked for it, whole to one that did not.
func TestPartialUpdates(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 5})
	client := s.login()
	partial := watchAll(t, client, true, "VirtualMachine", "config.hardware.device", "runtime")
	whole := watchAll(t, client, false, "VirtualMachine", "config.hardware.device", "runtime")
	partial.next(false, 0)
	whole.next(false, 0)
	changes := func(w *watch) map[string]types.PropertyChange {
		set, err := w.ask(w.version, true, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.version = set.Version
		result := make(map[string]types.PropertyChange)
		for _, change := range set.FilterSet[0].ObjectSet[0].ChangeSet {
			result[change.Name] = change
		}
		return result
	}
	s.control(http.MethodPost, "/vm/disk", map[string]any{"vm": "vm-00002", "add_gib": 5})
	if got := changes(partial); got["config.hardware.device[2001]"].Op != types.PropertyChangeOpAdd || len(got) != 1 {
		t.Errorf("adding a disk is told as %v", got)
	}
	if got := changes(whole); len(got) != 1 || got["config.hardware.device"].Val == nil {
		t.Errorf("adding a disk is told as %v", got)
	}
	s.control(http.MethodPost, "/vm/disk", map[string]any{"vm": "vm-00002", "remove": true})
	if got := changes(partial)["config.hardware.device[2001]"]; got.Op != types.PropertyChangeOpRemove || got.Val != nil {
		t.Errorf("removing a disk is told as %v", got)
	}
	changes(whole)
	s.control(http.MethodPost, "/vm/move", map[string]any{"vm": "vm-00002"})
	if got := changes(partial); got["runtime.host"].Val == nil || len(got) != 1 {
		t.Errorf("a move is told as %v", got)
	}
	if got := changes(whole); got["runtime"].Val == nil || len(got) != 1 {
		t.Errorf("a move is told as %v", got)
	}
}

func TestUUIDComesLater(t *testing.T) {
	s := serve(t, Options{Scenario: "odd", VMs: 10})
	w := watchAll(t, s.login(), false, "VirtualMachine", "name", "config.uuid", "config.instanceUuid")
	w.next(false, 0)
	vm := s.named("VirtualMachine", "odd-no-uuid-yet")
	ref := types.ManagedObjectReference{Type: "VirtualMachine", Value: vm["moref"].(string)}
	if w.state[ref]["config.uuid"] != nil {
		t.Fatalf("it has %v", w.state[ref])
	}
	s.control(http.MethodPost, "/vm/update", map[string]any{"vm": "odd-no-uuid-yet", "set": map[string]any{"uuid": "u-1", "instance_uuid": "i-1"}})
	w.next(true, 0)
	if w.state[ref]["config.uuid"] != "u-1" || w.state[ref]["config.instanceUuid"] != "i-1" {
		t.Errorf("it has %v", w.state[ref])
	}
}

func TestUnknownPropertyIsAFault(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 2})
	client := s.login()
	_, err := methods.RetrievePropertiesEx(context.Background(), client.Client, &types.RetrievePropertiesEx{
		This: client.ServiceContent.PropertyCollector,
		SpecSet: []types.PropertyFilterSpec{{
			ObjectSet: []types.ObjectSpec{{Obj: client.ServiceContent.RootFolder}},
			PropSet:   []types.PropertySpec{{Type: "Folder", PathSet: []string{"name", "nmae"}}},
		}},
	})
	if !fault.Is(err, &types.InvalidProperty{}) {
		t.Errorf("it answers %v", err)
	}
}

func TestDeniedPropertyIsMissing(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 2})
	s.control(http.MethodPost, "/deny", map[string]any{"type": "VirtualMachine", "path": "guest.ipAddress"})
	w := watchAll(t, s.login(), false, "VirtualMachine", watched...)
	set, err := w.ask("", false, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range set.FilterSet[0].ObjectSet {
		if len(object.MissingSet) != 1 || object.MissingSet[0].Path != "guest.ipAddress" {
			t.Errorf("missing is %v", object.MissingSet)
		}
	}
}

func TestRetrieveInPages(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 25, RetrieveLimit: 10})
	client := s.login()
	ctx := context.Background()
	all, err := view.NewManager(client.Client).CreateContainerView(ctx, client.ServiceContent.RootFolder, []string{"VirtualMachine"}, true)
	if err != nil {
		t.Fatal(err)
	}
	res, err := methods.RetrievePropertiesEx(ctx, client.Client, &types.RetrievePropertiesEx{
		This: client.ServiceContent.PropertyCollector,
		SpecSet: []types.PropertyFilterSpec{{
			ObjectSet: []types.ObjectSpec{{Obj: all.Reference(), Skip: types.NewBool(true), SelectSet: []types.BaseSelectionSpec{all.TraversalSpec()}}},
			PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{len(res.Returnval.Objects)}
	token := res.Returnval.Token
	for token != "" {
		next, err := methods.ContinueRetrievePropertiesEx(ctx, client.Client, &types.ContinueRetrievePropertiesEx{
			This: client.ServiceContent.PropertyCollector, Token: token,
		})
		if err != nil {
			t.Fatal(err)
		}
		sizes, token = append(sizes, len(next.Returnval.Objects)), next.Returnval.Token
	}
	if fmt.Sprint(sizes) != "[10 10 5]" {
		t.Errorf("the pages have %v objects", sizes)
	}
}

// TestManyWatchersUnderChurn watches from several sessions while everything changes, and compares in the end.
func TestManyWatchersUnderChurn(t *testing.T) {
	s := serve(t, Options{Scenario: "odd", VMs: 100})
	var watches []*watch
	for i := range 4 {
		watches = append(watches, watchAll(t, s.login(), i%2 == 0, "VirtualMachine", watched...))
	}
	s.control(http.MethodPost, "/churn", map[string]any{"rate": 3000})
	done := make(chan struct{})
	for _, w := range watches {
		go func() {
			defer func() { done <- struct{}{} }()
			for s.control(http.MethodGet, "/counts", nil)["changes"].(float64) < 3000 {
				set, err := w.ask(w.version, true, 20)
				if err != nil {
					t.Error(err)
					return
				}
				w.apply(set)
			}
		}()
	}
	for range watches {
		<-done
	}
	s.control(http.MethodPost, "/churn", map[string]any{"rate": 0})
	for i, w := range watches {
		for w.next(false, 0) > 0 {
		}
		w.same(s, fmt.Sprint("watch ", i))
	}
}
