package vcenter

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/types"
)

// simulated is a running simulator and a way to its control API.
type simulated struct {
	*Server
	t *testing.T
}

func serve(t *testing.T, options Options) *simulated {
	t.Helper()
	options.Listen, options.Control = "127.0.0.1:0", "127.0.0.1:0"
	options.Username, options.Password = "operator@vsphere.local", "s3cret&<'\">"
	if options.Seed == 0 {
		options.Seed = 7
	}
	server, err := Start(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return &simulated{server, t}
}

// login makes a client with a session.
func (s *simulated) login() *govmomi.Client {
	s.t.Helper()
	client, err := s.tryLogin(s.Ready.Password)
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

func (s *simulated) tryLogin(password string) (*govmomi.Client, error) {
	u, err := url.Parse(s.Ready.URL)
	if err != nil {
		return nil, err
	}
	u.User = url.UserPassword(s.Ready.Username, password)
	return govmomi.NewClient(context.Background(), u, true)
}

// control asks the control API and returns its answer.
func (s *simulated) control(method, path string, body any) map[string]any {
	s.t.Helper()
	status, answer := s.tryControl(method, path, body)
	if status != http.StatusOK {
		s.t.Fatalf("%s %s: %d %v", method, path, status, answer)
	}
	return answer
}

func (s *simulated) tryControl(method, path string, body any) (int, map[string]any) {
	s.t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	req, err := http.NewRequest(method, s.Ready.Control+path, bytes.NewReader(data))
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// truth is the inventory as the control API tells it, by reference.
func (s *simulated) truth(kind string) map[string]map[string]any {
	s.t.Helper()
	objects := make(map[string]map[string]any)
	for _, object := range s.control(http.MethodGet, "/truth?type="+kind, nil)["objects"].([]any) {
		o := object.(map[string]any)
		objects[o["moref"].(string)] = o
	}
	return objects
}

// named finds one object of the truth by its name.
func (s *simulated) named(kind, name string) map[string]any {
	s.t.Helper()
	for _, object := range s.truth(kind) {
		if object["name"] == name {
			return object
		}
	}
	s.t.Fatalf("there is no %s %q", kind, name)
	return nil
}

func TestReadyNamesTheCertificate(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 3})
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(s.Ready.CAPEM)) {
		t.Fatal("ca_pem is no certificate")
	}
	host := strings.TrimSuffix(strings.TrimPrefix(s.Ready.URL, "https://"), "/sdk")
	conn, err := tls.Dial("tcp", host, &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := thumbprint(conn.ConnectionState().PeerCertificates[0].Raw); got != s.Ready.ThumbprintSHA256 {
		t.Errorf("the thumbprint is %s, not %s", got, s.Ready.ThumbprintSHA256)
	}
	if conn, err := tls.Dial("tcp", host, &tls.Config{}); err == nil {
		_ = conn.Close()
		t.Error("a client that does not know the authority trusts the server")
	}
}

func TestLogin(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 3})
	client := s.login()
	about := client.ServiceContent.About
	if about.ApiType != "VirtualCenter" || about.Version != "8.0.3" || about.InstanceUuid != s.Ready.InstanceUUID {
		t.Errorf("about says %+v", about)
	}
	if _, err := s.tryLogin("wrong"); !fault.Is(err, &types.InvalidLogin{}) {
		t.Errorf("a wrong password answers %v", err)
	}
	if err := client.Logout(context.Background()); err != nil {
		t.Error(err)
	}
	if got := s.control(http.MethodGet, "/counts", nil)["sessions"]; got != float64(0) {
		t.Errorf("%v sessions are left", got)
	}
}

func TestStandaloneHost(t *testing.T) {
	s := serve(t, Options{ESX: true})
	about := s.login().ServiceContent.About
	if about.ApiType != "HostAgent" || s.Ready.InstanceUUID != "" {
		t.Errorf("about says %+v", about)
	}
	if got := len(s.truth("VirtualMachine")); got != 12 {
		t.Errorf("%d machines", got)
	}
	same := serve(t, Options{ESX: true, HostName: "esx-1.example.com", HostUUID: "00000000-0000-4000-8000-00000000e5c1", VMs: 2})
	if host := same.named("HostSystem", "esx-1.example.com"); host["uuid"] != "00000000-0000-4000-8000-00000000e5c1" {
		t.Errorf("the host is %v", host)
	}
	if status, _ := s.tryControl(http.MethodPost, "/tag", map[string]any{"vm": "lab-01", "tag": "PCI"}); status != http.StatusConflict {
		t.Errorf("tagging on a host answers %d", status)
	}
}

func TestOneSeedMakesOneInventory(t *testing.T) {
	ids := func(seed uint64) map[string]any {
		s := serve(t, Options{Scenario: "lifelike", VMs: 50, Seed: seed})
		result := map[string]any{"vcenter": s.Ready.InstanceUUID}
		for moref, vm := range s.truth("VirtualMachine") {
			result[moref] = vm["instance_uuid"].(string) + " " + vm["name"].(string)
		}
		return result
	}
	first, again, other := ids(3), ids(3), ids(4)
	for moref, id := range first {
		if again[moref] != id {
			t.Fatalf("%s is %v and %v", moref, id, again[moref])
		}
	}
	moved := serve(t, Options{Scenario: "lifelike", VMs: 50, Seed: 3, MorefOffset: 10_000}).truth("VirtualMachine")
	for moref := range moved {
		if first[moref] != nil {
			t.Errorf("%s is a reference with and without an offset", moref)
		}
	}
	if first["vcenter"] == other["vcenter"] {
		t.Error("two seeds make one vCenter")
	}
	seen := make(map[any]bool)
	for moref, id := range first {
		if seen[id] {
			t.Errorf("%s is not the only %v", moref, id)
		}
		seen[id] = true
	}
}

// TestReferencesGoBothWays checks in every scenario that what names a machine is named by it.
func TestReferencesGoBothWays(t *testing.T) {
	for _, scenario := range []string{"lifelike", "odd", "flat"} {
		s := serve(t, Options{Scenario: scenario, VMs: 60})
		s.control(http.MethodPost, "/churn", map[string]any{"now": 400})
		machines := s.truth("VirtualMachine")
		for _, side := range []struct{ kind, list, property string }{
			{"HostSystem", "vms", "host"}, {"Datastore", "vms", "datastores"}, {"ResourcePool", "vms", "pool"},
			{"DistributedVirtualPortgroup", "vms", "networks"}, {"Network", "vms", "networks"}, {"Folder", "children", "parent"},
		} {
			objects := s.truth(side.kind)
			for moref, object := range objects {
				for _, vm := range object[side.list].([]any) {
					machine, ok := machines[vm.(string)]
					if !ok {
						if strings.HasPrefix(vm.(string), "vm-") {
							t.Errorf("%s: %s names %v, which is gone", scenario, moref, vm)
						}
						continue
					}
					if !names(machine[side.property], moref) {
						t.Errorf("%s: %s names %v, which has %s %v", scenario, moref, vm, side.property, machine[side.property])
					}
				}
			}
			for moref, machine := range machines {
				for _, target := range list(machine[side.property]) {
					object, ok := objects[target]
					if ok && !names(object[side.list], moref) {
						t.Errorf("%s: %s has %s %s, which does not name it", scenario, moref, side.property, target)
					}
				}
			}
		}
	}
}

func list(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var result []string
		for _, item := range v {
			result = append(result, item.(string))
		}
		return result
	}
	return nil
}

func names(value any, moref string) bool {
	for _, item := range list(value) {
		if item == moref {
			return true
		}
	}
	return false
}

func TestOddShapes(t *testing.T) {
	s := serve(t, Options{Scenario: "odd", VMs: 20})
	vms := make(map[string]map[string]any)
	twins := 0
	for _, vm := range s.truth("VirtualMachine") {
		vms[vm["name"].(string)] = vm
		if vm["name"] == "odd-twin" {
			twins++
		}
	}
	if twins != 2 {
		t.Errorf("%d twins", twins)
	}
	for name, check := range map[string]func(map[string]any) bool{
		"odd-slash-a%2fb":    func(vm map[string]any) bool { return true },
		"odd-数据库-主服务器":       func(vm map[string]any) bool { return true },
		"odd-🚀-rocket":       func(vm map[string]any) bool { return true },
		"odd-orphaned":       func(vm map[string]any) bool { return vm["has_config"] == false && vm["connection_state"] == "orphaned" },
		"odd-inaccessible":   func(vm map[string]any) bool { return vm["has_config"] == false },
		"odd-no-uuid-yet":    func(vm map[string]any) bool { return vm["uuid"] == "" && vm["instance_uuid"] == "" },
		"odd-same-uuid-1":    func(vm map[string]any) bool { return vm["uuid"] == vms["odd-same-uuid-2"]["uuid"] },
		"odd-suspended":      func(vm map[string]any) bool { return vm["power_state"] == "suspended" },
		"odd-question":       func(vm map[string]any) bool { return vm["question"] == true },
		"odd-template":       func(vm map[string]any) bool { return vm["template"] == true && vm["pool"] == nil },
		"odd-bare":           func(vm map[string]any) bool { return len(vm["disks"].([]any)) == 0 && len(vm["nics"].([]any)) == 0 },
		"odd-many-devices":   func(vm map[string]any) bool { return len(vm["disks"].([]any)) == 18 && len(vm["nics"].([]any)) == 10 },
		"odd-vapp-web":       func(vm map[string]any) bool { return vm["vapp"] != nil && vm["parent"] == nil },
		"odd-linked-clone-4": func(vm map[string]any) bool { return vm["disks"].([]any)[0].(map[string]any)["has_parent"] == true },
		"odd-rdm":            func(vm map[string]any) bool { return vm["disks"].([]any)[1].(map[string]any)["rdm"] == "physicalMode" },
		"odd-multiwriter-1": func(vm map[string]any) bool {
			return vm["disks"].([]any)[1].(map[string]any)["sharing"] == "sharingMultiWriter"
		},
		"odd-nsx": func(vm map[string]any) bool { return vm["nics"].([]any)[0].(map[string]any)["opaque"] != nil },
	} {
		if vm := vms[name]; vm == nil || !check(vm) {
			t.Errorf("%s: %v", name, vm)
		}
	}
	if cluster := s.named("ClusterComputeResource", "odd-empty-cluster"); len(cluster["hosts"].([]any)) != 0 {
		t.Errorf("the empty cluster has %v", cluster["hosts"])
	}
	if host := s.named("HostSystem", "odd-esx-maintenance.example.com"); host["maintenance"] != true {
		t.Errorf("the host in maintenance is %v", host)
	}
	if host := s.named("HostSystem", "odd-esx-disconnected.example.com"); host["connection_state"] != "disconnected" {
		t.Errorf("the disconnected host is %v", host)
	}
}

// TestChurn counts changes instead of timing them: at a rate, so many come in the end, and none after it is set to 0.
func TestChurn(t *testing.T) {
	s := serve(t, Options{Scenario: "lifelike", VMs: 60})
	total := func() float64 { return s.control(http.MethodGet, "/counts", nil)["changes"].(float64) }
	if got := total(); got != 0 {
		t.Fatalf("%v changes without a rate", got)
	}
	s.control(http.MethodPost, "/churn", map[string]any{"rate": 500})
	for total() < 200 {
		time.Sleep(10 * time.Millisecond)
	}
	s.control(http.MethodPost, "/churn", map[string]any{"rate": 0})
	stopped := total()
	s.control(http.MethodPost, "/churn", map[string]any{"now": 1000})
	if got := total(); got < stopped+950 || got > stopped+1000 {
		t.Errorf("1000 changes at once made %v", got-stopped)
	}
	acts := s.control(http.MethodGet, "/counts", nil)["acts"].(map[string]any)
	for _, act := range []string{"power", "guest_ip", "move", "resize", "rename", "snapshot_add", "disk_add", "create", "delete", "tag"} {
		if acts[act] == nil {
			t.Errorf("no change was %s: %v", act, acts)
		}
	}
	if status, answer := s.tryControl(http.MethodPost, "/churn", map[string]any{"rte": 5}); status != http.StatusBadRequest {
		t.Errorf("a misspelt field answers %d %v", status, answer)
	}
}

// TestChurnDoesNotGrowForEver makes more changes than an inventory without limits would bear.
func TestChurnDoesNotGrowForEver(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 40})
	s.control(http.MethodPost, "/churn", map[string]any{"now": 5000})
	machines := s.truth("VirtualMachine")
	if len(machines) < 20 || len(machines) > 50 {
		t.Errorf("of 40 machines there are %d", len(machines))
	}
	for moref, vm := range machines {
		if list, ok := vm["snapshots"].([]any); ok && len(list) > 6 {
			t.Errorf("%s has %d snapshots", moref, len(list))
		}
	}
}

func TestChurnLeavesSparedMachinesAlone(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 20})
	before := s.truth("VirtualMachine")
	var spared []string
	for moref := range before {
		if len(spared) < 5 {
			spared = append(spared, moref)
		}
	}
	s.control(http.MethodPost, "/churn", map[string]any{"spare": spared, "now": 500})
	after := s.truth("VirtualMachine")
	changed := 0
	for moref, vm := range before {
		a, _ := json.Marshal(vm)
		b, _ := json.Marshal(after[moref])
		if bytes.Equal(a, b) {
			continue
		}
		changed++
		if slices.Contains(spared, moref) {
			t.Errorf("%s is spared and was changed from %s to %s", moref, a, b)
		}
	}
	if changed < 10 {
		t.Errorf("of the 15 others only %d were changed", changed)
	}
}

func TestChurnDependsOnTheSeedAlone(t *testing.T) {
	after := func() map[string]any {
		s := serve(t, Options{Scenario: "flat", VMs: 40, Seed: 5})
		s.control(http.MethodPost, "/churn", map[string]any{"now": 300})
		names := make(map[string]any)
		for moref, vm := range s.truth("VirtualMachine") {
			names[moref] = []any{vm["name"], vm["power_state"], vm["host"], vm["guest_ip"], vm["cpus"]}
		}
		return names
	}
	first, again := after(), after()
	a, _ := json.Marshal(first)
	b, _ := json.Marshal(again)
	if !bytes.Equal(a, b) {
		t.Error("the same changes make two inventories")
	}
}

func TestServiceVersions(t *testing.T) {
	s := serve(t, Options{Scenario: "flat", VMs: 1})
	client := s.login()
	res, err := client.Client.Client.Get(s.Ready.URL + "/vimServiceVersions.xml")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if !strings.Contains(string(body), "<version>8.0.3.0</version>") {
		t.Errorf("%s", body)
	}
}

func TestOlderVersions(t *testing.T) {
	for version, want := range map[string]struct {
		api    string
		status int
	}{
		"6.7.0": {"6.7", http.StatusNotFound}, "7.0.1": {"7.0.1.0", http.StatusNotFound},
		"7.0.3": {"7.0.3.0", http.StatusUnauthorized}, "9.0.0": {"9.0.0.0", http.StatusUnauthorized},
	} {
		s := serve(t, Options{Scenario: "flat", VMs: 1, Version: version})
		client := s.login()
		about := client.ServiceContent.About
		if about.Version != version || about.ApiVersion != want.api || !strings.Contains(about.FullName, version) {
			t.Errorf("%s: about says %+v", version, about)
		}
		res, err := client.Client.Client.Get(strings.TrimSuffix(s.Ready.URL, "/sdk") + "/api/session")
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want.status {
			t.Errorf("%s: /api/session answers %d", version, res.StatusCode)
		}
	}
}

func TestTruthHasTags(t *testing.T) {
	s := serve(t, Options{Scenario: "lifelike", VMs: 20})
	s.control(http.MethodPost, "/tag", map[string]any{"vm": "tpl-rhel-9", "tag": "PCI"})
	tags := s.control(http.MethodGet, "/truth", nil)["tags"].([]any)
	for _, item := range tags {
		tag := item.(map[string]any)
		if tag["name"] == "PCI" && tag["category"] == "Compliance" {
			for _, object := range tag["objects"].([]any) {
				vm := s.truth("VirtualMachine")[strings.TrimPrefix(object.(string), "VirtualMachine:")]
				if vm["name"] == "tpl-rhel-9" {
					return
				}
			}
		}
	}
	t.Errorf("the tag is not in %v", tags)
}
