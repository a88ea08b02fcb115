package wire

import (
	"bytes"
	"net/http"
)

// recorded is an answer that was not sent yet.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// record lets the handler answer into memory.
func record(next http.Handler, in *http.Request) *recorded {
	answer := &recorded{header: make(http.Header), status: http.StatusOK}
	next.ServeHTTP(answer, in)
	return answer
}

// Header implements http.ResponseWriter.
func (r *recorded) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorded) WriteHeader(status int) { r.status = status }

// Write implements http.ResponseWriter.
func (r *recorded) Write(p []byte) (int, error) { return r.body.Write(p) }

// counter counts what is answered.
type counter struct {
	http.ResponseWriter
	sent int64
}

// Write implements http.ResponseWriter.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.sent += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
