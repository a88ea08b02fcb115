// Package session knows the sessions of a simulated vCenter, and can let them expire in both ways seen in the field:
// with a fault, and with empty answers.
package session

import (
	"context"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Watcher is told of sessions that end, to end what waits on their behalf.
type Watcher interface {
	// SessionEnded is called with the session's key; hollow says that it goes on with empty answers.
	SessionEnded(key string, hollow bool)
}

// Sessions are the sessions of a simulator.
type Sessions struct {
	service *simulator.Service

	mu       sync.Mutex
	hollow   map[string]bool
	watchers []Watcher
}

// New is for the sessions of the service.
func New(service *simulator.Service) *Sessions {
	return &Sessions{service: service, hollow: make(map[string]bool)}
}

// Watch adds a watcher.
func (s *Sessions) Watch(w Watcher) {
	s.mu.Lock()
	s.watchers = append(s.watchers, w)
	s.mu.Unlock()
}

// context is for asking the session manager as a session of its own.
func (s *Sessions) context() *simulator.Context {
	ctx := *s.service.Context
	ctx.Context = context.Background()
	ctx.Session = &simulator.Session{
		UserSession: types.UserSession{Key: "control"}, Registry: simulator.NewRegistry(), Map: ctx.Map,
	}
	return &ctx
}

// keys are the keys of all sessions.
func (s *Sessions) keys() []string {
	ctx := s.context()
	manager, ok := ctx.Session.Get(ctx.Map.SessionManager().Self).(*simulator.SessionManager)
	if !ok {
		return nil
	}
	keys := make([]string, 0, len(manager.SessionList))
	for _, session := range manager.SessionList {
		keys = append(keys, session.Key)
	}
	return keys
}

// See notes what a request does to its session. A login in a hollow session ends that first, as a client without a
// session could log in.
func (s *Sessions) See(ctx *simulator.Context, method string) {
	if ctx.Session == nil || ctx.Session.UserName == "" || (method != "Logout" && method != "Login") {
		return
	}
	key := ctx.Session.Key
	s.mu.Lock()
	hollow, watchers := s.hollow[key], s.watchers
	delete(s.hollow, key)
	s.mu.Unlock()
	if method == "Login" {
		if !hollow {
			return
		}
		s.terminate(key)
		ctx.Session = nil
	}
	for _, watcher := range watchers {
		watcher.SessionEnded(key, false)
	}
}

// Hollow says whether the request's session has expired in the way that answers with empty data.
func (s *Sessions) Hollow(ctx *simulator.Context) bool {
	if ctx.Session == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hollow[ctx.Session.Key]
}

// Count says how many sessions there are.
func (s *Sessions) Count() int { return len(s.keys()) }

// Expire ends all sessions. With hollow they do not fault but go on answering with empty data, as some do (pyvmomi#43).
func (s *Sessions) Expire(hollow bool) int {
	keys := s.keys()
	s.mu.Lock()
	for _, key := range keys {
		if hollow {
			s.hollow[key] = true
		}
	}
	watchers := s.watchers
	s.mu.Unlock()
	for _, key := range keys {
		if !hollow {
			s.terminate(key)
		}
		for _, watcher := range watchers {
			watcher.SessionEnded(key, hollow)
		}
	}
	return len(keys)
}

// terminate takes the session from the simulator.
func (s *Sessions) terminate(key string) {
	ctx := s.context()
	ctx.Map.SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: []string{key}})
}
