package tests

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

var (
	simSeed  = flag.Uint64("sim.seed", 0, "seed of TestSim; 0: a new one each time")
	simSteps = flag.Int("sim.steps", 20_000, "steps of TestSim")
)

// TestSim drives runners with random programs on a fake clock and checks the
// books after every step.
func TestSim(t *testing.T) {
	seed := *simSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("repeat with -sim.seed=%d -sim.steps=%d", seed, *simSteps)
	rng := rand.New(rand.NewPCG(seed, 0))
	for done := 0; done < *simSteps && !t.Failed(); {
		n := min(1+rng.IntN(300), *simSteps-done)
		synctest.Test(t, func(t *testing.T) { simulate(t, rng, n) })
		done += n
	}
}

// simulate runs one program: a runner of random size, n steps, and a shutdown.
func simulate(t *testing.T, rng *rand.Rand, n int) {
	w := &world{rng: rng}
	cfg := runner.Config{
		Workers:   1 + rng.IntN(4),
		Queue:     1 + rng.IntN(8),
		Timeout:   time.Duration(1+rng.IntN(1000)) * time.Millisecond,
		Overflow:  runner.Overflow(rng.IntN(4)),
		Observers: []runner.Observer{w.observer()},
	}
	r, err := runner.New(cfg)
	require.NoError(t, err)
	w.runner = r
	for range n {
		w.step(t)
		w.check(t)
	}
	w.finish(t)
}

// world is what a program acts on, and what it knows of the outcome.
type world struct {
	runner *runner.Runner
	rng    *rand.Rand // the program's, not the callbacks'
	scopes []simScope

	mu       sync.Mutex // guards what follows: callbacks run beside the program
	accepted int        // After and Go returned nil
	rejected int        // they returned an error
	seen     struct{ accepted, rejected, started, finished, ended int }
	deaf     []chan struct{} // callbacks that ignore their context
	early    bool            // one started before its scope was released
}

type simScope struct {
	ctx      context.Context
	release  func()
	released *bool // guarded by world.mu
}

// simKey finds the simScope's released flag in a callback's context.
type simKey struct{}

// step is called in a bubble only.
func (w *world) step(t *testing.T) {
	switch w.rng.IntN(10) {
	case 0, 1:
		released := new(bool)
		ctx, release := w.runner.Scope(context.WithValue(t.Context(), simKey{}, released))
		w.scopes = append(w.scopes, simScope{ctx, release, released})
	case 2, 3, 4:
		if len(w.scopes) > 0 {
			w.ask(w.scopes[w.rng.IntN(len(w.scopes))].ctx, w.runner.After, 2)
		}
	case 5, 6:
		w.ask(t.Context(), w.runner.Go, 2)
	case 7, 8:
		if len(w.scopes) > 0 {
			i := w.rng.IntN(len(w.scopes))
			w.releaseScope(w.scopes[i])
			w.scopes = append(w.scopes[:i], w.scopes[i+1:]...)
		}
	case 9:
		time.Sleep(time.Duration(w.rng.IntN(500)) * time.Millisecond)
	}
	synctest.Wait()
}

func (w *world) releaseScope(s simScope) {
	w.mu.Lock()
	*s.released = true
	w.mu.Unlock()
	s.release()
}

// ask asks for a random callback, on a goroutine of its own as handlers have.
func (w *world) ask(ctx context.Context, how func(context.Context, string, func(context.Context) error, ...runner.Option) error, depth int) {
	rng := rand.New(rand.NewPCG(w.rng.Uint64(), 0)) // its own, whatever runs beside it
	go func() {
		err := how(ctx, "sim", func(ctx context.Context) error { return w.callback(ctx, rng, depth) })
		w.mu.Lock()
		defer w.mu.Unlock()
		if err == nil {
			w.accepted++
		} else {
			w.rejected++
		}
	}()
}

// callback is called in a bubble only.
func (w *world) callback(ctx context.Context, rng *rand.Rand, depth int) error {
	if released, ok := ctx.Value(simKey{}).(*bool); ok {
		w.mu.Lock()
		w.early = w.early || !*released
		w.mu.Unlock()
	}
	time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
	switch rng.IntN(8) {
	case 0:
		return errors.New("sim: error")
	case 1:
		panic("sim: panic")
	case 2:
		runtime.Goexit()
	case 3:
		<-ctx.Done()
		return ctx.Err()
	case 4:
		deaf := make(chan struct{})
		w.mu.Lock()
		w.deaf = append(w.deaf, deaf)
		w.mu.Unlock()
		select {
		case <-deaf:
		case <-time.After(5 * time.Second):
		}
	case 5, 6:
		if depth > 0 {
			w.nested(ctx, rng, depth)
		}
	}
	return nil
}

func (w *world) nested(ctx context.Context, rng *rand.Rand, depth int) {
	how := w.runner.After
	if rng.IntN(2) == 0 {
		how = w.runner.Go
	}
	own := rand.New(rand.NewPCG(rng.Uint64(), 0))
	err := how(ctx, "sim.nested", func(ctx context.Context) error { return w.callback(ctx, own, depth-1) })
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.accepted++
	case errors.Is(err, runner.ErrNoScope):
		panic("sim: no scope inside a callback")
	default:
		w.rejected++
	}
}

func (w *world) observer() runner.Observer {
	note := func(n *int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		*n++
	}
	return runner.Observer{
		Accepted: func(context.Context, runner.AcceptedInfo) context.Context { note(&w.seen.accepted); return nil },
		Rejected: func(context.Context, runner.RejectedInfo) { note(&w.seen.rejected) },
		Started:  func(context.Context, runner.StartedInfo) context.Context { note(&w.seen.started); return nil },
		Finished: func(_ context.Context, i runner.FinishedInfo) {
			note(&w.seen.finished)
			if !i.Started.IsZero() {
				note(&w.seen.ended)
			}
		},
	}
}

// check holds the invariants that are true at every moment.
func (w *world) check(t *testing.T) {
	s := w.runner.Stats()
	requireBalanced(t, s)
	require.LessOrEqual(t, s.Depth, s.Capacity)
	require.LessOrEqual(t, s.Busy, s.Workers)
	w.mu.Lock()
	defer w.mu.Unlock()
	require.False(t, w.early, "a callback started before its scope was released")
}

// finish shuts down at this very moment and holds the invariants of the end. It
// is called in a bubble only.
func (w *world) finish(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+w.rng.IntN(3000))*time.Millisecond)
	defer cancel()
	deadline, _ := ctx.Deadline()
	report, err := w.runner.Shutdown(ctx)
	require.False(t, time.Now().After(deadline), "Shutdown returned late")
	require.Equal(t, len(report.Lost) > 0, err != nil)
	require.Equal(t, report.Pending, report.Completed+len(report.Lost))

	for _, s := range w.scopes {
		w.releaseScope(s)
	}
	w.mu.Lock()
	for _, deaf := range w.deaf {
		close(deaf)
	}
	w.mu.Unlock()
	time.Sleep(10 * time.Second)
	synctest.Wait()

	s := w.runner.Stats()
	requireBalanced(t, s)
	require.Zero(t, s.Reserved+s.Queued+s.Running+s.Depth+s.Busy)
	w.mu.Lock()
	defer w.mu.Unlock()
	require.EqualValues(t, w.accepted+w.rejected, s.Asked)
	require.EqualValues(t, w.rejected, s.Outcomes[runner.Rejected])
	require.Equal(t, w.accepted, w.seen.accepted)
	require.Equal(t, w.rejected, w.seen.rejected)
	require.Equal(t, w.accepted, w.seen.finished, "each accepted callback has one Finished")
	require.Equal(t, w.seen.started, w.seen.ended)
	require.False(t, w.early)
}
