package runner

import (
	"net/http"
	"strconv"
)

// holdLimit is how much of a response Hold keeps back to learn its length.
const holdLimit = 64 << 10

// Hold is Middleware for platforms that freeze or end the process once the
// handler has returned, as function platforms do. It sends the response, then
// runs the callbacks, and returns when all that After was asked for have ended,
// as with [Wait]; it does not wait for what Go and Track took in. It holds the invocation open, and where the server can
// flush, not the response.
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
	head   bool // of a HEAD request: no body is sent, and its length is the handler's to say
	status int  // 0: none yet
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
		h.status = status
	}
}

func (h *heldResponse) Write(p []byte) (int, error) {
	if h.head || len(h.body)+len(p) > holdLimit {
		h.send()
	}
	if h.sent {
		return h.inner.Write(p)
	}
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
	if h.status != 0 {
		h.inner.WriteHeader(h.status)
	}
	if len(h.body) > 0 {
		_, _ = h.inner.Write(h.body) // the client has left: nobody is there to tell
		h.body = nil
	}
}

// finish sends the whole response, with its length if it is known now.
func (h *heldResponse) finish() {
	header := h.inner.Header()
	bodyless := h.status == http.StatusNoContent || h.status == http.StatusNotModified || h.status == http.StatusSwitchingProtocols
	if !h.sent && !h.head && !bodyless && header.Get("Content-Length") == "" && header.Get("Transfer-Encoding") == "" && header.Get("Trailer") == "" {
		header.Set("Content-Length", strconv.Itoa(len(h.body)))
	}
	_ = h.FlushError() // a server that cannot flush sends it when the handler returns
}
