// Package vcenter serves a simulated vCenter, or a simulated standalone ESXi host.
//
// What a client sees is govmomi's simulator, filled by package inventory. Everything that tests do to it goes through
// package control, which is served on an address of its own.
package vcenter

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	_ "github.com/vmware/govmomi/pbm/simulator" // registers /pbm
	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator" // registers /rest and /api
)

// Options say what to serve.
type Options struct {
	// Listen and Control are addresses; port 0 takes a free one.
	Listen, Control    string
	Username, Password string
	// VMs is how many machines there are; 0 takes the scenario's own number.
	VMs int
	// Scenario is lifelike, odd or flat.
	Scenario string
	// ESX makes it a standalone host instead of a vCenter.
	ESX bool
	// Churn is how many changes there are a second.
	Churn float64
	// Seed decides names, UUIDs and changes.
	Seed uint64
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
	server  *simulator.Server
	control *http.Server
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
	server, err := start(options, home)
	if err != nil {
		_ = os.RemoveAll(home)
		return nil, err
	}
	return server, nil
}

func start(options Options, home string) (*Server, error) {
	host, _, err := net.SplitHostPort(options.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address: %w", err)
	}
	identity, err := newIdentity(host)
	if err != nil {
		return nil, err
	}
	ctx := simulator.NewContext()
	content, root := product(options)
	service := simulator.New(simulator.NewServiceInstance(ctx, content, root))
	if _, err := fill(service.Context, content, options, home); err != nil {
		return nil, err
	}
	service.Listen = &url.URL{Host: options.Listen, User: url.UserPassword(options.Username, options.Password)}
	service.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{identity.certificate}}
	service.RegisterEndpoints = true
	running := service.NewServer()

	control, err := net.Listen("tcp", options.Control)
	if err != nil {
		running.Close()
		return nil, fmt.Errorf("listen on the control address: %w", err)
	}
	server := &Server{
		server:  running,
		control: &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: 10 * time.Second},
		home:    home,
		Ready: Ready{
			URL:              "https://" + running.URL.Host + running.URL.Path,
			Control:          "http://" + control.Addr().String(),
			Username:         options.Username,
			Password:         options.Password,
			ThumbprintSHA256: identity.thumbprint,
			CAPEM:            identity.authorityPEM,
			InstanceUUID:     content.About.InstanceUuid,
		},
	}
	go func() { _ = server.control.Serve(control) }()
	return server, nil
}

// Close ends the simulator without waiting for clients, and removes its files.
func (s *Server) Close() {
	_ = s.control.Close()
	_ = s.server.Listener.Close()
	_ = s.server.Config.Close()
	_ = os.RemoveAll(s.home)
}
