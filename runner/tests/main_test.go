package tests

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/runner"
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

// journal is an observer that keeps what it sees.
type journal struct {
	mu       sync.Mutex
	accepted []runner.AcceptedInfo
	rejected []runner.RejectedInfo
	started  []runner.StartedInfo
	retried  []runner.RetriedInfo
	finished []runner.FinishedInfo
	drains   []runner.Report
}

func (j *journal) observer() runner.Observer {
	return runner.Observer{
		Accepted: func(_ context.Context, i runner.AcceptedInfo) context.Context {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.accepted = append(j.accepted, i)
			return nil
		},
		Rejected: func(_ context.Context, i runner.RejectedInfo) {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.rejected = append(j.rejected, i)
		},
		Started: func(_ context.Context, i runner.StartedInfo) context.Context {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.started = append(j.started, i)
			return nil
		},
		Retried: func(_ context.Context, i runner.RetriedInfo) {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.retried = append(j.retried, i)
		},
		Finished: func(_ context.Context, i runner.FinishedInfo) {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.finished = append(j.finished, i)
		},
		DrainFinished: func(_ context.Context, r runner.Report) {
			j.mu.Lock()
			defer j.mu.Unlock()
			j.drains = append(j.drains, r)
		},
	}
}

// outcomes maps each finished callback's name to its outcomes, in order.
func (j *journal) outcomes() map[string][]runner.Outcome {
	j.mu.Lock()
	defer j.mu.Unlock()
	all := make(map[string][]runner.Outcome)
	for _, f := range j.finished {
		all[f.Name] = append(all[f.Name], f.Outcome)
	}
	return all
}
