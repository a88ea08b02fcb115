// Package wire stands between clients and the simulator, counts what they ask, and answers as a broken network, a
// broken proxy or a vCenter in trouble would, when a test tells it to.
package wire

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxRequest limits what is read of a request to find its method.
const maxRequest = 16 << 20

// Mode is a way to answer.
type Mode string

// The modes.
const (
	OK        Mode = "ok"        // forget all rules
	Status503 Mode = "503"       // what a proxy says when vCenter's service is down
	Status401 Mode = "401"       // what the REST API says without a session
	Reset     Mode = "reset"     // the connection is reset before any answer
	ResetLate Mode = "resetlate" // the request is done, but the connection is reset before its answer
	Half      Mode = "half"      // half of the answer, then the end of the connection
	ResetHalf Mode = "resethalf" // half of the answer, then the connection is reset
	Empty     Mode = "empty"     // an empty list, as a REST service answers that has nothing to tell
	Slow      Mode = "slow"      // the answer in small pieces, over the delay
	Drip      Mode = "drip"      // the answer byte by byte, with the delay (a second) before each
	Delay     Mode = "delay"     // the whole answer after the delay
	Malformed Mode = "malformed" // an answer that is not well-formed, with status 200
	HTML      Mode = "html"      // a web page, as something that is no vCenter sends
	Hang      Mode = "hang"      // no answer until the client gives up
)

var modes = map[Mode]bool{
	OK: true, Status503: true, Status401: true, Reset: true, ResetLate: true, Half: true, ResetHalf: true, Empty: true, Slow: true, Drip: true, Delay: true,
	Malformed: true, HTML: true, Hang: true,
}

// Rule says which requests are answered how.
type Rule struct {
	Mode Mode `json:"mode"`
	// Match is a SOAP method (WaitForUpdatesEx) or the beginning of a REST request (GET /api/cis). Empty: every request.
	Match string `json:"match"`
	// Count is how many requests the rule is for; 0: all until it is replaced.
	Count int `json:"count"`
	// Skip lets so many matching requests pass before.
	Skip int `json:"skip"`
	// DelayMS is for slow, drip and delay.
	DelayMS int `json:"delay_ms"`
}

// Valid says whether the rule's mode is known.
func (r Rule) Valid() bool { return modes[r.Mode] }

// Wire is the handler that stands between.
type Wire struct {
	next http.Handler

	mu    sync.Mutex
	rules []*Rule
	calls map[string]int64
	bytes int64
	total int64
}

// New puts a wire before the handler.
func New(next http.Handler) *Wire {
	return &Wire{next: next, calls: make(map[string]int64)}
}

// Add adds a rule, before the older ones. A rule of mode ok takes away the rules with its match, or all without one.
func (w *Wire) Add(rule Rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if rule.Mode == OK {
		kept := w.rules[:0]
		for _, old := range w.rules {
			if rule.Match != "" && old.Match != rule.Match {
				kept = append(kept, old)
			}
		}
		w.rules = kept
		return
	}
	w.rules = append([]*Rule{&rule}, w.rules...)
}

// Counts says how many requests there were in all and by method, and how many bytes were answered.
func (w *Wire) Counts() (total int64, calls map[string]int64, sent int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls = make(map[string]int64, len(w.calls))
	for name, count := range w.calls {
		calls[name] = count
	}
	return w.total, calls, w.bytes
}

// ServeHTTP implements http.Handler.
func (w *Wire) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	name, err := nameOf(in)
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	mode, delay := w.decide(name)
	counted := &counter{ResponseWriter: out}
	w.serve(counted, in, mode, delay)
	w.mu.Lock()
	w.bytes += counted.sent
	w.mu.Unlock()
}

// decide counts the request and says how to answer it.
func (w *Wire) decide(name string) (Mode, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total++
	w.calls[name]++
	for i, rule := range w.rules {
		if rule.Match != name && !(strings.Contains(rule.Match, " ") && strings.HasPrefix(name, rule.Match)) && rule.Match != "" {
			continue
		}
		if rule.Skip > 0 {
			rule.Skip--
			continue
		}
		mode, delay := rule.Mode, time.Duration(rule.DelayMS)*time.Millisecond
		if rule.Count > 0 {
			if rule.Count--; rule.Count == 0 {
				w.rules = append(w.rules[:i:i], w.rules[i+1:]...)
			}
		}
		return mode, delay
	}
	return OK, 0
}

func (w *Wire) serve(out http.ResponseWriter, in *http.Request, mode Mode, delay time.Duration) {
	switch mode {
	case OK:
		w.next.ServeHTTP(out, in)
	case Delay:
		if sleep(in, delay) {
			w.next.ServeHTTP(out, in)
		}
	case Status503:
		out.Header().Set("Content-Type", "text/plain")
		out.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(out, "no healthy upstream")
	case Status401:
		out.WriteHeader(http.StatusUnauthorized)
	case HTML:
		out.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(out, "<!DOCTYPE html><html><head><title>Welcome to nginx!</title></head><body><p>If you see this page &nbsp; the server is installed.</body></html>")
	case Hang:
		<-in.Context().Done()
	case Reset:
		cut(out, nil, true)
	case ResetLate:
		record(w.next, in)
		cut(out, nil, true)
	case Malformed:
		answer := record(w.next, in)
		out.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = out.Write(spoil(answer.body.Bytes()))
	case Half:
		cut(out, record(w.next, in), false)
	case ResetHalf:
		cut(out, record(w.next, in), true)
	case Empty:
		out.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(out, "[]")
	case Slow:
		trickle(out, in, record(w.next, in), delay, 20)
	case Drip:
		answer := record(w.next, in)
		size := len(answer.body.Bytes())
		trickle(out, in, answer, time.Duration(size)*cmp.Or(delay, time.Second), size)
	}
}

// nameOf is a SOAP request's method, or a REST request's verb and path.
func nameOf(in *http.Request) (string, error) {
	if in.Method != http.MethodPost || !(strings.HasPrefix(in.URL.Path, "/sdk") || strings.HasPrefix(in.URL.Path, "/pbm")) {
		return in.Method + " " + in.URL.Path, nil
	}
	body, err := io.ReadAll(io.LimitReader(in.Body, maxRequest))
	if err != nil {
		return "", err
	}
	in.Body = io.NopCloser(bytes.NewReader(body))
	if match := bodyStart.FindSubmatch(body); match != nil {
		return string(match[1]), nil
	}
	return in.Method + " " + in.URL.Path, nil
}

// bodyStart finds the first element in a SOAP body.
var bodyStart = regexp.MustCompile(`<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)`)

// sleep waits; false when the client has gone.
func sleep(in *http.Request, delay time.Duration) bool {
	select {
	case <-time.After(delay):
		return true
	case <-in.Context().Done():
		return false
	}
}

// cut ends the connection, after half of an answer if there is one.
func cut(out http.ResponseWriter, answer *recorded, reset bool) {
	if counted, ok := out.(*counter); ok {
		out = counted.ResponseWriter
	}
	hijacker, ok := out.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, buffer, err := hijacker.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if answer != nil {
		body := answer.body.Bytes()
		_, _ = buffer.WriteString("HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
		_, _ = buffer.Write(body[:len(body)/2])
		_ = buffer.Flush()
	}
	if !reset {
		_ = conn.Close()
		return
	}
	raw := conn
	if secure, ok := conn.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // closing now sends RST
	}
	_ = raw.Close()
}

// trickle sends an answer in so many pieces, over the delay (2 s when 0).
func trickle(out http.ResponseWriter, in *http.Request, answer *recorded, delay time.Duration, pieces int) {
	delay = cmp.Or(delay, 2*time.Second)
	for name, values := range answer.header {
		out.Header()[name] = values
	}
	out.WriteHeader(answer.status)
	body := answer.body.Bytes()
	for i := range pieces {
		_, _ = out.Write(body[len(body)*i/pieces : len(body)*(i+1)/pieces])
		_ = http.NewResponseController(out).Flush()
		if !sleep(in, delay/time.Duration(pieces)) {
			return
		}
	}
}

// spoil makes an answer that is not well-formed: an element in its middle is never closed.
func spoil(body []byte) []byte {
	middle := len(body) / 2
	if i := bytes.IndexByte(body[middle:], '<'); i >= 0 {
		middle += i
	}
	return append(append(bytes.Clone(body[:middle]), "<broken attribute=oops>"...), body[middle:]...)
}
