package tests

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// serverWriter has what the writer of net/http can do on HTTP/1.x.
type serverWriter struct {
	plainWriter
	flushes
	hijacks
	readsFrom
	header http.Header
}

func (w *serverWriter) Header() http.Header         { return w.header }
func (w *serverWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *serverWriter) WriteHeader(int)             {}
func (w *serverWriter) CloseNotify() <-chan bool    { return nil }

// A request with Middleware costs its scope, its request, and the writer; nothing
// for a handler that asks for nothing.
func TestMiddlewareAloneCostsFourAllocationsAtMost(t *testing.T) {
	r := newRunner(t, runner.Config{})
	page := []byte("hello")
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	w := &serverWriter{header: make(http.Header)}
	cost := func(h http.Handler) float64 {
		return testing.AllocsPerRun(1000, func() { h.ServeHTTP(w, req) })
	}
	require.Zero(t, cost(bare))
	require.LessOrEqual(t, cost(r.Middleware(bare)), 4.0)
	require.Greater(t, cost(r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "it", nothing)
	}))), 4.0, "what is measured can fail")
}

// contended returns whether the runner's lock was waited for with the function in
// the stack of the goroutine that held it.
func contended(t *testing.T, function string) bool {
	t.Helper()
	var profile bytes.Buffer
	require.NoError(t, pprof.Lookup("mutex").WriteTo(&profile, 1))
	for stack := range strings.SplitSeq(profile.String(), "\n\n") {
		if strings.Contains(stack, "runner.(*Runner).unlock") && strings.Contains(stack, function) {
			return true
		}
	}
	return false
}

// The profile of mutexes names who has held a lock that others waited for. With many
// snapshots on the way, each request that takes the runner's lock gets into it soon.
func TestARequestThatAsksForNothingTakesNoLock(t *testing.T) {
	defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(1))
	r := newRunner(t, runner.Config{Queue: 1 << 20})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for range 4 {
		wg.Go(func() {
			for !isDraining(stop) {
				_ = r.Snapshot()
			}
		})
	}
	quietRequests(t, r.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	require.False(t, contended(t, ".quietRequests"), "a request that asks for nothing has held the lock")
	asking := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "it", nothing)
	}))
	require.Eventually(t, func() bool {
		askingRequests(t, asking)
		return contended(t, ".askingRequests")
	}, 30*time.Second, time.Millisecond, "what is measured can fail")
}

// The two functions are found in profiles by their names.

//go:noinline
func quietRequests(t *testing.T, h http.Handler) { manyRequests(t, h) }

//go:noinline
func askingRequests(t *testing.T, h http.Handler) { manyRequests(t, h) }

func manyRequests(t *testing.T, h http.Handler) {
	for range 20_000 {
		h.ServeHTTP(&serverWriter{header: make(http.Header)}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	}
}
