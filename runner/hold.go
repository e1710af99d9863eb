package runner

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// holdLimit is how much of a response Hold keeps back to learn its length.
const holdLimit = 64 << 10

// Hold is Middleware for platforms that freeze or end the process once the
// handler has returned, as function platforms do. It sends the response, then
// runs the callbacks, and returns when all that After was asked for have ended,
// as with [Wait]; it does not wait for what Go and Track took in. It holds the
// invocation open, and where the server can flush, not the response.
//
// So that the client knows where the response ends, Hold keeps up to 64 KiB of
// it back and gives it a Content-Length. A handler that flushes or writes more
// streams as it does without Hold; its client sees the end when the callbacks
// have ended.
//
// It costs what the platform charges for an open invocation, and one connection
// for as long. A request is held no longer than its callbacks' timeouts allow,
// or Shutdown. Callbacks that hang hold it. Bind has nothing to add to it. The
// ResponseWriter can flush; other things it finds through Unwrap.
func (r *Runner) Hold(next http.Handler) http.Handler {
	if next == nil {
		panic("runner: Hold of a nil http.Handler")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		held := &heldResponse{inner: w, head: req.Method == http.MethodHead}
		r.serve(next, held, req, func(s *scope, returned bool) {
			if returned {
				held.finish()
			}
			s.release()
			<-s.whenIdle()
		})
	})
}

// heldResponse keeps a response back until it is finished, flushed or large.
type heldResponse struct {
	inner  http.ResponseWriter
	head   bool        // of a HEAD request: no body is sent, and its length is the handler's to say
	status int         // 0: none yet
	header http.Header // as it was when the status was set
	body   []byte
	sent   bool // from here on everything goes straight through
}

func (h *heldResponse) Unwrap() http.ResponseWriter { return h.inner }
func (h *heldResponse) Header() http.Header         { return h.inner.Header() }

func (h *heldResponse) WriteHeader(status int) {
	switch {
	case h.sent, status < 200 && status != http.StatusSwitchingProtocols:
		h.inner.WriteHeader(status)
	case h.status == 0:
		h.status, h.header = status, h.inner.Header().Clone()
	}
}

func (h *heldResponse) Write(p []byte) (int, error) {
	if h.head || len(h.body)+len(p) > holdLimit {
		h.send()
	}
	if h.sent {
		return h.inner.Write(p)
	}
	h.WriteHeader(http.StatusOK) // unless it has a status
	h.body = append(h.body, p...)
	return len(p), nil
}

// FlushError is what http.ResponseController looks for.
func (h *heldResponse) FlushError() error {
	h.send()
	return http.NewResponseController(h.inner).Flush()
}

// Flush is the same for those who ask for http.Flusher.
func (h *heldResponse) Flush() { _ = h.FlushError() }

// send hands on what was kept back.
func (h *heldResponse) send() {
	if h.sent {
		return
	}
	h.sent = true
	if h.status == 0 {
		return
	}
	// What the handler has changed since is for the trailers only.
	header := h.inner.Header()
	changed := maps.Clone(header)
	replace(header, h.header)
	h.inner.WriteHeader(h.status)
	replace(header, changed)
	if len(h.body) > 0 {
		_, _ = h.inner.Write(h.body) // the client has left: nobody is there to tell
		h.body = nil
	}
}

func replace(header, by http.Header) {
	clear(header)
	maps.Copy(header, by)
}

// finish sends the whole response, with its length if it is known now.
func (h *heldResponse) finish() {
	if !h.sent {
		h.WriteHeader(http.StatusOK) // unless it has a status
		if h.countable() {
			h.header.Set("Content-Length", strconv.Itoa(len(h.body)))
		}
	}
	_ = h.FlushError() // a server that cannot flush sends it when the handler returns
}

// countable tells whether the server would count the body itself, if it were
// not flushed.
func (h *heldResponse) countable() bool {
	bodyless := h.status == http.StatusNoContent || h.status == http.StatusNotModified || h.status == http.StatusSwitchingProtocols
	if h.head || bodyless {
		return false
	}
	for _, key := range []string{"Content-Length", "Transfer-Encoding", "Trailer"} {
		if h.header.Get(key) != "" {
			return false
		}
	}
	for key := range h.inner.Header() {
		if strings.HasPrefix(key, http.TrailerPrefix) {
			return false
		}
	}
	return true
}
