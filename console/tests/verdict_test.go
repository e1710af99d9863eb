package tests

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestAllIsWellIfItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{})
		for range 100 {
			require.NoError(t, r.Go(t.Context(), "it", nothing))
			time.Sleep(time.Second)
		}
		o := look(t, c)
		require.Equal(t, "ok", o.Level)
		require.Equal(t, "All is well", o.Headline)
		require.Empty(t, o.Verdicts)
	})
}

func TestACallbackThatHangsIsNamedWithItsLineAndTheAlertFiresWithTheVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 4})
		g := newGate(t)
		for range 3 {
			require.NoError(t, r.Go(t.Context(), "order.webhook", g.hangHere, runner.Timeout(time.Second), runner.Ref("order 7")))
		}
		time.Sleep(10 * time.Second)
		o := look(t, c)
		require.Equal(t, "watch", o.Level)
		require.Regexp(t, `^3 callbacks order\.webhook hang, in main_test\.go:\d+$`, o.Headline)
		v, ok := o.of("AfterglowCallbackStuck")
		require.True(t, ok)
		require.Contains(t, v.Why, "If it lasts, AfterglowCallbackStuck fires.")
		require.Contains(t, get(t, c, "/"+v.Link), "hangHere", "the verdict leads to the stack")

		time.Sleep(2 * time.Minute)
		v, _ = look(t, c).of("AfterglowCallbackStuck")
		require.Equal(t, "warning", v.Level, "the alert fires by now")
		g.release()
		time.Sleep(10 * time.Second)
		_, ok = look(t, c).of("AfterglowCallbackStuck")
		require.False(t, ok)
	})
}

func TestPanicsErrorsTimeoutsAndDropsLeadToTheirGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.DropOldest})
		require.NoError(t, r.Go(t.Context(), "panics", func(context.Context) error { panic("boom 7") }))
		time.Sleep(time.Second)
		for range 4 {
			require.NoError(t, r.Go(t.Context(), "fails", fails))
			time.Sleep(time.Second)
		}
		for range 6 {
			require.NoError(t, r.Go(t.Context(), "times.out", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, runner.Timeout(time.Second)))
			time.Sleep(time.Minute)
		}
		g := newGate(t)
		for range 3 {
			require.NoError(t, r.Go(t.Context(), "dropped", g.hangHere, runner.Timeout(-1)))
			synctest.Wait()
		}
		time.Sleep(2 * time.Second)
		o := look(t, c)
		for alertOrText, want := range map[string]struct{ level, text, page string }{
			"AfterglowPanics":           {"warning", "panics panicked once in the last 15 minutes, in verdict_test.go:", "boom 7"},
			"AfterglowTimeouts":         {"warning", "times.out ran into its timeout of 1 s 6 times (100 %)", "context deadline exceeded"},
			"AfterglowCallbacksDropped": {"warning", "dropped 1 accepted callback", "evicted from a full queue"},
		} {
			v, ok := o.of(alertOrText)
			require.True(t, ok, "%s: %+v", alertOrText, o.Verdicts)
			require.Equal(t, want.level, v.Level, alertOrText)
			require.Contains(t, v.Text, want.text)
			require.Contains(t, get(t, c, "/"+v.Link), want.page, "one click leads to the failure")
		}
		g.release()
	})
}

func TestAFailureIsANoteAndFailuresThatGoOnAreNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{})
		for i := range 200 {
			fn := nothing
			if i == 100 {
				fn = fails
			}
			require.NoError(t, r.Go(t.Context(), "it", fn))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		o := look(t, c)
		require.Equal(t, "ok", o.Level, "one of two hundred")
		v, ok := o.of("it failed once of 200")
		require.True(t, ok, o.Verdicts)
		require.Equal(t, "note", v.Level)
		for range 12 {
			require.NoError(t, r.Go(t.Context(), "it", fails))
		}
		time.Sleep(2 * time.Second)
		o = look(t, c)
		v, ok = o.of("AfterglowErrorBudgetBurnFast")
		require.True(t, ok)
		require.Contains(t, v.Why, "13 callbacks ended badly")
		require.Equal(t, "critical", look(t, c).Level)
		require.Contains(t, get(t, c, "/"+v.Link), "broken")
		time.Sleep(6 * time.Minute)
		_, ok = look(t, c).of("AfterglowErrorBudgetBurnFast")
		require.False(t, ok, "they have stopped failing")
	})
}

func TestACallbackThatFailsEveryTimeIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{})
		for range 3 {
			require.NoError(t, r.Go(t.Context(), "rare", fails))
			time.Sleep(10 * time.Second)
		}
		v, ok := look(t, c).of("rare fails every time")
		require.True(t, ok)
		require.Equal(t, "watch", v.Level)
		time.Sleep(70 * time.Minute)
		require.NoError(t, r.Go(t.Context(), "rare", fails))
		time.Sleep(10 * time.Second)
		v, ok = look(t, c).of("AfterglowCallbackFailing")
		require.True(t, ok)
		require.Equal(t, "warning", v.Level)
		require.NoError(t, r.Go(t.Context(), "rare", nothing))
		time.Sleep(10 * time.Second)
		_, ok = look(t, c).of("AfterglowCallbackFailing")
		require.False(t, ok)
	})
}

// fill has a queue grow by some callbacks a second, in a bubble only.
func fill(t *testing.T, r *runner.Runner, seconds int, perSecond func(second int) int) {
	t.Helper()
	for s := range seconds {
		for range perSecond(s) {
			_ = r.Go(t.Context(), "waits", nothing)
		}
		time.Sleep(time.Second)
	}
}

func TestTheForecastSaysWhenTheQueueIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 1, Queue: 1000})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "busy", g.hangHere, runner.Timeout(-1)))
		fill(t, r, 60, func(int) int { return 10 })
		o := look(t, c)
		require.InDelta(t, 40, o.Runners[0].Full, 4, "400 places at ten a second")
		v, ok := o.of("AfterglowQueueFillingUp")
		require.True(t, ok)
		require.Regexp(t, `^The queue of shop is (59|60) % full, full in about (35|40|45) s$`, v.Text)
		fill(t, r, 60, func(int) int { return 10 })
		o = look(t, c)
		require.Zero(t, o.Runners[0].Full)
		_, ok = o.of("The queue of shop is full")
		require.True(t, ok)
		v, ok = o.of("AfterglowCallbacksRejected")
		require.True(t, ok)
		require.Contains(t, v.Text, "queue_full")
		require.Regexp(t, `Most are waits, asked for in verdict_test\.go:\d+\.`, v.Why, "the line that floods the queue is known")
		require.Contains(t, get(t, c, "/"+v.Link), "verdict_test.go:")
		g.release()
	})
}

func TestThereIsNoForecastThatIsNotHonest(t *testing.T) {
	for name, perSecond := range map[string]func(int) int{
		"an almost empty queue": func(s int) int { return s % 2 },
		"a burst that stands still": func(s int) int {
			if s == 5 {
				return 600
			}
			return 0
		},
		"a growth that would take an hour": func(s int) int {
			if s == 0 {
				return 600
			}
			return map[bool]int{true: 1}[s%10 == 0]
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, r := setup(t, runner.Config{Workers: 1, Queue: 1000})
				g := newGate(t)
				require.NoError(t, r.Go(t.Context(), "busy", g.hangHere, runner.Timeout(-1)))
				fill(t, r, 90, perSecond)
				o := look(t, c)
				require.Zero(t, o.Runners[0].Full)
				require.NotContains(t, o.Headline, "full in about")
				g.release()
			})
		})
	}
}
