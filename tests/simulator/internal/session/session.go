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

// Sessions is the set of sessions seen.
type Sessions struct {
	service *simulator.Service

	mu       sync.Mutex
	seen     map[string]bool
	hollow   map[string]bool
	watchers []Watcher
}

// New starts with no session.
func New(service *simulator.Service) *Sessions {
	return &Sessions{service: service, seen: make(map[string]bool), hollow: make(map[string]bool)}
}

// Watch adds a watcher.
func (s *Sessions) Watch(w Watcher) {
	s.mu.Lock()
	s.watchers = append(s.watchers, w)
	s.mu.Unlock()
}

// See notes a request's session. A login in a hollow session ends that first, as a client without a session could log in.
func (s *Sessions) See(ctx *simulator.Context, method string) {
	if ctx.Session == nil || ctx.Session.UserName == "" {
		return
	}
	key := ctx.Session.Key
	s.mu.Lock()
	s.seen[key] = true
	ended := false
	switch {
	case method == "Logout":
		delete(s.seen, key)
		delete(s.hollow, key)
		ended = true
	case method == "Login" && s.hollow[key]:
		s.terminate(key)
		ctx.Session = nil
		ended = true
	}
	watchers := s.watchers
	s.mu.Unlock()
	for _, watcher := range watchers {
		if ended {
			watcher.SessionEnded(key, false)
		}
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

// Count says how many sessions were seen and have not ended.
func (s *Sessions) Count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// Expire ends all sessions. With hollow they do not fault but go on answering with empty data, as some do (pyvmomi#43).
func (s *Sessions) Expire(hollow bool) int {
	s.mu.Lock()
	keys := make([]string, 0, len(s.seen))
	for key := range s.seen {
		keys = append(keys, key)
		if hollow {
			s.hollow[key] = true
		} else {
			s.terminate(key)
		}
	}
	watchers := s.watchers
	s.mu.Unlock()
	for _, watcher := range watchers {
		for _, key := range keys {
			watcher.SessionEnded(key, hollow)
		}
	}
	return len(keys)
}

// terminate takes the session from the simulator.
func (s *Sessions) terminate(key string) {
	delete(s.seen, key)
	delete(s.hollow, key)
	ctx := *s.service.Context
	ctx.Context = context.Background()
	ctx.Session = &simulator.Session{UserSession: types.UserSession{Key: "control"}}
	ctx.Map.SessionManager().TerminateSession(&ctx, &types.TerminateSession{SessionId: []string{key}})
}
