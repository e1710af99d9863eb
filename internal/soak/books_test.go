package soak

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/afterglow-go/afterglow/runner"
)

// books are kept beside the runner's own, by what After answered and by what
// an observer sees.
type books struct {
	mu sync.Mutex
	t  totals // guarded by mu
}

type totals struct {
	Taken, NotTaken    uint64 // by what After, AfterAll and Do returned
	HangsTaken         uint64
	Accepted, Rejected uint64 // by the observer
	Started, Retried   uint64
	Finished           uint64
	Twice              uint64 // callbacks with a second Finished
	Outcomes           runner.Outcomes
	Reasons            map[runner.Reason]uint64
	HangsFound         uint64 // by the observer's Stuck
	HangsEnded         uint64 // Finished said that they had been stuck
	OthersFound        uint64 // found stuck though they heed their context: the machine was late
	WithoutStack       uint64 // found without a stack that names the function they hang in
}

func newBooks() *books { return &books{t: totals{Reasons: make(map[runner.Reason]uint64)}} }

func (b *books) totals() totals {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.t
}

// note counts.
func (b *books) note(count func(t *totals)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	count(&b.t)
}

func (b *books) answered(name string, err error) {
	b.note(func(t *totals) {
		switch {
		case err != nil:
			t.NotTaken++
		case name == hangName:
			t.HangsTaken++
			fallthrough
		default:
			t.Taken++
		}
	})
}

const hangName = "soak.hang"

// endKey finds the number of a callback's Finished so far.
type endKey struct{}

func (b *books) observer() runner.Observer {
	return runner.Observer{
		Accepted: func(ctx context.Context, _ runner.AcceptedInfo) context.Context {
			b.note(func(t *totals) { t.Accepted++ })
			return context.WithValue(ctx, endKey{}, new(atomic.Int32))
		},
		Rejected: func(_ context.Context, i runner.RejectedInfo) {
			b.note(func(t *totals) { t.Rejected++; t.Reasons[i.Reason]++ })
		},
		Started: func(context.Context, runner.StartedInfo) context.Context {
			b.note(func(t *totals) { t.Started++ })
			return nil
		},
		Retried: func(context.Context, runner.RetriedInfo) { b.note(func(t *totals) { t.Retried++ }) },
		Stuck:   func(_ context.Context, i runner.StuckInfo) { b.stuck(i) },
		Finished: func(ctx context.Context, i runner.FinishedInfo) {
			ends, _ := ctx.Value(endKey{}).(*atomic.Int32)
			again := ends == nil || ends.Add(1) > 1
			b.finished(i, again)
		},
	}
}

func (b *books) stuck(i runner.StuckInfo) {
	b.note(func(t *totals) {
		if i.Name != hangName {
			t.OthersFound++
			return
		}
		t.HangsFound++
		if !namesHang(i.Stack) {
			t.WithoutStack++
		}
	})
}

func (b *books) finished(i runner.FinishedInfo, again bool) {
	b.note(func(t *totals) {
		t.Finished++
		t.Outcomes[i.Outcome]++
		if again {
			t.Twice++
		}
		if i.Name == hangName && i.Stuck {
			t.HangsEnded++
		}
	})
}
