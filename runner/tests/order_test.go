package tests

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// way is the events of one callback, a letter for each: one that is written when
// its observer is called, and a point when it returns.
type way struct {
	mu      sync.Mutex
	events  string         // guarded by mu
	outcome runner.Outcome // guarded by mu
	ended   bool           // guarded by mu
}

// wayOf is the way that an observed callback goes: perhaps folded, then rejected,
// or accepted with attempts and an end. An attempt starts, perhaps late, and may be
// found stuck.
var wayOf = regexp.MustCompile(`^(F\.)?(J\.|A\.(S\.(L\.)?(K\.)?R\.)*(S\.(L\.)?(K\.)?)?E\.(X\.)?)$`)

// wayObserver notes the way of each callback. Its hooks take a while each, so that
// others come meanwhile if they can.
type wayObserver struct {
	mu   sync.Mutex
	rand *rand.Rand // guarded by mu
	ways []*way     // guarded by mu
}

type wayKey struct{}

func (o *wayObserver) newWay() *way {
	o.mu.Lock()
	defer o.mu.Unlock()
	w := new(way)
	o.ways = append(o.ways, w)
	return w
}

// spend notes an event around some time, in a bubble only.
func (o *wayObserver) spend(ctx context.Context, event string) *way {
	w, _ := ctx.Value(wayKey{}).(*way)
	if w == nil {
		return nil
	}
	o.mu.Lock()
	d := time.Duration(o.rand.IntN(4)) * time.Duration(o.rand.IntN(800)) * time.Millisecond
	o.mu.Unlock()
	w.mu.Lock()
	w.events += event
	w.mu.Unlock()
	time.Sleep(d)
	w.mu.Lock()
	w.events += "."
	w.mu.Unlock()
	return w
}

func (o *wayObserver) observer() runner.Observer {
	return runner.Observer{
		Folded:   func(ctx context.Context, _ runner.Callback) { o.spend(ctx, "F") },
		Accepted: func(ctx context.Context, _ runner.AcceptedInfo) context.Context { o.spend(ctx, "A"); return nil },
		Rejected: func(ctx context.Context, _ runner.RejectedInfo) { o.spend(ctx, "J") },
		Started:  func(ctx context.Context, _ runner.StartedInfo) context.Context { o.spend(ctx, "S"); return nil },
		StartedLate: func(ctx context.Context, _ runner.StartedInfo) {
			o.spend(ctx, "L")
		},
		Stuck:   func(ctx context.Context, _ runner.StuckInfo) { o.spend(ctx, "K") },
		Retried: func(ctx context.Context, _ runner.RetriedInfo) { o.spend(ctx, "R") },
		Finished: func(ctx context.Context, info runner.FinishedInfo) {
			if w := o.spend(ctx, "E"); w != nil {
				w.mu.Lock()
				w.outcome, w.ended = info.Outcome, true
				w.mu.Unlock()
			}
		},
		Failed: func(ctx context.Context, _ runner.FinishedInfo) { o.spend(ctx, "X") },
	}
}

// Slow observers, callbacks of every kind, and a drain that gives up.
func TestTheObserversOfACallbackNeverOverlapAndKeepTheOrder(t *testing.T) {
	seen := ""
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { seen += observeWays(t, seed) })
		})
	}
	for _, event := range "FAJSLKREX" {
		require.Contains(t, seen, string(event), "no callback has had that event")
	}
}

// observeWays returns the events of all callbacks, in a bubble only.
func observeWays(t *testing.T, seed uint64) (seen string) {
	t.Helper()
	dice := rand.New(rand.NewPCG(seed, 1))                  //nolint:gosec // a seed makes it repeatable
	o := &wayObserver{rand: rand.New(rand.NewPCG(seed, 2))} //nolint:gosec // the same
	overflows := []runner.Overflow{runner.Reject, runner.DropOldest, runner.Block(time.Second)}
	r := newRunner(t, runner.Config{
		Workers: 1 + dice.IntN(3), Queue: 1 + dice.IntN(6), Overflow: overflows[seed%3], Timeout: time.Second,
		StuckAfter: time.Duration(1+dice.IntN(1000)) * time.Millisecond, MaxNames: 3, Limits: map[string]int{"limited": 1},
		Observers: []runner.Observer{o.observer()},
	})
	names := []string{"it", "limited", "folded.a", "folded.b", "folded.c"}
	var asking sync.WaitGroup
	for range 40 {
		takes, fails := time.Duration(dice.IntN(4000))*time.Millisecond, dice.IntN(2) == 0
		fn := func(context.Context) error {
			time.Sleep(takes)
			if fails {
				return errBroken
			}
			return nil
		}
		var opts []runner.Option
		switch dice.IntN(4) {
		case 0:
			opts = append(opts, runner.RetryBackoff(1+dice.IntN(3), every(time.Duration(dice.IntN(500))*time.Millisecond)))
		case 1:
			opts = append(opts, runner.Coalesce("k"))
		case 2:
			opts = append(opts, runner.When(func(runner.Request) bool { return takes < 3*time.Second }))
		}
		name, how, stays := names[dice.IntN(len(names))], dice.IntN(4), time.Duration(dice.IntN(2000))*time.Millisecond
		ctx := context.WithValue(t.Context(), wayKey{}, o.newWay())
		asking.Go(func() {
			switch how {
			case 0:
				_ = r.Go(ctx, name, fn, opts...)
			case 1:
				_ = r.Do(ctx, name, fn)
			default:
				scoped, release := r.Scope(ctx)
				go func() {
					time.Sleep(stays)
					release(nil)
				}()
				_ = runner.After(scoped, name, fn, opts...)
			}
		})
		time.Sleep(time.Duration(dice.IntN(600)) * time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+dice.IntN(5))*time.Second)
	defer cancel()
	_, err := r.Shutdown(ctx)
	if err != nil {
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	asking.Wait()
	time.Sleep(time.Hour)
	synctest.Wait()

	ended := uint64(0)
	for _, w := range o.ways {
		w.mu.Lock()
		require.Regexp(t, wayOf, w.events)
		seen += w.events
		if w.ended {
			ended++
			require.Equal(t, w.outcome.IsFailure(), w.events[len(w.events)-2] == 'X', "%v: %s", w.outcome, w.events)
		}
		w.mu.Unlock()
	}
	s := r.Snapshot()
	requireSnapshotBalanced(t, s)
	require.Zero(t, s.Pending())
	require.Equal(t, s.Asked-s.Outcomes[runner.OutcomeRejected], ended)
	require.Zero(t, s.ObserverPanics)
	return seen
}

// Several observers see one event after the other, in the order of the Config.
func TestEachEventVisitsTheObserversInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(eventLog)
		numbered := func(n string) runner.Observer {
			add := func(event string) { log.add(event + " " + n) }
			return runner.Observer{
				Folded:      func(context.Context, runner.Callback) { add("folded") },
				Accepted:    func(context.Context, runner.AcceptedInfo) context.Context { add("accepted"); return nil },
				Rejected:    func(context.Context, runner.RejectedInfo) { add("rejected") },
				Started:     func(context.Context, runner.StartedInfo) context.Context { add("started"); return nil },
				StartedLate: func(context.Context, runner.StartedInfo) { add("late") },
				Stuck:       func(context.Context, runner.StuckInfo) { add("stuck") },
				Retried:     func(context.Context, runner.RetriedInfo) { add("retried") },
				Finished:    func(context.Context, runner.FinishedInfo) { add("finished") },
				Failed:      func(context.Context, runner.FinishedInfo) { add("failed") },
			}
		}
		r := newRunner(t, runner.Config{
			Workers: 1, MaxNames: 1, Names: []string{"known"}, Timeout: time.Second,
			Observers: []runner.Observer{numbered("1"), {}, numbered("2")},
		})
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.After(ctx, "it", func(context.Context) error { time.Sleep(5 * time.Second); return errBroken }, runner.RetryBackoff(2, every(0))))
		release(nil)
		time.Sleep(time.Minute)
		drain(t, r)
		require.ErrorIs(t, errors.Join(r.Go(t.Context(), "known", nothing)), runner.ErrClosed)
		var want []string
		for _, event := range []string{
			"folded", "accepted", "started", "stuck", "retried", "started", "stuck", "finished", "failed", "rejected",
		} {
			want = append(want, event+" 1", event+" 2")
		}
		require.Equal(t, want, log.all())
	})
}
