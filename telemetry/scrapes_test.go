package telemetry_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// get asks a handler and returns the body of its answer.
func get(h http.Handler) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// endless is a context that ends when nothing else happens in the bubble.
func endless(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	t.Cleanup(cancel)
	return ctx
}

func (g *rig) metrics() http.Handler {
	return g.tel.WatchScrapes(promhttp.HandlerFor(g.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
}

func TestTheScrapeThatIsWaitedForShowsWhatTheDrainHasLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		metrics := g.metrics()
		r := g.runner(runner.Config{Name: "shop", Timeout: -1})
		require.NoError(t, r.Go(t.Context(), "order.email", hang))
		require.Contains(t, get(metrics), `afterglow_shutdown_lost_total{runner="shop"} 0`)
		over, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := r.Shutdown(over)
		require.Error(t, err)

		waited := make(chan error, 1)
		go func() { waited <- g.tel.WaitForScrape(endless(t)) }()
		synctest.Wait()
		require.Empty(t, waited, "the one before the drain does not count")
		require.Contains(t, get(metrics), `afterglow_shutdown_lost_total{runner="shop"} 1`)
		synctest.Wait()
		require.NoError(t, <-waited)
		require.NoError(t, g.tel.WaitForScrape(endless(t)), "nor has it to be waited for again")
	})
}

func TestAScrapeThatBeganBeforeTheDrainEndedDoesNotCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{})
		hold := make(chan struct{})
		metrics := g.tel.WatchScrapes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hold }))
		go get(metrics)
		synctest.Wait()
		g.shutdown(r)
		close(hold)
		synctest.Wait()
		short, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("no more time"))
		defer cancel()
		begin := time.Now()
		err := g.tel.WaitForScrape(short)
		require.ErrorContains(t, err, "nobody has read the metrics since the last drain: ")
		require.ErrorContains(t, err, "no more time")
		require.Equal(t, time.Minute, time.Since(begin))
		get(metrics)
		require.NoError(t, g.tel.WaitForScrape(short), "the end of ctx is no reason to fail if it has happened")
	})
}

func TestTheLastOfSeveralDrainsCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		metrics := g.metrics()
		get(metrics)
		require.NoError(t, g.tel.WaitForScrape(endless(t)), "without a drain any will do")
		for _, name := range []string{"mails", "reports"} {
			r := g.runner(runner.Config{Name: name})
			g.shutdown(r)
			over, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, g.tel.WaitForScrape(over), context.Canceled, name)
			get(metrics)
			require.NoError(t, g.tel.WaitForScrape(over), name)
		}
	})
}

// brokenWriter is a connection that is gone.
type brokenWriter struct{ *httptest.ResponseRecorder }

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWhatHasReadNothingIsNoScrape(t *testing.T) {
	page := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte("a metric"))
		})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		method  string
		handler http.Handler
		ctx     context.Context
		w       http.ResponseWriter
		counts  bool
	}{
		"a whole one":                 {"GET", page(200), t.Context(), httptest.NewRecorder(), true},
		"without a status":            {"GET", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), t.Context(), httptest.NewRecorder(), true},
		"the header alone":            {"HEAD", page(200), t.Context(), httptest.NewRecorder(), false},
		"an error":                    {"GET", page(500), t.Context(), httptest.NewRecorder(), false},
		"too many at once":            {"GET", page(503), t.Context(), httptest.NewRecorder(), false},
		"a client that went away":     {"GET", page(200), gone, httptest.NewRecorder(), false},
		"a connection that is broken": {"GET", page(200), t.Context(), brokenWriter{httptest.NewRecorder()}, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			g.tel.WatchScrapes(c.handler).ServeHTTP(c.w, httptest.NewRequestWithContext(c.ctx, c.method, "/metrics", nil))
			err := g.tel.WaitForScrape(gone)
			if c.counts {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, context.Canceled)
			}
		})
	}
}

func TestAHandlerThatPanicsHasServedNoScrape(t *testing.T) {
	g := newRig(t, nil)
	metrics := g.tel.WatchScrapes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { get(metrics) })
	over, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, g.tel.WaitForScrape(over), context.Canceled)
}

func TestWaitingWithoutAHandlerIsAnErrorAtOnce(t *testing.T) {
	require.ErrorContains(t, newRig(t, nil).tel.WaitForScrape(t.Context()), "without WatchScrapes: wrap the handler of /metrics in it")
}

func TestAWatchedHandlerServesAsItDidBefore(t *testing.T) {
	g := newRig(t, nil)
	g.runner(runner.Config{})
	w := httptest.NewRecorder()
	g.metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.True(t, strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain"))
	flushed := httptest.NewRecorder()
	g.tel.WatchScrapes(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(flushed, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.True(t, flushed.Flushed)
}

// All of them are released, in whatever order they came.
func TestAnyNumberMayWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		metrics := g.metrics()
		g.shutdown(g.runner(runner.Config{}))
		waited := make(chan error, 10)
		for range 10 {
			go func() { waited <- g.tel.WaitForScrape(endless(t)) }()
		}
		synctest.Wait()
		get(metrics)
		for range 10 {
			require.NoError(t, <-waited)
		}
	})
}
