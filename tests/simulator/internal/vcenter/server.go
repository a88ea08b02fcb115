// Package vcenter serves a simulated vCenter, or a simulated standalone ESXi host.
//
// What a client sees is govmomi's simulator, filled by package inventory, read through package collector, and disturbed
// by package wire. Everything that tests do to it goes through package control, which is served on an address of its own.
package vcenter

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator" // registers /rest and /api
	"github.com/vmware/govmomi/vim25/types"

	"spandrel/tests/simulator/internal/churn"
	"spandrel/tests/simulator/internal/collector"
	"spandrel/tests/simulator/internal/control"
	"spandrel/tests/simulator/internal/extend"
	"spandrel/tests/simulator/internal/live"
	"spandrel/tests/simulator/internal/policy"
	"spandrel/tests/simulator/internal/rest"
	"spandrel/tests/simulator/internal/session"
	"spandrel/tests/simulator/internal/wire"
)

// Options say what to serve.
type Options struct {
	// Listen and Control are addresses; port 0 takes a free one.
	Listen, Control string
	// Identity is a file that keeps the certificate over a restart; it is made when it is not there. Empty: a new one.
	Identity           string
	Username, Password string
	// VMs is how many machines there are; 0 takes the scenario's own number.
	VMs int
	// Scenario is lifelike, odd or flat.
	Scenario string
	// ESX makes it a standalone host instead of a vCenter.
	ESX bool
	// Version is what about says, like 7.0.3; empty: 8.0.3.
	Version string
	// HostName and HostUUID are those of a standalone host, when not empty.
	HostName, HostUUID string
	// MorefOffset makes the same inventory have other references, as a vCenter that was installed anew.
	MorefOffset int
	// Churn is how many changes there are a second.
	Churn float64
	// Seed decides names, UUIDs and changes.
	Seed uint64
	// UpdateLimit and RetrieveLimit are the most objects in one answer; 0 takes vCenter's 100 and 1000.
	UpdateLimit, RetrieveLimit int
}

// Ready is what a client needs to know of a running simulator.
type Ready struct {
	URL              string `json:"url"`
	Control          string `json:"control"`
	Username         string `json:"username"`
	Password         string `json:"password"`
	ThumbprintSHA256 string `json:"thumbprint_sha256"`
	CAPEM            string `json:"ca_pem"`
	InstanceUUID     string `json:"instance_uuid"`
}

// Server is a running simulator.
type Server struct {
	Ready   Ready
	inner   *simulator.Server
	door    *door
	control *http.Server
	churn   *churn.Churn
	home    string
}

// Start fills an inventory and serves it.
func Start(options Options) (*Server, error) {
	if options.Username == "" || options.Password == "" {
		return nil, errors.New("a user name and a password are needed")
	}
	home, err := os.MkdirTemp("", "spandrel-simulator-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the datastores: %w", err)
	}
	server := &Server{home: home}
	if err := server.start(options); err != nil {
		server.Close()
		return nil, err
	}
	return server, nil
}

func (s *Server) start(options Options) error {
	host, _, err := net.SplitHostPort(options.Listen)
	if err != nil {
		return fmt.Errorf("listen address: %w", err)
	}
	identity, err := keptIdentity(options.Identity, host)
	if err != nil {
		return err
	}
	ctx := simulator.NewContext()
	content, root := product(options)
	service := simulator.New(simulator.NewServiceInstance(ctx, content, root))
	// Nothing that filling makes is garbage: collecting meanwhile would double its time.
	percent := debug.SetGCPercent(-1)
	builder, err := fill(service.Context, content, options, s.home)
	debug.SetGCPercent(percent)
	if err != nil {
		return err
	}
	inventory := live.New(service, builder, options.Seed)
	sessions := session.New(service)

	hub := collector.Install(ctx.Map, content.PropertyCollector, collector.Options{
		UpdateLimit: orElse(options.UpdateLimit, 100), RetrieveLimit: orElse(options.RetrieveLimit, 1000),
		From: filepath.Join(s.home, "vmfs") + "/", To: "ds:///vmfs/",
	})
	inventory.Notify(hub)
	sessions.Watch(hub)

	secure := &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{identity.certificate}, NextProtos: []string{"http/1.1"},
	}
	// The simulator's own server is for its calls to itself, on a port that nobody is told of; clients come through the door.
	service.Listen = &url.URL{Host: "127.0.0.1:0", User: url.UserPassword(options.Username, options.Password)}
	service.TLS = secure.Clone()
	service.RegisterEndpoints = true
	s.inner = service.NewServer()
	side, err := rest.New(service.ServeMux, inventory, options.Username, options.Password, options.Seed)
	if err != nil {
		return err
	}
	var handler http.Handler = service.ServeMux
	var tagger churn.Tagger
	if side != nil {
		if err := side.Fill(); err != nil {
			return err
		}
		handler, tagger = side.Wrap(handler, older(options.Version, 7, 0, 2)), side
	}
	var policies *policy.Policies
	if !options.ESX {
		policies = policy.Install(service, inventory)
		if err := policies.Make(s.inner); err != nil {
			return err
		}
	}
	filter := wire.New(handler)
	if s.door, err = newDoor(options.Listen, secure, filter); err != nil {
		return err
	}
	place := publish(service, s.door.String(), identity)
	hook := &hook{sessions: sessions, extensions: extend.New(ctx.Map, inventory, place)}
	ctx.Map.Handler = hook.handle

	s.churn = churn.Start(inventory, tagger, options.Churn)
	s.Ready = Ready{
		URL:              "https://" + s.door.String() + "/sdk",
		Username:         options.Username,
		Password:         options.Password,
		ThumbprintSHA256: identity.thumbprint,
		CAPEM:            identity.authorityPEM,
		InstanceUUID:     content.About.InstanceUuid,
	}
	return s.serveControl(options.Control, &control.Control{
		Service: service, Inventory: inventory, Churn: s.churn, Sessions: sessions, Wire: filter, REST: side, Door: s.door,
		Collectors: hub, Policies: policies,
	})
}

// serveControl serves the control API on an address of its own.
func (s *Server) serveControl(address string, api *control.Control) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen on the control address: %w", err)
	}
	s.control = &http.Server{Handler: api.Handler(), ReadHeaderTimeout: 10 * time.Second}
	s.Ready.Control = "http://" + listener.Addr().String()
	go func() { _ = s.control.Serve(listener) }()
	return nil
}

// publish makes the simulator name the public address where it names one, and says where consoles are.
func publish(service *simulator.Service, address string, identity *identity) extend.Place {
	host, port, _ := net.SplitHostPort(address)
	number, _ := strconv.ParseInt(port, 10, 32)
	registry := service.Context.Map
	registry.SessionManager().ServiceHostName = address
	registry.OptionManager().UpdateOptions(&types.UpdateOptions{ChangedValue: []types.BaseOptionValue{
		&types.OptionValue{Key: "vcsim.server.url", Value: "https://" + address + "/sdk"},
	}})
	return extend.Place{Host: host, Port: int32(number), Thumbprint: identity.thumbprint}
}

// Close ends the simulator without waiting for clients, and removes its files.
func (s *Server) Close() {
	if s.churn != nil {
		s.churn.Stop()
	}
	if s.control != nil {
		_ = s.control.Close()
	}
	if s.door != nil {
		s.door.Shut(true)
	}
	if s.inner != nil {
		_ = s.inner.Listener.Close()
		_ = s.inner.Config.Close()
	}
	_ = os.RemoveAll(s.home)
}
