package tests

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// refs notes the reference of each event, by the event's name.
type refs struct {
	mu sync.Mutex
	of map[string][]string // guarded by mu
}

// take returns what has been noted, and forgets it.
func (f *refs) take() map[string][]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	taken := f.of
	f.of = nil
	return taken
}

func (f *refs) observer() runner.Observer {
	note := func(event string, cb runner.Callback) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.of == nil {
			f.of = make(map[string][]string)
		}
		f.of[event] = append(f.of[event], cb.Ref)
	}
	return runner.Observer{
		Folded: func(_ context.Context, first runner.Callback) { note("folded", first) },
		Accepted: func(_ context.Context, info runner.AcceptedInfo) context.Context {
			note("accepted", info.Callback)
			return nil
		},
		Rejected: func(_ context.Context, info runner.RejectedInfo) { note("rejected", info.Callback) },
		Started: func(_ context.Context, info runner.StartedInfo) context.Context {
			note("started", info.Callback)
			return nil
		},
		StartedLate: func(_ context.Context, info runner.StartedInfo) { note("late", info.Callback) },
		Retried:     func(_ context.Context, info runner.RetriedInfo) { note("retried", info.Callback) },
		Stuck:       func(_ context.Context, info runner.StuckInfo) { note("stuck", info.Callback) },
		Finished:    func(_ context.Context, info runner.FinishedInfo) { note("finished", info.Callback) },
		Failed:      func(_ context.Context, info runner.FinishedInfo) { note("failed", info.Callback) },
	}
}

func TestEveryEventHasTheReferenceOfItsCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := new(refs)
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, MaxNames: 1, Timeout: time.Second, Observers: []runner.Observer{seen.observer()}})
		attempts := 0
		require.NoError(t, r.Go(t.Context(), "kept", func(context.Context) error {
			if attempts++; attempts == 1 {
				time.Sleep(5 * time.Second)
			}
			return errBroken
		}, runner.Ref("order 7"), runner.RetryBackoff(2, nil)))
		synctest.Wait()
		time.Sleep(time.Minute)
		drain(t, r)
		require.ErrorIs(t, r.Go(t.Context(), "folded", nothing, runner.Ref("order 8")), runner.ErrClosed)
		require.Equal(t, map[string][]string{
			"folded": {"order 8"}, "rejected": {"order 8"},
			"accepted": {"order 7"}, "started": {"order 7", "order 7"}, "stuck": {"order 7"}, "retried": {"order 7"},
			"finished": {"order 7"}, "failed": {"order 7"},
		}, seen.take())
	})
}

func TestAReferenceBelongsToOneCallbackOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := new(refs)
		r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{seen.observer()}})
		// The same task is used again, and a nested callback is another one.
		require.NoError(t, r.Go(t.Context(), "a", func(ctx context.Context) error {
			return r.Go(ctx, "nested", nothing)
		}, runner.Ref("order 7")))
		synctest.Wait()
		require.NoError(t, r.Go(t.Context(), "a", nothing))
		synctest.Wait()
		require.NoError(t, r.Go(t.Context(), "a", nothing, runner.Ref("order 8"), runner.Ref("order 9")))
		synctest.Wait()
		require.Equal(t, []string{"order 7", "", "", "order 9"}, seen.take()["started"])
	})
}

func TestTheCallbackThatTakesAnothersTurnKeepsItsOwnReference(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := new(refs)
		r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{seen.observer()}})
		busy := occupy(t, r, "busy")
		for _, ref := range []string{"older", "newer"} {
			require.NoError(t, r.Go(t.Context(), "reload", nothing, runner.Coalesce("prices"), runner.Ref(ref)))
		}
		busy.release()
		synctest.Wait()
		all := seen.take()
		require.Equal(t, []string{"", "newer"}, all["started"])
		require.Equal(t, []string{"older", "", "newer"}, all["finished"])
	})
}

func TestDoTakesAReference(t *testing.T) {
	seen := new(refs)
	r := newRunner(t, runner.Config{Observers: []runner.Observer{seen.observer()}})
	require.NoError(t, r.Do(t.Context(), "a", nothing, runner.Ref("order 7"), runner.Timeout(time.Minute), runner.Option{}))
	require.Equal(t, []string{"order 7"}, seen.take()["started"])
	for _, other := range []runner.Option{runner.Retry(1), runner.Once(""), runner.Coalesce(""), runner.When(nil)} {
		require.ErrorContains(t, r.Do(t.Context(), "a", nothing, other), "no option but Timeout, Ref, Wraps and Caller")
	}
	require.EqualValues(t, 1, r.Stats().Asked)
}

func TestTheReportSaysWhichCallbacksWereLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Timeout: -1})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "order.webhook", g.wait, runner.Ref("order 7")))
		synctest.Wait()
		for _, ref := range []string{"order 8\nfake: line", "order 9"} {
			time.Sleep(time.Second)
			require.NoError(t, r.Go(t.Context(), "order.email", nothing, runner.Ref(ref)))
		}
		require.NoError(t, r.Go(t.Context(), "cache.revalidate", nothing))
		time.Sleep(time.Second)
		report := giveUp(t, r)
		var lost []string
		for _, l := range report.Lost {
			lost = append(lost, l.Name+": "+l.Ref)
		}
		require.Equal(t, []string{"order.webhook: order 7", "order.email: order 8\nfake: line", "order.email: order 9", "cache.revalidate: "}, lost)
		words := report.String()
		require.Regexp(t, `\n  1 x order\.webhook abandoned, the oldest asked for \S+ ago and running for \S+, ref "order 7", in github\.com`, words)
		require.Regexp(t, `\n  2 x order\.email dropped, the oldest asked for \S+ ago, ref "order 8\\nfake: line"\n`, words)
		require.Regexp(t, `\n  1 x cache\.revalidate dropped, the oldest asked for \S+ ago$`, words)
	})
}

func TestALongReferenceIsCutBeforeTheRuneThatDoesNotFit(t *testing.T) {
	seen := new(refs)
	r := newRunner(t, runner.Config{Observers: []runner.Observer{seen.observer()}})
	x := strings.Repeat("x", 96)
	for _, c := range []struct{ ref, kept string }{
		{"", ""},
		{x + "1234", x + "1234"},
		{x + "12345", x + "1234"},
		{x + "12é", x + "12é"},  // 100 bytes
		{x + "123é", x + "123"}, // 101
		{x + "1𝄞", x + "1"},     // 101
		{x + "𝄞5", x + "𝄞"},     // 101
		{strings.Repeat("é", 51), strings.Repeat("é", 50)},
		{"order \xff7", "order \uFFFD7"},
		{strings.Repeat("a\xff", 50), strings.Repeat("a\uFFFD", 25)}, // as long as it may be, until it is replaced
		{strings.Repeat("\x80", 1000), "\uFFFD"},
	} {
		require.NoError(t, r.Do(t.Context(), "a", nothing, runner.Ref(c.ref)))
		require.Equal(t, []string{c.kept}, seen.take()["started"])
		require.LessOrEqual(t, len(c.kept), 100)
		require.True(t, utf8.ValidString(c.kept))
	}
}

func TestAReferenceCostsTheOthersNothing(t *testing.T) {
	r := newRunner(t, runner.Config{})
	run := func(opts ...runner.Option) float64 {
		const n = 1000 // AllocsPerRun rounds its mean. Under the race detector a pool forgets some of its items, so the fraction counts.
		return testing.AllocsPerRun(1, func() {
			for range n {
				if err := r.Do(t.Context(), "a", nothing, opts...); err != nil {
					t.Error(err)
				}
			}
		}) / n
	}
	ref := runner.Ref("order 7")
	require.InDelta(t, 1, run(ref)-run(), 0.5, "what options other than Timeout are kept in")
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = runner.Ref("order 7") }))
}
