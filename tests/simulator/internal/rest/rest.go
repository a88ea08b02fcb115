// Package rest fills and completes the REST side of a simulated vCenter: tags, content libraries, and the paths under
// /api that came with version 7.0 U2. govmomi's simulator has the older ones under /rest; those under /api are
// translated to them.
package rest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"

	vapi "github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/live"
)

// sessionHeader carries a REST session.
const sessionHeader = "vmware-api-session-id"

// backend is what govmomi's handler of /rest can do besides serving.
type backend interface {
	http.Handler
	sync.Locker
	AttachTag(types.ManagedObjectReference, string) types.BaseMethodFault
	DetachTag(types.ManagedObjectReference, string) types.BaseMethodFault
	AttachedTags(types.ManagedObjectReference) ([]string, types.BaseMethodFault)
}

// REST is the REST side.
type REST struct {
	backend   backend
	inventory *live.Inventory
	session   string

	mu     sync.Mutex
	random *rand.Rand
	tags   []string
}

// New takes the handler of /rest out of the simulator's multiplexer and logs in to it. It is nil for an ESXi host, which
// has no REST.
func New(mux *http.ServeMux, inventory *live.Inventory, user, password string, seed uint64) (*REST, error) {
	probe, err := http.NewRequest(http.MethodGet, vapi.Path, nil)
	if err != nil {
		return nil, err
	}
	handler, _ := mux.Handler(probe)
	back, ok := handler.(backend)
	if !ok {
		return nil, nil
	}
	r := &REST{backend: back, inventory: inventory, random: rand.New(rand.NewPCG(seed, 0x7a65))}
	in, err := http.NewRequest(http.MethodPost, "/rest/com/vmware/cis/session", nil)
	if err != nil {
		return nil, err
	}
	in.SetBasicAuth(user, password)
	if err := r.do(in, &r.session); err != nil {
		return nil, fmt.Errorf("log in to the REST side: %w", err)
	}
	return r, nil
}

// call asks the handler of /rest as the simulator's own user.
func (r *REST) call(method, path string, body, out any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	in, err := http.NewRequest(method, "/rest"+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	in.Header.Set(sessionHeader, r.session)
	return r.do(in, out)
}

func (r *REST) do(in *http.Request, out any) error {
	answer := newAnswer()
	r.backend.ServeHTTP(answer, in)
	if answer.status >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: status %d: %s", in.Method, in.URL.Path, answer.status, answer.body.String())
	}
	if out == nil || answer.body.Len() == 0 {
		return nil
	}
	return json.Unmarshal(answer.body.Bytes(), &struct {
		Value any `json:"value"`
	}{out})
}

// answer is an answer kept in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{header: make(http.Header), status: http.StatusOK} }

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// Tag attaches a tag to an object, or detaches it.
func (r *REST) Tag(ref types.ManagedObjectReference, tag string, attach bool) error {
	r.backend.Lock()
	defer r.backend.Unlock()
	var fault types.BaseMethodFault
	if attach {
		fault = r.backend.AttachTag(ref, tag)
	} else {
		fault = r.backend.DetachTag(ref, tag)
	}
	if fault != nil {
		return fmt.Errorf("tag %s: %w", tag, live.ErrNotFound)
	}
	return nil
}

// TagSomething attaches a random tag to a random machine, or detaches the one that it has.
func (r *REST) TagSomething() error {
	vm := r.inventory.Any()
	if vm == nil || len(r.tags) == 0 {
		return live.ErrNotFound
	}
	r.mu.Lock()
	tag := r.tags[r.random.IntN(len(r.tags))]
	r.mu.Unlock()
	r.backend.Lock()
	attached, _ := r.backend.AttachedTags(vm.Self)
	r.backend.Unlock()
	for _, known := range attached {
		if known == tag {
			return r.Tag(vm.Self, tag, false)
		}
	}
	return r.Tag(vm.Self, tag, true)
}

// ExpireSessions ends all REST sessions but the simulator's own.
func (r *REST) ExpireSessions() int {
	r.backend.Lock()
	defer r.backend.Unlock()
	// The handler's type is not exported, but its sessions are.
	sessions, ok := reflect.ValueOf(r.backend).Elem().FieldByName("Session").Interface().(map[string]*vapi.Session)
	if !ok {
		return 0
	}
	ended := 0
	for id := range sessions {
		if id != r.session {
			delete(sessions, id)
			ended++
		}
	}
	return ended
}

// AttachedTag is a tag and what it is attached to.
type AttachedTag struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Category string   `json:"category"`
	Objects  []string `json:"objects"` // Type:value
}

// Attached lists all tags by category and name.
func (r *REST) Attached() ([]AttachedTag, error) {
	var ids []string
	if err := r.call(http.MethodGet, "/com/vmware/cis/tagging/tag", nil, &ids); err != nil {
		return nil, err
	}
	tags := make([]AttachedTag, 0, len(ids))
	for _, id := range ids {
		var tag struct {
			Name     string `json:"name"`
			Category string `json:"category_id"`
		}
		var category struct {
			Name string `json:"name"`
		}
		var objects []struct {
			Type string `json:"type"`
			ID   string `json:"id"`
		}
		err := errors.Join(
			r.call(http.MethodGet, "/com/vmware/cis/tagging/tag/id:"+id, nil, &tag),
			r.call(http.MethodGet, "/com/vmware/cis/tagging/category/id:"+tag.Category, nil, &category),
			r.call(http.MethodPost, "/com/vmware/cis/tagging/tag-association/id:"+id+"?~action=list-attached-objects", map[string]any{}, &objects),
		)
		if err != nil {
			return nil, err
		}
		attached := AttachedTag{ID: id, Name: tag.Name, Category: category.Name, Objects: make([]string, 0, len(objects))}
		for _, object := range objects {
			attached.Objects = append(attached.Objects, object.Type+":"+object.ID)
		}
		slices.Sort(attached.Objects)
		tags = append(tags, attached)
	}
	slices.SortFunc(tags, func(a, b AttachedTag) int {
		return cmp.Or(strings.Compare(a.Category, b.Category), strings.Compare(a.Name, b.Name))
	})
	return tags, nil
}

// TagID finds a tag by its id or its name.
func (r *REST) TagID(name string) (string, error) {
	var ids []string
	if err := r.call(http.MethodGet, "/com/vmware/cis/tagging/tag", nil, &ids); err != nil {
		return "", err
	}
	for _, id := range ids {
		if id == name {
			return id, nil
		}
		var tag struct {
			Name string `json:"name"`
		}
		if err := r.call(http.MethodGet, "/com/vmware/cis/tagging/tag/id:"+id, nil, &tag); err == nil && strings.EqualFold(tag.Name, name) {
			return id, nil
		}
	}
	return "", fmt.Errorf("tag %q: %w", name, live.ErrNotFound)
}
