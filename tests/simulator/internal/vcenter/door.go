package vcenter

import (
	"crypto/tls"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// door is the public listener: TLS, HTTP/1.1, and it can be shut and opened again on the same address.
type door struct {
	handler http.Handler
	tls     *tls.Config

	mu      sync.Mutex
	address string
	server  *http.Server
	ln      net.Listener
}

func newDoor(address string, config *tls.Config, handler http.Handler) (*door, error) {
	d := &door{handler: handler, tls: config, address: address}
	return d, d.Open()
}

// Open listens, and serves until Shut.
func (d *door) Open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ln != nil {
		return nil
	}
	ln, err := net.Listen("tcp", d.address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	d.ln, d.address = ln, ln.Addr().String()
	if d.server == nil {
		d.server = &http.Server{
			Handler: d.handler, ReadHeaderTimeout: 30 * time.Second,
			ErrorLog: log.New(os.Stderr, "", 0),
		}
	}
	go func(server *http.Server) { _ = server.Serve(tls.NewListener(ln, d.tls)) }(d.server)
	return nil
}

// Shut stops accepting; with all it cuts the open connections too.
func (d *door) Shut(all bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ln != nil {
		_ = d.ln.Close()
		d.ln = nil
	}
	if all && d.server != nil {
		_ = d.server.Close()
		d.server = nil
	}
}

func (d *door) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.address
}
