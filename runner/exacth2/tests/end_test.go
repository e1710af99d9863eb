package tests

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// responses are the ways in which a response ends. Each but the panic ends with a flag
// END_STREAM, on a frame of another kind.
var responses = map[string]struct {
	method string
	last   byte // kind of the last frame
	serve  http.HandlerFunc
}{
	"a status alone":    {"GET", headers, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
	"a body":            {"GET", data, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }},
	"a large body":      {"GET", data, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 60_000)) }},
	"nothing":           {"GET", headers, func(http.ResponseWriter, *http.Request) {}},
	"HEAD":              {"HEAD", headers, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }},
	"HEAD, flushed":     {"HEAD", headers, func(w http.ResponseWriter, _ *http.Request) { flush(w) }},
	"a body, flushed":   {"GET", data, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello"); flush(w) }},
	"a header, flushed": {"GET", data, func(w http.ResponseWriter, _ *http.Request) { flush(w) }},
	"declared length": {"GET", data, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5")
		_, _ = io.WriteString(w, "hello")
	}},
	"trailers": {"GET", headers, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "x")
		w.Header().Set("Trailer:Sum", "1")
	}},
	"trailers, no body": {"GET", headers, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Sum")
		w.WriteHeader(200)
		w.Header().Set("Sum", "1")
	}},
	"a header of 60 KB": {"GET", continuation, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Large", strings.Repeat("~", 60_000)) }},
	"trailers of 60 KB": {"GET", continuation, func(w http.ResponseWriter, _ *http.Request) {
		flush(w)
		w.Header().Set("Trailer:Large", strings.Repeat("~", 60_000))
	}},
	"an early hint": {"GET", data, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		_, _ = io.WriteString(w, "x")
	}},
	"a panic":          {"GET", resetStream, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
	"a panic, flushed": {"GET", resetStream, func(w http.ResponseWriter, _ *http.Request) { flush(w); panic(http.ErrAbortHandler) }},
	"Connection: close": {"GET", data, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		_, _ = io.WriteString(w, "x")
	}},
	"a body, not read": {"POST", data, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }},
	"an endless handler": {"GET", data, func(w http.ResponseWriter, _ *http.Request) {
		for range 100 {
			_, _ = io.WriteString(w, "hello")
			flush(w)
		}
	}},
}

func flush(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }

// However a response ends, its callbacks begin when the kernel has its last byte. While a
// write waits, they do.
func TestCallbacksBeginWhenTheEndOfTheResponseIsWithTheKernel(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for name, res := range responses {
			t.Run(name, func(t *testing.T) {
				r, b := newRunner(t, runner.Config{}), make(begins, 1)
				holds, returned := make(chan *hold, 1), make(chan struct{})
				h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					defer func() { holds <- connOf(req.Context()).hold() }()
					if err := b.after(req.Context()); err != nil {
						t.Error(err)
					}
					res.serve(w, req)
				}))
				s := exact(t, k, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					defer close(returned)
					h.ServeHTTP(w, req)
				}))
				p := s.connect(t)
				req := p.request(res.method, "/")
				if res.method == "POST" {
					req.flags &^= endStream
				}
				p.send(req)
				held := <-holds
				<-returned
				if name != "HEAD, flushed" { // which has ended before its handler
					<-held.entered
					require.Equal(t, 1, r.Stats().Reserved, "it waits")
					b.none(t, "before its response had ended")
				}
				held.letGo()
				last := p.until(ended(req.stream))
				require.Equal(t, res.last, last.kind)
				require.GreaterOrEqual(t, <-b, p.records.end(p.plain), "bytes written when the callback began")
			})
		}
	})
}
