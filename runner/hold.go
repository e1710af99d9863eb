package runner

import (
	"bufio"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// holdLimit is how much of a response Hold keeps back to learn its length.
const holdLimit = 64 << 10

// Hold is Middleware for platforms that freeze or end the process once the
// handler has returned, as function platforms do. It sends the response, then
// runs the callbacks, and returns when all that After and AfterAll were asked for
// have ended, as [Wait] does. It does not wait for what Go and Do take in. The
// invocation stays open until then. The response does not wait, if the server can
// flush.
//
// Hold keeps up to 64 KiB of the response back and gives it a Content-Length, so that
// the client knows where the response ends. A handler that flushes, or writes more,
// streams as it does without Hold. Its client sees the end when the callbacks have
// ended, and so does the client of a handler that panics.
//
// Hold costs what the platform charges for an open invocation. It holds one connection
// for as long as the callbacks take, with their waits for a worker, their attempts, and
// the waits between those. A callback that ignores its context holds the invocation
// until Shutdown gives up. Bind has nothing to add to Hold. The ResponseWriter can
// flush and be hijacked; http.ResponseController reaches the rest.
func (r *Runner) Hold(next http.Handler) http.Handler {
	if next == nil {
		panic("runner: Hold of a nil http.Handler")
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		held := &heldResponse{inner: w, head: req.Method == http.MethodHead}
		r.serve(next, held, req, responseEnd{}, func(res *response, returned bool) {
			defer func() {
				res.conclude(false)
				<-res.scope.whenIdle()
			}()
			if returned {
				held.finish()
			}
		})
	})
}

// heldResponse keeps a response back until it is finished, flushed or large.
type heldResponse struct {
	inner  http.ResponseWriter
	head   bool        // of a HEAD request: no body is sent
	status int         // 0: none yet
	header http.Header // as it was when the status was set
	body   []byte

	sent     bool // from here on everything goes straight through
	hijacked bool
}

func (h *heldResponse) Unwrap() http.ResponseWriter { return h.inner }
func (h *heldResponse) Header() http.Header         { return h.inner.Header() }

func (h *heldResponse) WriteHeader(status int) {
	switch {
	case h.sent, status < 200 && status != http.StatusSwitchingProtocols, status > 999: // net/http panics
		h.inner.WriteHeader(status)
	case h.status == 0:
		h.status, h.header = status, h.inner.Header().Clone()
		if !h.countable() {
			h.send()
		}
	}
}

func (h *heldResponse) Write(p []byte) (int, error) {
	if !h.sent {
		h.WriteHeader(http.StatusOK) // unless it has a status
	}
	if len(h.body)+len(p) > holdLimit {
		h.send()
	}
	if h.sent {
		return h.inner.Write(p)
	}
	h.body = append(h.body, p...)
	return len(p), nil
}

// countable reports whether it is for the server to count the body.
func (h *heldResponse) countable() bool {
	switch h.status {
	case http.StatusNoContent, http.StatusNotModified, http.StatusSwitchingProtocols:
		return false // they have no body
	}
	for _, key := range []string{"Content-Length", "Transfer-Encoding", "Trailer"} {
		if h.header.Get(key) != "" {
			return false
		}
	}
	return true
}

// FlushError is what http.ResponseController looks for.
func (h *heldResponse) FlushError() error {
	h.send()
	return http.NewResponseController(h.inner).Flush()
}

// Flush is the same for those who ask for http.Flusher.
func (h *heldResponse) Flush() { _ = h.FlushError() }

// Hijack sends what was kept back and gives the connection away, if the server
// can.
func (h *heldResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.send()
	conn, rw, err := http.NewResponseController(h.inner).Hijack()
	h.hijacked = err == nil
	return conn, rw, err
}

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
	if h.hijacked {
		return
	}
	if !h.sent {
		h.WriteHeader(http.StatusOK) // unless it has a status
	}
	if !h.sent && !h.trailing() && (!h.head || len(h.body) > 0) { // a handler may leave the body out of its answer to HEAD
		h.header.Set("Content-Length", strconv.Itoa(len(h.body)))
	}
	_ = h.FlushError() // a server that cannot flush sends it when the handler returns
}

// trailing reports whether trailers were set that had not been announced.
func (h *heldResponse) trailing() bool {
	for key := range h.inner.Header() {
		if strings.HasPrefix(key, http.TrailerPrefix) {
			return true
		}
	}
	return false
}
