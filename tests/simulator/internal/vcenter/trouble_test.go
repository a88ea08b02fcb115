package vcenter

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/pbm"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

func now(client *govmomi.Client) error {
	_, err := methods.GetCurrentTime(context.Background(), client.Client)
	return err
}

func TestSessionsExpireWithAFault(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 3})
	client := s.login()
	w := watchAll(t, client, false, "VirtualMachine", watched...)
	w.next(false, 0)
	ended := make(chan error)
	go func() {
		_, err := w.ask(w.version, true, 0)
		ended <- err
	}()
	for s.control(http.MethodGet, "/counts", nil)["waiting"] != float64(1) {
	}
	s.control(http.MethodPost, "/sessions/expire", map[string]any{"mode": "fault"})
	if err := <-ended; !fault.Is(err, &types.NotAuthenticated{}) {
		t.Errorf("the call that waited ends with %v", err)
	}
	if err := now(client); !fault.Is(err, &types.NotAuthenticated{}) {
		t.Errorf("after it a call answers %v", err)
	}
	if err := client.Login(context.Background(), url.UserPassword(s.Ready.Username, s.Ready.Password)); err != nil {
		t.Errorf("logging in again: %v", err)
	}
	if err := now(client); err != nil {
		t.Error(err)
	}
}

func TestSessionsExpireWithEmptyAnswers(t *testing.T) {
	s := serve(t, Options{Scenario: "lifelike", VMs: 10})
	client := s.login()
	s.control(http.MethodPost, "/sessions/expire", map[string]any{"mode": "empty"})
	w := watchAll(t, client, false, "VirtualMachine", watched...)
	w.next(false, 0)
	if len(w.state) != 0 {
		t.Errorf("%d machines came", len(w.state))
	}
	if err := client.Login(context.Background(), url.UserPassword(s.Ready.Username, s.Ready.Password)); err != nil {
		t.Fatalf("logging in again: %v", err)
	}
	w = watchAll(t, client, false, "VirtualMachine", watched...)
	w.next(false, 0)
	w.same(s, "after logging in again")
}

func TestFaults(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 3})
	client := s.login()
	s.control(http.MethodPost, "/faults", map[string]any{"method": "CurrentTime", "fault": "NoPermission", "count": 1})
	if err := now(client); !fault.Is(err, &types.NoPermission{}) {
		t.Errorf("it answers %v", err)
	}
	if err := now(client); err != nil {
		t.Errorf("the second time it answers %v", err)
	}
	if status, _ := s.tryControl(http.MethodPost, "/faults", map[string]any{"fault": "NoSuchFault"}); status != http.StatusBadRequest {
		t.Errorf("an unknown fault answers %d", status)
	}
}

func TestClock(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 3})
	client := s.login()
	told := func() time.Time {
		at, err := methods.GetCurrentTime(context.Background(), client.Client)
		if err != nil {
			t.Fatal(err)
		}
		return *at
	}
	for _, jump := range []int{7200, -14400} {
		before := told()
		s.control(http.MethodPost, "/clock", map[string]any{"ahead_s": jump})
		if moved := told().Sub(before).Seconds(); math.Abs(moved-float64(jump)) > 60 {
			t.Errorf("a jump of %d s is one of %f s", jump, moved)
		}
	}
}

func TestWire(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 30})
	for _, test := range []struct {
		mode string
		fits func(error) bool
	}{
		{"503", func(err error) bool { return strings.Contains(err.Error(), "503") }},
		{"reset", func(err error) bool { return strings.Contains(err.Error(), "reset") || errors.Is(err, io.EOF) }},
		{"resetlate", func(err error) bool { return strings.Contains(err.Error(), "reset") || errors.Is(err, io.EOF) }},
		{"half", func(err error) bool { return err != nil }},
		{"resethalf", func(err error) bool { return err != nil }},
		{"malformed", func(err error) bool { return strings.Contains(err.Error(), "XML") }},
		{"html", func(err error) bool { return err != nil }},
	} {
		client := s.login()
		s.control(http.MethodPost, "/wire", map[string]any{"mode": test.mode, "match": "CurrentTime", "count": 1})
		if err := now(client); err == nil || !test.fits(err) {
			t.Errorf("%s answers %v", test.mode, err)
		}
		if err := now(client); err != nil {
			t.Errorf("after %s comes %v", test.mode, err)
		}
	}
	client := s.login()
	for _, mode := range []string{"slow", "delay"} {
		s.control(http.MethodPost, "/wire", map[string]any{"mode": mode, "match": "CurrentTime", "count": 1, "delay_ms": 50})
		if err := now(client); err != nil {
			t.Errorf("%s answers %v", mode, err)
		}
	}
	s.control(http.MethodPost, "/wire", map[string]any{"mode": "hang", "match": "CurrentTime"})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for s.control(http.MethodGet, "/counts", nil)["calls"].(map[string]any)["CurrentTime"].(float64) < 17 {
		}
		cancel()
	}()
	if _, err := methods.GetCurrentTime(ctx, client.Client); !errors.Is(err, context.Canceled) {
		t.Errorf("hang answers %v", err)
	}
	s.control(http.MethodPost, "/wire", map[string]any{"mode": "ok"})
	if err := now(client); err != nil {
		t.Error(err)
	}
}

func TestDoor(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 3})
	client := s.login()
	s.control(http.MethodPost, "/stop-accepting", map[string]any{"close": true})
	if err := now(client); err == nil {
		t.Error("a closed door answers")
	}
	s.control(http.MethodPost, "/start-accepting", nil)
	if err := now(client); err != nil {
		t.Errorf("an open door answers %v", err)
	}
	s.control(http.MethodPost, "/restart", map[string]any{"down_ms": 10})
	if err := now(client); !fault.Is(err, &types.NotAuthenticated{}) {
		t.Errorf("after a restart the session answers %v", err)
	}
}

func TestTasksOfClients(t *testing.T) {
	s := serve(t, Options{Scenario: "odd", VMs: 20})
	client := s.login()
	ctx := context.Background()
	w := watchAll(t, client, false, "VirtualMachine", append(watched, "guest.toolsRunningStatus", "config.name", "snapshot", "config.hardware.numCPU")...)
	w.next(false, 0)
	finder := find.NewFinder(client.Client)
	vm, err := finder.VirtualMachine(ctx, s.path("odd-many-datastores"))
	if err != nil {
		t.Fatal(err)
	}
	do := func(what string, task *object.Task, err error) {
		t.Helper()
		if err == nil {
			err = task.Wait(ctx)
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
		w.next(true, 0)
		for w.next(false, 0) > 0 {
		}
		w.same(s, what)
	}
	task, err := vm.PowerOff(ctx)
	do("power off", task, err)
	if got := w.state[vm.Reference()]["guest.toolsRunningStatus"]; got != "guestToolsNotRunning" {
		t.Errorf("the tools of a machine that is off are %v", got)
	}
	task, err = vm.PowerOn(ctx)
	do("power on", task, err)
	if got := w.state[vm.Reference()]["guest.ipAddress"]; got == nil || got == "" {
		t.Error("the guest has lost its address")
	}
	task, err = vm.Rename(ctx, "renamed by a client")
	do("rename", task, err)
	if got := w.state[vm.Reference()]["config.name"]; got != "renamed by a client" {
		t.Errorf("config.name is %v", got)
	}
	task, err = vm.CreateSnapshot(ctx, "one", "", false, false)
	do("snapshot", task, err)
	task, err = vm.RemoveSnapshot(ctx, "one", false, types.NewBool(true))
	do("remove the snapshot", task, err)
	task, err = vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{NumCPUs: 6, MemoryMB: 8192})
	do("reconfigure", task, err)
	if got := s.named("VirtualMachine", "renamed by a client")["cpus"]; got != float64(6) {
		t.Errorf("it has %v CPUs", got)
	}
	ticket, err := vm.AcquireTicket(ctx, "webmks")
	if err != nil || !strings.HasPrefix(ticket.Url, "wss://") {
		t.Errorf("the ticket is %+v %v", ticket, err)
	}
	task, err = vm.PowerOff(ctx)
	do("power off", task, err)
	task, err = vm.Destroy(ctx)
	do("destroy", task, err)

	orphan := object.NewVirtualMachine(client.Client, types.ManagedObjectReference{
		Type: "VirtualMachine", Value: s.named("VirtualMachine", "odd-orphaned")["moref"].(string),
	})
	if _, err := orphan.PowerOn(ctx); !fault.Is(err, &types.InvalidState{}) {
		t.Errorf("powering an orphaned machine on answers %v", err)
	}
	found, err := object.NewSearchIndex(client.Client).FindAllByUuid(ctx, nil, "4c4c4544-0044-4810-8031-b4c04f475331", true, types.NewBool(false))
	if err != nil || len(found) != 2 {
		t.Errorf("by the BIOS UUID of two machines are found %v %v", found, err)
	}
}

// path is the inventory path of a machine in the folder Odd.
func (s *simulated) path(name string) string { return "/Europe/Frankfurt/vm/Odd/" + name }

func TestPortGroupsOfClients(t *testing.T) {
	s := serve(t, Options{Scenario: "lifelike", VMs: 5})
	client := s.login()
	ctx := context.Background()
	w := watchAll(t, client, false, "DistributedVirtualSwitch", "name", "portgroup")
	w.next(false, 0)
	ref := types.ManagedObjectReference{Type: "VmwareDistributedVirtualSwitch", Value: s.named("VmwareDistributedVirtualSwitch", "dvs-fra-01")["moref"].(string)}
	dvs := object.NewDistributedVirtualSwitch(client.Client, ref)
	task, err := dvs.AddPortgroup(ctx, []types.DVPortgroupConfigSpec{{Name: "made", Type: "earlyBinding", DefaultPortConfig: &types.VMwareDVSPortSetting{
		Vlan: &types.VmwareDistributedVirtualSwitchVlanIdSpec{VlanId: 77},
	}}})
	if err == nil {
		err = task.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	group := s.named("DistributedVirtualPortgroup", "made")
	if group["vlan"] != float64(77) || group["switch"] != ref.Value {
		t.Errorf("the port group is %v", group)
	}
	w.next(true, 0)
	if groups := w.state[ref]["portgroup"].(types.ArrayOfManagedObjectReference).ManagedObjectReference; len(groups) != 11 {
		t.Errorf("the switch has %d port groups", len(groups))
	}
	portgroup := object.NewDistributedVirtualPortgroup(client.Client, types.ManagedObjectReference{Type: "DistributedVirtualPortgroup", Value: group["moref"].(string)})
	task, err = portgroup.Destroy(ctx)
	if err == nil {
		err = task.Wait(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.next(true, 0)
	if groups := w.state[ref]["portgroup"].(types.ArrayOfManagedObjectReference).ManagedObjectReference; len(groups) != 10 {
		t.Errorf("the switch has %d port groups", len(groups))
	}
}

func TestStoragePolicies(t *testing.T) {
	s := serve(t, Options{Scenario: "lifelike", VMs: 5})
	client, err := pbm.NewClient(context.Background(), s.login().Client)
	if err != nil {
		t.Fatal(err)
	}
	names, err := client.ProfileMap(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"vSAN Default Storage Policy", "Gold storage", "Langsam & günstig"} {
		if names.Name[name] == nil {
			t.Errorf("there is no policy %q in %v", name, names.Name)
		}
	}
	applied := s.control(http.MethodGet, "/truth", nil)["policies"].(map[string]any)
	count := 0
	for _, profile := range names.Profile {
		id := profile.GetPbmProfile().ProfileId
		for _, kind := range []string{"virtualMachine", "virtualDiskId"} {
			entities, err := client.QueryAssociatedEntity(context.Background(), id, kind)
			if err != nil {
				t.Fatal(err)
			}
			for _, entity := range entities {
				if count++; applied[entity.Key] != id.UniqueId {
					t.Errorf("%s has %v, not %s", entity.Key, applied[entity.Key], id.UniqueId)
				}
				ids, err := client.QueryAssociatedProfile(context.Background(), entity)
				if err != nil || len(ids) != 1 || ids[0] != id {
					t.Errorf("%s has %v: %v", entity.Key, ids, err)
				}
			}
		}
	}
	if count == 0 || count != len(applied) {
		t.Errorf("%d objects have policies, and %v", count, applied)
	}
}

// TestAPI walks the paths under /api.
func TestAPI(t *testing.T) {
	s := serve(t, Options{Scenario: "lifelike", VMs: 20})
	client := s.login()
	base := strings.TrimSuffix(s.Ready.URL, "/sdk") + "/api"
	session := ""
	call := func(method, path, body string) (int, any) {
		t.Helper()
		req, err := http.NewRequest(method, base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if session == "" {
			req.SetBasicAuth(s.Ready.Username, s.Ready.Password)
		} else {
			req.Header.Set("vmware-api-session-id", session)
		}
		res, err := client.Client.Client.Client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var answer any
		_ = json.NewDecoder(res.Body).Decode(&answer)
		return res.StatusCode, answer
	}
	status, id := call(http.MethodPost, "/session", "")
	if status != http.StatusCreated {
		t.Fatalf("logging in answers %d", status)
	}
	session = id.(string)
	if status, who := call(http.MethodGet, "/session", ""); status != http.StatusOK || who.(map[string]any)["user"] != s.Ready.Username {
		t.Errorf("the session is %d %v", status, who)
	}
	_, tags := call(http.MethodGet, "/cis/tagging/tag", "")
	tag := tags.([]any)[0].(string)
	_, before := call(http.MethodPost, "/cis/tagging/tag-association/"+tag+"?action=list-attached-objects", "")
	vm := s.named("VirtualMachine", "tpl-debian-12")["moref"].(string)
	object := `{"object_id":{"type":"VirtualMachine","id":"` + vm + `"}}`
	if status, _ := call(http.MethodPost, "/cis/tagging/tag-association/"+tag+"?action=detach", object); status != http.StatusNoContent {
		t.Errorf("detaching answers %d", status)
	}
	if status, _ := call(http.MethodPost, "/cis/tagging/tag-association/"+tag+"?action=attach", object); status != http.StatusNoContent {
		t.Errorf("attaching answers %d", status)
	}
	_, attached := call(http.MethodPost, "/cis/tagging/tag-association?action=list-attached-tags", object)
	if !names(attached, tag) {
		t.Errorf("attached are %v, before it was attached to %v", attached, before)
	}
	_, category := call(http.MethodPost, "/cis/tagging/category", `{"name":"made","description":"","cardinality":"SINGLE","associable_types":[]}`)
	status, empty := call(http.MethodPost, "/cis/tagging/tag?action=list-tags-for-category", `{"category_id":"`+category.(string)+`"}`)
	if status != http.StatusOK || len(empty.([]any)) != 0 {
		t.Errorf("the tags of a new category are %d %v", status, empty)
	}
	if status, problem := call(http.MethodGet, "/cis/tagging/tag/urn:none", ""); status != http.StatusNotFound || problem.(map[string]any)["error_type"] != "NOT_FOUND" {
		t.Errorf("a tag that is not there answers %d %v", status, problem)
	}
	_, libraries := call(http.MethodGet, "/content/library", "")
	items := 0
	for _, library := range libraries.([]any) {
		_, list := call(http.MethodGet, "/content/library/item?library_id="+library.(string), "")
		for _, item := range list.([]any) {
			status, one := call(http.MethodGet, "/content/library/item/"+item.(string), "")
			if status != http.StatusOK || one.(map[string]any)["name"] == "" {
				t.Errorf("the item is %d %v", status, one)
			}
			items++
		}
	}
	if items != 6 {
		t.Errorf("%d items in %v", items, libraries)
	}
	s.control(http.MethodPost, "/sessions/expire", nil)
	if status, _ := call(http.MethodGet, "/cis/tagging/tag", ""); status != http.StatusUnauthorized {
		t.Errorf("an expired session answers %d", status)
	}
}

func TestEventsOfTheControlAPI(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 3})
	client := s.login()
	s.control(http.MethodPost, "/power", map[string]any{"vm": "vm-00001", "state": "off"})
	s.control(http.MethodPost, "/vm/rename", map[string]any{"vm": "vm-00001", "name": "other"})
	s.control(http.MethodPost, "/vm/move", map[string]any{"vm": "other"})
	s.control(http.MethodPost, "/vm/delete", map[string]any{"vm": "other"})
	events, err := event.NewManager(client.Client).QueryEvents(context.Background(), types.EventFilterSpec{})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, e := range events {
		if e.GetEvent().Vm != nil {
			texts = append(texts, e.GetEvent().FullFormattedMessage)
		}
	}
	want := []string{ // the latest first
		"Removed other on esx-000.flat.test from DC0",
		"Migration of virtual machine other from esx-001.flat.test, datastore-00 to esx-000.flat.test, datastore-00 completed",
		"Renamed other from vm-00001 to other in DC0",
		"vm-00001 on esx-001.flat.test in DC0 is powered off",
	}
	if !slices.Equal(texts, want) {
		t.Errorf("the events are %q", texts)
	}
}
