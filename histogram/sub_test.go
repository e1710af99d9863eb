package histogram_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
)

func TestSubHasWhatWasObservedSince(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	l := newLayout(t, seconds)
	for _, sizes := range [][2]int{{0, 0}, {0, 100}, {100, 0}, {500, 300}} {
		h := histogram.New(l)
		for _, d := range sample(random, sizes[0], 1, time.Second) {
			h.Observe(d)
		}
		before, _ := h.Snapshot(nil)
		later := sample(random, sizes[1], time.Microsecond, time.Hour)
		for _, d := range later {
			h.Observe(d)
		}
		now, _ := h.Snapshot(nil)
		was := stateOf(now)
		since, ok := now.Sub(before)
		if want := stateOf(observed(l, later...)); !ok || !stateOf(since).equal(want) {
			t.Errorf("since then: %v, %v, want %v", stateOf(since), ok, want)
		}
		if !stateOf(now).equal(was) {
			t.Error("Sub changes what it subtracts from")
		}
	}
}

func TestSubRejectsWhatIsNotEarlier(t *testing.T) {
	l := newLayout(t, seconds)
	short, long := observed(l, time.Second), observed(l, time.Second, time.Minute)
	for name, pair := range map[string][2]histogram.Snapshot{
		"a later one":            {short, long},
		"another one":            {observed(l, time.Minute), observed(l, time.Second)},
		"one of another layout":  {long, observed(newLayout(t, seconds[1:]), time.Second)},
		"the zero one, from nil": {{}, short},
	} {
		if s, ok := pair[0].Sub(pair[1]); ok || s.Count() != 0 {
			t.Errorf("%s: %v, %v", name, stateOf(s), ok)
		}
	}
	var zero histogram.Snapshot
	if s, ok := long.Sub(zero); !ok || s.Count() != 2 {
		t.Errorf("since the zero one: %v, %v", stateOf(s), ok)
	}
}
