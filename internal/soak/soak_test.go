package soak

import (
	"context"
	"encoding/json"
	"flag"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/runner"
)

var (
	soakTime    = flag.Duration("soak.time", 10*time.Second, "how long TestSoak lasts")
	soakStrict  = flag.Bool("soak.strict", false, "TestSoak fails if responses are slower beside callbacks")
	soakClients = flag.Int("soak.clients", 64, "requests under way at once in TestSoak, at most")
	soakRate    = flag.Int("soak.rate", 400, "requests per second of TestSoak, when there is no flood")
)

// maxRequests ends the load before its time.
const maxRequests = 5_000_000

func TestMain(m *testing.M) {
	if text := os.Getenv(loadVariable); text != "" {
		os.Exit(loadMain(text))
	}
	goleak.VerifyTestMain(m)
}

func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 s at the least")
	}
	rep := report{length: *soakTime, goroutines: [2]int{runtime.NumGoroutine()}}

	b := newBooks()
	m := &mix{books: b}
	busy := serve(t, runner.Config{
		Name:       "busy",
		Workers:    64,
		Queue:      256,
		Timeout:    callbackTimeout,
		StuckAfter: stuckAfter,
		MaxStuck:   256,
		Limits:     map[string]int{"soak.limited": 8},
		Observers:  []runner.Observer{b.observer()},
	}, func(r *runner.Runner) asker { m.runner = r; return m })
	idle := serve(t, runner.Config{Name: "idle"}, func(*runner.Runner) asker { return nobody{} })

	watch := startWatch(t, busy, idle)
	rep.load = drive(t, plan{
		Targets:     [2]string{busy.url, idle.url},
		Length:      *soakTime,
		Cycle:       min(maxCycle, *soakTime/2),
		Rate:        *soakRate,
		Clients:     *soakClients,
		MaxRequests: maxRequests,
	})
	rep.samples = watch.stop()

	// At rest, before the end: nothing is due any more.
	require.Eventually(t, func() bool { return atRest(busy.runner.Stats()) }, 30*time.Second, 50*time.Millisecond)
	rep.stats = busy.runner.Stats()
	rep.unbalanced = watch.unbalanced
	idle.stop(t)
	rep.lost = busy.stop(t)
	m.doing.Wait()
	rep.books = b.totals()
	settled := func() bool {
		runtime.GC() // ends what finalizers hold
		rep.goroutines[1] = runtime.NumGoroutine()
		return rep.goroutines[1] <= rep.goroutines[0]
	}
	for end := time.Now().Add(5 * time.Second); !settled() && time.Now().Before(end); {
		pause(t.Context(), 50*time.Millisecond)
	}

	table, failures := rep.judge(*soakStrict)
	t.Log("\n" + table)
	for _, f := range failures {
		t.Error(f)
	}
}

func atRest(s runner.Stats) bool { return s.Pending() == 0 }

// site is a bound server on loopback.
type site struct {
	runner *runner.Runner
	server *http.Server
	url    string
	ended  chan error

	connections atomic.Int64 // open now
}

func serve(t *testing.T, cfg runner.Config, with func(*runner.Runner) asker) *site {
	t.Helper()
	return serveRunner(t, cfg, func(r *runner.Runner) http.Handler { return handler{with(r)} })
}

// serveRunner serves a handler that may ask the runner.
func serveRunner(t *testing.T, cfg runner.Config, with func(*runner.Runner) http.Handler) *site {
	t.Helper()
	r, err := runner.New(cfg)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &site{
		runner: r,
		server: &http.Server{Handler: r.Middleware(with(r)), ReadHeaderTimeout: time.Minute},
		url:    "http://" + l.Addr().String(),
		ended:  make(chan error, 1),
	}
	s.server.ConnState = s.count
	runner.Bind(s.server)
	go func() { s.ended <- s.server.Serve(l) }()
	return s
}

func (s *site) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.connections.Add(1)
	case http.StateClosed:
		s.connections.Add(-1)
	}
}

// stop shuts the server down, then the runner, and returns what was lost.
func (s *site) stop(t *testing.T) []runner.Lost {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	require.NoError(t, s.server.Shutdown(ctx))
	require.ErrorIs(t, <-s.ended, http.ErrServerClosed)
	rep, err := s.runner.Shutdown(ctx)
	require.NoError(t, err)
	return rep.Lost
}

// drive has the load made by another process of this binary.
func drive(t *testing.T, p plan) loadResult {
	t.Helper()
	text, err := json.Marshal(p)
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), p.Length+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), loadVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var result loadResult
	require.NoError(t, json.Unmarshal(out, &result))
	return result
}
