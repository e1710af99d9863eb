package tests

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("broken")

// newRunner returns a runner that is shut down at the end of the test.
func newRunner(t *testing.T, cfg runner.Config) *runner.Runner {
	t.Helper()
	r, err := runner.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_, _ = r.Shutdown(ctx)
	})
	return r
}

// nothing is a callback that succeeds.
func nothing(context.Context) error { return nil }

// gate is a callback that runs until it is opened, whatever its context says.
type gate struct {
	entered chan struct{} // one value for each callback that has started
	open    chan struct{}
	once    sync.Once
}

// newGate returns a gate that is opened at the end of the test at the latest.
func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{entered: make(chan struct{}, 1024), open: make(chan struct{})}
	t.Cleanup(g.release)
	return g
}

func (g *gate) wait(context.Context) error {
	g.entered <- struct{}{}
	<-g.open
	return nil
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

// occupy takes every worker of r with callbacks of the name given, and returns
// what gives them back.
func occupy(t *testing.T, r *runner.Runner, name string) *gate {
	t.Helper()
	g := newGate(t)
	for range r.Stats().Workers {
		require.NoError(t, r.Go(t.Context(), name, g.wait))
		<-g.entered
	}
	return g
}

// fill takes every worker and every place of r, and returns what gives the
// workers back.
func fill(t *testing.T, r *runner.Runner) *gate {
	t.Helper()
	g := occupy(t, r, "fill.worker")
	for range r.Stats().Capacity {
		require.NoError(t, r.Go(t.Context(), "fill.place", nothing))
	}
	return g
}

// drain shuts r down, and nothing is lost.
func drain(t *testing.T, r *runner.Runner) runner.Report {
	t.Helper()
	report, err := r.Shutdown(t.Context())
	require.NoError(t, err)
	return report
}

// giveUp shuts r down with a second's time, which is not enough.
func giveUp(t *testing.T, r *runner.Runner) runner.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	report, err := r.Shutdown(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	return report
}

// requireBalanced checks the first invariant on a snapshot.
func requireBalanced(t *testing.T, s runner.Stats) {
	t.Helper()
	require.Equal(t, s.Asked, s.Outcomes.Total()+uint64(s.Pending()), "the books do not balance: %+v", s)
}

// requireCollected waits until the garbage collector has closed freed, by
// runtime.AddCleanup.
func requireCollected(t *testing.T, freed <-chan struct{}) {
	t.Helper()
	collected := func() bool {
		runtime.GC()
		select {
		case <-freed:
			return true
		default:
			return false
		}
	}
	require.Eventually(t, collected, 10*time.Second, time.Millisecond)
}

// recorded is newRunner with a recorder as the last observer. None of them may
// panic, which is also how the recorder says that a callback has ended twice.
func recorded(t *testing.T, cfg runner.Config) (*runner.Runner, *runnertest.Recorder) {
	t.Helper()
	rec := new(runnertest.Recorder)
	cfg.Observers = append(slices.Clone(cfg.Observers), rec.Observer())
	var r *runner.Runner
	t.Cleanup(func() { require.Zero(t, r.Stats().ObserverPanics) }) // after the runner's own
	r = newRunner(t, cfg)
	return r, rec
}

// outcomes maps the name of each callback that has ended to its outcomes, in
// the order asked.
func outcomes(rec *runnertest.Recorder) map[string][]runner.Outcome {
	all := make(map[string][]runner.Outcome)
	for _, c := range rec.All() {
		if o, ok := c.Outcome(); ok {
			all[c.Name] = append(all[c.Name], o)
		}
	}
	return all
}

// only returns the one callback of a name.
func only(t *testing.T, rec *runnertest.Recorder, name string) runnertest.Callback {
	t.Helper()
	named := rec.Named(name)
	require.Len(t, named, 1, name)
	return named[0]
}
