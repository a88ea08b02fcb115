// Package control is the address on loopback by which tests change, disturb and look into a simulator.
//
// Requests and answers are JSON. Every change is done when its answer comes: property updates have been raised, though a
// client of the simulator may not have fetched them yet. An unknown field in a request is an error, so that a misspelt
// one cannot make a test pass.
package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/churn"
	"spandrel/tests/simulator/internal/live"
	"spandrel/tests/simulator/internal/policy"
	"spandrel/tests/simulator/internal/rest"
	"spandrel/tests/simulator/internal/session"
	"spandrel/tests/simulator/internal/wire"
)

// maxBody limits a request.
const maxBody = 1 << 20

// Door is the public listener, which can be closed and opened again.
type Door interface {
	// Shut stops accepting connections; with all it also cuts those that are open.
	Shut(all bool)
	// Open accepts connections again, on the same address.
	Open() error
}

// Collectors are the property collectors of all sessions.
type Collectors interface {
	// Forget makes every version that was given out invalid.
	Forget() int
	// Waiting is how many calls wait for updates.
	Waiting() int
	// Deny makes a property of a type unreadable, of one object or (with an empty value) of all; or readable again.
	Deny(kind, path, value string, deny bool)
	// Strange makes a property of an object be answered in a strange way, or (with an empty mode) as it is again; false
	// when the mode is unknown.
	Strange(ref types.ManagedObjectReference, path, mode string) bool
	// Mute lets changes of an object go untold, or not any more.
	Mute(ref types.ManagedObjectReference, mute bool)
	// Hide lets whoever begins to watch or read find nothing of the inventory, or find it again.
	Hide(hide bool)
}

// Control has what the control API acts on. REST and Policies are nil on an ESXi host.
type Control struct {
	Service    *simulator.Service
	Inventory  *live.Inventory
	Churn      *churn.Churn
	Sessions   *session.Sessions
	Wire       *wire.Wire
	REST       *rest.REST
	Door       Door
	Collectors Collectors
	Policies   *policy.Policies
}

// Handler serves the control API.
func (c *Control) Handler() http.Handler {
	mux := http.NewServeMux()
	post := func(path string, f func(in *http.Request) (any, error)) {
		mux.HandleFunc("POST "+path, func(out http.ResponseWriter, in *http.Request) {
			result, err := f(in)
			respond(out, result, err)
		})
	}
	get := func(path string, f func(in *http.Request) (any, error)) {
		mux.HandleFunc("GET "+path, func(out http.ResponseWriter, in *http.Request) {
			result, err := f(in)
			respond(out, result, err)
		})
	}
	post("/churn", c.churn)
	post("/power", c.power)
	post("/vm/create", c.vmCreate)
	post("/vm/delete", c.vmDelete)
	post("/vm/rename", c.vmRename)
	post("/vm/update", c.vmUpdate)
	post("/vm/move", c.vmMove)
	post("/vm/snapshot", c.vmSnapshot)
	post("/vm/disk", c.vmDisk)
	post("/rename", c.rename)
	post("/host/state", c.hostState)
	post("/datastore/state", c.datastoreState)
	post("/tag", c.tag)
	post("/policy", c.policy)
	post("/sessions/expire", c.sessionsExpire)
	post("/faults", c.faultsAdd)
	mux.HandleFunc("DELETE /faults", func(out http.ResponseWriter, _ *http.Request) {
		c.Service.ClearFaultRules()
		respond(out, map[string]any{}, nil)
	})
	post("/deny", c.deny)
	post("/strange", c.strange)
	post("/mute", c.mute)
	post("/hide", c.hide)
	post("/wire", c.wire)
	post("/versions", c.versions)
	post("/stop-accepting", c.stopAccepting)
	post("/start-accepting", c.startAccepting)
	post("/restart", c.restart)
	post("/clock", c.clock)
	get("/counts", c.counts)
	get("/truth", c.truth)
	return mux
}

// respond sends a result, or an error with the status that fits it.
func respond(out http.ResponseWriter, result any, err error) {
	status := http.StatusOK
	if err != nil {
		status = http.StatusBadRequest
		if errors.Is(err, live.ErrNotFound) {
			status = http.StatusNotFound
		} else if errors.Is(err, live.ErrNotPossible) {
			status = http.StatusConflict
		}
		result = map[string]any{"error": err.Error()}
	}
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	_ = json.NewEncoder(out).Encode(result)
}

// decode reads a request's body. An empty one is a request without fields.
func decode(in *http.Request, into any) error {
	decoder := json.NewDecoder(io.LimitReader(in.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the request: %w", err)
	}
	return nil
}

// done is the answer of what has nothing to say.
var done = map[string]any{}

func (c *Control) churn(in *http.Request) (any, error) {
	var req struct {
		Rate *float64 `json:"rate"`
		// Now makes so many changes at once, before the answer.
		Now int `json:"now"`
		// Spare names machines, by their references' values, that are left alone from now on.
		Spare []string `json:"spare"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	c.Inventory.Spare(req.Spare)
	if req.Rate != nil {
		if *req.Rate < 0 || *req.Rate > 100_000 {
			return nil, errors.New("the rate must be 0 to 100000 changes a second")
		}
		c.Churn.SetRate(*req.Rate)
	}
	for range min(req.Now, 100_000) {
		c.Churn.One()
	}
	total, acts, rate := c.Churn.Counts()
	return map[string]any{"total": total, "acts": acts, "rate": rate}, nil
}

func (c *Control) sessionsExpire(in *http.Request) (any, error) {
	var req struct {
		Mode string `json:"mode"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	if req.Mode != "" && req.Mode != "fault" && req.Mode != "empty" {
		return nil, fmt.Errorf("mode %q is neither fault nor empty", req.Mode)
	}
	expired := c.Sessions.Expire(req.Mode == "empty")
	restExpired := 0
	if c.REST != nil && req.Mode != "empty" {
		restExpired = c.REST.ExpireSessions()
	}
	return map[string]any{"expired": expired, "rest_expired": restExpired}, nil
}

func (c *Control) wire(in *http.Request) (any, error) {
	var rule wire.Rule
	if err := decode(in, &rule); err != nil {
		return nil, err
	}
	if !rule.Valid() {
		return nil, fmt.Errorf("unknown mode %q", rule.Mode)
	}
	c.Wire.Add(rule)
	return done, nil
}

func (c *Control) versions(in *http.Request) (any, error) {
	var req struct {
		// Mode real is how it always is; forget makes all versions given out invalid, once.
		Mode string `json:"mode"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	switch req.Mode {
	case "real":
		return done, nil
	case "forget":
		return map[string]any{"collectors": c.Collectors.Forget()}, nil
	}
	return nil, fmt.Errorf("mode %q is neither real nor forget", req.Mode)
}

// deny makes a property come as a missing one with the fault NoPermission.
func (c *Control) deny(in *http.Request) (any, error) {
	var req struct {
		Type  string `json:"type"`
		Path  string `json:"path"`
		Moref string `json:"moref"` // empty: of all objects of the type
		Allow bool   `json:"allow"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	if req.Type == "" || req.Path == "" {
		return nil, errors.New("type and path are needed")
	}
	c.Collectors.Deny(req.Type, req.Path, req.Moref, !req.Allow)
	return done, nil
}

// strange makes a property be answered otherwise than it is.
func (c *Control) strange(in *http.Request) (any, error) {
	var req struct {
		Type  string `json:"type"`
		Moref string `json:"moref"`
		Path  string `json:"path"`
		Mode  string `json:"mode"` // future, garbage, gone; empty: as it is again
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	if req.Type == "" || req.Moref == "" || req.Path == "" {
		return nil, errors.New("type, moref and path are needed")
	}
	if !c.Collectors.Strange(types.ManagedObjectReference{Type: req.Type, Value: req.Moref}, req.Path, req.Mode) {
		return nil, fmt.Errorf("mode %q is neither future nor garbage nor gone", req.Mode)
	}
	return done, nil
}

// mute lets changes of an object go untold.
func (c *Control) mute(in *http.Request) (any, error) {
	var req struct {
		Type  string `json:"type"`
		Moref string `json:"moref"`
		Told  bool   `json:"told"` // told again
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	if req.Type == "" || req.Moref == "" {
		return nil, errors.New("type and moref are needed")
	}
	c.Collectors.Mute(types.ManagedObjectReference{Type: req.Type, Value: req.Moref}, !req.Told)
	return done, nil
}

// hide is what an account sees that has lost its rights.
func (c *Control) hide(in *http.Request) (any, error) {
	var req struct {
		Shown bool `json:"shown"` // shown again
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	c.Collectors.Hide(!req.Shown)
	return done, nil
}

func (c *Control) stopAccepting(in *http.Request) (any, error) {
	var req struct {
		// Close also cuts the connections that are open.
		Close bool `json:"close"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	c.Door.Shut(req.Close)
	return done, nil
}

func (c *Control) startAccepting(*http.Request) (any, error) {
	return done, c.Door.Open()
}

// restart is what clients see when vCenter's services restart: connections are cut, nothing answers for a while, and the
// sessions and collectors are gone. Objects keep their references.
func (c *Control) restart(in *http.Request) (any, error) {
	var req struct {
		DownMS int `json:"down_ms"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	c.Door.Shut(true)
	c.Sessions.Expire(false)
	if c.REST != nil {
		c.REST.ExpireSessions()
	}
	time.Sleep(time.Duration(min(req.DownMS, 600_000)) * time.Millisecond)
	return done, c.Door.Open()
}

// clock lets the platform's clock jump.
func (c *Control) clock(in *http.Request) (any, error) {
	var req struct {
		AheadS int `json:"ahead_s"`
	}
	if err := decode(in, &req); err != nil {
		return nil, err
	}
	c.Inventory.ShiftClock(time.Duration(req.AheadS) * time.Second)
	return done, nil
}

func (c *Control) counts(*http.Request) (any, error) {
	total, calls, sent := c.Wire.Counts()
	changes, acts, rate := c.Churn.Counts()
	objects := make(map[string]int)
	for _, object := range c.Inventory.Map().All("") {
		objects[object.Reference().Type]++
	}
	return map[string]any{
		"requests": total, "calls": calls, "sent_bytes": sent,
		"changes": changes, "acts": acts, "churn_rate": rate,
		"sessions": c.Sessions.Count(), "waiting": c.Collectors.Waiting(),
		"objects": objects, "faults": c.Service.GetFaultStats(),
	}, nil
}
