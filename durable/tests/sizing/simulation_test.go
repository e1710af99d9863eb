// Package sizing_test says how many workers a rate needs, by a simulation, and measures the same on runners and queues.
package sizing_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// load is a stream of tasks: Poisson arrivals, and durations that are distributed exponentially.
type load struct {
	rate float64 // a second
	mean time.Duration
}

// busy is how many tasks run at once on average, by Little's law.
func (l load) busy() float64 { return l.rate * l.mean.Seconds() }

// arrival is one task.
type arrival struct{ at, takes time.Duration }

func (l load) arrivals(n int, seed uint64) []arrival {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // repeatable
	all := make([]arrival, n)
	at := 0.0
	for i := range all {
		at += random.ExpFloat64() / l.rate
		all[i] = arrival{time.Duration(at * float64(time.Second)), time.Duration(random.ExpFloat64() * float64(l.mean))}
	}
	return all
}

// simulate returns how long each task waits if so many workers take them in their order.
func simulate(all []arrival, workers int) (waits []time.Duration) {
	free := make([]time.Duration, workers) // when each worker is free
	for _, a := range all {
		first := 0
		for i := range free {
			if free[i] < free[first] {
				first = i
			}
		}
		starts := max(a.at, free[first])
		free[first] = starts + a.takes
		waits = append(waits, starts-a.at)
	}
	return waits
}

func mean(all []time.Duration) time.Duration {
	sum := time.Duration(0)
	for _, d := range all {
		sum += d
	}
	return sum / time.Duration(len(all))
}

func quantile(all []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// erlang is the mean wait by Erlang's formula C.
func erlang(l load, workers int) time.Duration {
	a, c := l.busy(), float64(workers)
	inverse := 1.0 // of formula B
	for k := 1.0; k <= c; k++ {
		inverse = 1 + inverse*k/a
	}
	b := 1 / inverse
	waits := b / (1 - a/c*(1-b))
	return time.Duration(waits / (c - a) * l.mean.Seconds() * float64(time.Second))
}

// workersFor is the rule of SCALE.md.
func workersFor(l load) int { return 1 + int(math.Ceil(l.busy()+2*math.Sqrt(l.busy()))) }

func TestTheSimulationAgreesWithErlangsFormula(t *testing.T) {
	for _, l := range []load{{200, 50 * time.Millisecond}, {1000, 100 * time.Millisecond}} {
		for _, spare := range []float64{.4, 1} {
			workers := int(math.Ceil(l.busy() + spare*math.Sqrt(l.busy())))
			waits := simulate(l.arrivals(1_000_000, 1), workers)
			want := erlang(l, workers)
			t.Logf("%v/s of %v on %d workers: %v, by the formula %v", l.rate, l.mean, workers, mean(waits), want)
			require.InEpsilon(t, want.Seconds(), mean(waits).Seconds(), .2)
		}
	}
}

func TestTheRuleOfSizingKeepsWaitsBelowHalfTheDurationOfATask(t *testing.T) {
	for _, rate := range []float64{10, 50, 200, 1000, 5000} {
		for _, takes := range []time.Duration{20 * time.Millisecond, 200 * time.Millisecond} {
			l := load{rate, takes}
			waits := simulate(l.arrivals(200_000, 1), workersFor(l))
			t.Logf("%5.0f/s of %6v: busy %6.1f, workers %4d, waits p99 %v", rate, takes, l.busy(), workersFor(l), quantile(waits, .99).Round(100*time.Microsecond))
			require.Less(t, quantile(waits, .99), takes/2)
		}
	}
}
