package tests

import (
	"encoding/hex"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	simSeed    = flag.Uint64("sim.seed", 0, "seed of the first program of TestSim; 0: a new one each time")
	simSteps   = flag.Int64("sim.steps", 20_000, "steps of TestSim, at least")
	simLogbook = flag.Bool("sim.logbook", false, "for TestSim's own use: read which programs are under way")
	simProgram = flag.String("sim.program", "", "one program for TestSim, as a failure prints it")
)

// hungTime is how long a program may take on the real clock. Most take a
// millisecond; one that never becomes quiet is in a deadlock.
const hungTime = time.Minute

// TestSim drives runners with random programs on a fake clock, and holds every
// promise after every step. Program n of a run has the seed -sim.seed + n, so
// that a failing one can be repeated alone.
// quiet leaves out what the runner logs with the default logger: of a model that sees
// nothing there is much.
func quiet(t testing.TB) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(before) })
}

func TestSim(t *testing.T) {
	quiet(t)
	if *simLogbook {
		readLogbook(os.Stdin, os.Stderr)
		return
	}
	if *simProgram != "" {
		data, err := hex.DecodeString(*simProgram)
		require.NoError(t, err)
		hunt(t, programOf(data))
		return
	}
	seed := *simSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	// Seen if the whole process goes down, in which no test can log.
	fmt.Fprintf(os.Stderr, "sim: -sim.seed=%d\n", seed)
	log := openLogbook(t)
	begin := time.Now()
	var programs, steps atomic.Int64
	t.Run("", func(t *testing.T) {
		for lane := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint("lane", lane), func(t *testing.T) {
				t.Parallel()
				for !t.Failed() && steps.Load() < *simSteps {
					s := seed + uint64(programs.Add(1)) - 1
					log.note(lane, s, steps.Load())
					f, n := programFrom(s).runOrSay(t, s, steps.Load)
					if total := steps.Add(int64(n)); f != nil {
						t.Errorf("found in step %d of the run; repeat with -sim.seed=%d -sim.steps=1", total, s)
						explain(t, programFrom(s), f, n)
					}
				}
			})
		}
	})
	took := time.Since(begin)
	t.Logf("seed %d: %d programs, %d steps, %.0f steps/s", seed, programs.Load(), steps.Load(), float64(steps.Load())/took.Seconds())
}

// FuzzSchedule lets the fuzzer write the programs.
func FuzzSchedule(f *testing.F) {
	quiet(f)
	for seed := range uint64(8) {
		f.Add(programFrom(seed).bytes())
	}
	f.Fuzz(func(t *testing.T, data []byte) { hunt(t, programOf(data)) })
}

// hunt fails with a short program if p breaks a promise.
func hunt(t *testing.T, p program) {
	t.Helper()
	if f, n := p.run(t); f != nil {
		explain(t, p, f, n)
	}
}

// explain reports the fault f that p met in its n-th step, with the shortest
// program that meets it too.
func explain(t *testing.T, p program, f *fault, n int) {
	t.Helper()
	small := p.shrink(f.check, func(q program) string {
		if f, _ := q.run(t); f != nil {
			return f.check
		}
		return ""
	})
	t.Errorf("in step %d of %d: %v", n, len(p.ops), f)
	for range 10 { // goroutines may take other turns
		if again, _ := small.run(t); again != nil {
			t.Errorf("shrunk to %d steps: %v\n%v", len(small.ops), again, small)
			return
		}
	}
	t.Errorf("not met again, as it takes two goroutines that take turns at one instant\n%v", small)
}

// runOrSay is run, and says which program it was if the bubble's own test fails,
// as it does when the race detector has found something.
func (p program) runOrSay(t *testing.T, seed uint64, steps func() int64) (*fault, int) {
	t.Helper()
	ended := false
	defer func() {
		if !ended {
			t.Errorf("a race after step %d of the run; repeat with -sim.seed=%d -sim.steps=1 -cpu=1", steps(), seed)
		}
	}()
	f, n := p.run(t)
	ended = true
	return f, n
}

// run plays p in a bubble of its own. A bubble that cannot end, as goroutines
// are left in it for ever, is a fault as well.
func (p program) run(t *testing.T) (f *fault, steps int) {
	t.Helper()
	watch := time.AfterFunc(hungTime, func() {
		fmt.Fprintf(os.Stderr, "sim: no end in %v: %v\n", hungTime, p)
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
		os.Exit(2)
	})
	defer watch.Stop()
	defer func() {
		if v := recover(); v != nil && f == nil {
			f = &fault{"deadlock", fmt.Sprint(v)}
		}
	}()
	synctest.Test(t, func(*testing.T) { f, steps = p.play() })
	return f, steps
}
