package tests

import (
	"context"
	"errors"
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

func newGate() *gate {
	return &gate{entered: make(chan struct{}, 1024), open: make(chan struct{})}
}

func (g *gate) wait(context.Context) error {
	g.entered <- struct{}{}
	<-g.open
	return nil
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

// fill takes every worker and every place of r, and returns what gives the
// workers back.
func fill(t *testing.T, r *runner.Runner) *gate {
	t.Helper()
	g := newGate()
	s := r.Stats()
	for range s.Workers {
		require.NoError(t, r.Go(t.Context(), "fill.worker", g.wait))
		<-g.entered
	}
	for range s.Capacity {
		require.NoError(t, r.Go(t.Context(), "fill.place", nothing))
	}
	t.Cleanup(g.release)
	return g
}

// requireBalanced checks the first invariant on a snapshot.
func requireBalanced(t *testing.T, s runner.Stats) {
	t.Helper()
	require.Equal(t, s.Asked, s.Outcomes.Total()+uint64(s.Reserved+s.Queued+s.Paused+s.Running), "the books do not balance: %+v", s)
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
