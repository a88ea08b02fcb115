package rest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Wrap serves the paths under /api that the simulator lacks, and passes the rest on. A vCenter older than 7.0 U2 has none.
func (r *REST) Wrap(next http.Handler, old bool) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		path := in.URL.Path
		switch {
		case old && strings.HasPrefix(path, "/api/"):
			http.NotFound(out, in)
		case path == "/api/session":
			r.apiSession(out, in)
		case strings.HasPrefix(path, "/api/cis/tagging/"),
			strings.HasPrefix(path, "/api/content/library") && !strings.Contains(path, "/usages"),
			strings.HasPrefix(path, "/api/content/local-library"),
			strings.HasPrefix(path, "/api/content/subscribed-library"):
			r.translate(out, in)
		default:
			next.ServeHTTP(out, in)
		}
	})
}

// apiSession logs in, out, and says who is logged in. Other than under /rest, the answer is not wrapped and the status
// says what was done.
func (r *REST) apiSession(out http.ResponseWriter, in *http.Request) {
	inner := in.Clone(in.Context())
	inner.URL = &url.URL{Path: "/rest/com/vmware/cis/session"}
	if in.Method == http.MethodGet {
		inner.Method = http.MethodPost
		inner.URL.RawQuery = "~action=get"
	}
	inner.Header.Set("vmware-use-header-authn", "true")
	answer := newAnswer()
	r.backend.ServeHTTP(answer, inner)
	if answer.status >= http.StatusMultipleChoices {
		out.Header().Set("WWW-Authenticate", `Basic realm="VAPI endpoint",SIGN realm="a",service="VAPI endpoint"`)
		problem(out, http.StatusUnauthorized, "UNAUTHENTICATED", "Authentication required.")
		return
	}
	switch in.Method {
	case http.MethodPost:
		id := unwrap(answer.body.Bytes())
		var text string
		if json.Unmarshal(id, &text) == nil {
			out.Header().Set(sessionHeader, text)
		}
		send(out, http.StatusCreated, id)
	case http.MethodDelete:
		out.WriteHeader(http.StatusNoContent)
	default:
		var session struct {
			User     string `json:"user"`
			Created  string `json:"created_time"`
			Accessed string `json:"last_accessed_time"`
		}
		_ = json.Unmarshal(unwrap(answer.body.Bytes()), &session)
		data, _ := json.Marshal(session)
		send(out, http.StatusOK, data)
	}
}

// unwrap takes the value out of an answer of /rest.
func unwrap(body []byte) json.RawMessage {
	var wrapped struct {
		Value json.RawMessage `json:"value"`
	}
	if json.Unmarshal(body, &wrapped) != nil || len(wrapped.Value) == 0 || string(wrapped.Value) == "null" {
		return nil
	}
	return wrapped.Value
}

func send(out http.ResponseWriter, status int, body []byte) {
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	_, _ = out.Write(body)
}

// problem is an error as /api sends it.
func problem(out http.ResponseWriter, status int, kind, message string) {
	data, _ := json.Marshal(map[string]any{
		"error_type": kind,
		"messages":   []any{map[string]any{"id": "vapi.simulated", "default_message": message, "args": []string{}}},
	})
	send(out, status, data)
}

// collections are the paths under /api whose next element is an object's id.
var collections = []string{
	"/cis/tagging/category", "/cis/tagging/tag-association", "/cis/tagging/tag",
	"/content/library/item/file", "/content/library/item/storage", "/content/library/item", "/content/local-library",
	"/content/subscribed-library", "/content/library",
}

// translate asks /rest for what was asked of /api: actions are written ~action there, ids have a prefix, what is sent is
// wrapped by its purpose, and answers are wrapped.
func (r *REST) translate(out http.ResponseWriter, in *http.Request) {
	path := strings.TrimPrefix(in.URL.Path, "/api")
	for _, collection := range collections {
		if id, ok := strings.CutPrefix(path, collection+"/"); ok {
			path = collection + "/id:" + id
			break
		}
		if path == collection {
			break
		}
	}
	query := in.URL.Query()
	action := query.Get("action")
	if action != "" {
		query.Del("action")
		query.Set("~action", action)
	}
	body, err := io.ReadAll(io.LimitReader(in.Body, 8<<20))
	if err != nil {
		problem(out, http.StatusBadRequest, "INVALID_ARGUMENT", err.Error())
		return
	}
	if id, ok := strings.CutSuffix(path, "/cis/tagging/tag"); ok && id == "" && action == "list-tags-for-category" {
		var spec struct {
			Category string `json:"category_id"`
		}
		_ = json.Unmarshal(body, &spec)
		path += "/id:" + spec.Category
	}
	inner := in.Clone(in.Context())
	inner.URL = &url.URL{Path: "/rest/com/vmware" + path, RawQuery: query.Encode()}
	body = wrapped(in.Method, action, body)
	inner.Body, inner.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer := newAnswer()
	r.backend.ServeHTTP(answer, inner)
	r.relay(out, in, action, answer)
}

// wrapped is a request's body as /rest takes it.
func wrapped(method, action string, body []byte) []byte {
	key := ""
	switch {
	case method == http.MethodPost && action == "":
		key = "create_spec"
	case method == http.MethodPatch:
		key = "update_spec"
	case action == "find":
		key = "spec"
	}
	if key == "" || len(body) == 0 {
		return body
	}
	return append(append([]byte(`{"`+key+`":`), body...), '}')
}

// relay sends an answer of /rest as one of /api.
func (r *REST) relay(out http.ResponseWriter, in *http.Request, action string, answer *answer) {
	switch answer.status {
	case http.StatusOK:
	case http.StatusUnauthorized:
		problem(out, answer.status, "UNAUTHENTICATED", "Authentication required.")
		return
	case http.StatusNotFound:
		problem(out, answer.status, "NOT_FOUND", "There is no such object.")
		return
	default:
		kind := "ERROR"
		var fault struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(answer.body.Bytes(), &fault) == nil && fault.Type != "" {
			kind = strings.ToUpper(fault.Type[strings.LastIndexByte(fault.Type, '.')+1:])
		}
		problem(out, answer.status, kind, "The request was refused.")
		return
	}
	value := unwrap(answer.body.Bytes())
	switch {
	case value == nil && in.Method == http.MethodGet, value == nil && strings.HasPrefix(action, "list"), value == nil && action == "find":
		send(out, http.StatusOK, []byte("[]")) // an empty list is left out of the answers of /rest
	case value == nil:
		out.WriteHeader(http.StatusNoContent)
	case in.Method == http.MethodPost && action == "":
		send(out, http.StatusCreated, value)
	default:
		send(out, http.StatusOK, value)
	}
}
