package durable_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/runner"
)

// sums are what all processes have counted.
type sums struct {
	asked, ended, retries int
	outcomes              [runner.NumOutcomes]int
}

func sumsOf(queues ...*durable.Queue) (s sums) {
	for _, q := range queues {
		counted := q.Snapshot()
		s.asked += int(counted.Asked)
		s.retries += int(counted.Retries)
		for o, n := range counted.Outcomes {
			s.outcomes[o] += int(n)
			s.ended += int(n)
		}
	}
	return s
}

// unended returns how many tasks in the database have not ended.
func (s store) unended(q *durable.Queue) (n int) {
	s.t.Helper()
	page, err := q.List(context.Background(), durable.Filter{Limit: durable.MaxPage, States: []durable.State{
		durable.StateScheduled, durable.StateDue, durable.StateRunning, durable.StateRetrying,
	}})
	require.NoError(s.t, err)
	require.Empty(s.t, page.Next)
	return len(page.Tasks)
}

// requireBalance waits until the books of all processes together say what is in the database.
func (s store) requireBalance(queues ...*durable.Queue) sums {
	s.t.Helper()
	require.EventuallyWithT(s.t, func(c *assert.CollectT) {
		all := sumsOf(queues...)
		require.Equal(c, all.asked, all.ended+s.unended(queues[0]), "%+v", all)
	}, patience, 50*time.Millisecond)
	return sumsOf(queues...)
}

func TestASuccessThatTheDatabaseRefusesIsNotCounted(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const deadAfter = 3 * time.Second
		var runs atomic.Int32
		starts, late, goOn := make(chan int32, 10), make(chan struct{}), make(chan struct{})
		task := durable.Define("stubborn", durable.Options{Timeout: time.Hour}, func(ctx context.Context, _ int) error {
			run := runs.Add(1)
			starts <- run
			if run == 1 {
				<-ctx.Done()
				<-late // and does not care
				return nil
			}
			<-goOn
			return nil
		})
		first := s.queue(durable.Config{DeadAfter: deadAfter}, task)
		e, err := task.Enqueue(t.Context(), first, 1)
		require.NoError(t, err)
		require.EqualValues(t, 1, receive(t, starts))
		second := s.queue(durable.Config{DeadAfter: deadAfter}, task)

		end := s.silence()
		require.Eventually(t, func() bool { return first.Snapshot().Running == 1 && runs.Load() == 1 }, patience, 10*time.Millisecond)
		time.AfterFunc(deadAfter, end)
		require.EqualValues(t, 2, receive(t, starts))
		close(late)
		require.Eventually(t, func() bool {
			counts := first.Counts()[0].Interrupted + second.Counts()[0].Interrupted
			return counts == 1
		}, patience, 20*time.Millisecond, "the refused result")
		require.Zero(t, sumsOf(first, second).outcomes[runner.OutcomeSuccess], "it runs again, and that run goes on")
		close(goOn)
		s.await(first, e.ID, durable.StateDone)
		all := s.requireBalance(first, second)
		require.Equal(t, 1, all.outcomes[runner.OutcomeSuccess])
	})
}

func TestTheBooksOfAllProcessesTogetherBalanceWithTheDatabase(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		define := func(name string, f func(ctx context.Context, i int) error) *durable.Task[int] {
			return durable.Define(name, durable.Options{MaxAttempts: 2, Backoff: soon}, f)
		}
		succeeds := define("succeeds", func(context.Context, int) error { return nil })
		fails := define("fails", func(context.Context, int) error { return errors.New("no") })
		panics := define("panics", func(context.Context, int) error { panic("no") })
		flaky := define("flaky", func(_ context.Context, i int) error {
			if i%2 == 0 {
				return errors.New("sometimes")
			}
			return runner.Permanent(errors.New("never"))
		})
		waits := define("holds", func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return context.Cause(ctx)
		})
		cfg := durable.Config{
			Queues:   map[string]int{"default": 20},
			Periodic: []durable.Periodic{{ID: "p", Item: succeeds.With(0), Every: time.Second}},
		}
		tasks := []durable.Definition{succeeds, fails, panics, flaky, waits}
		web := s.queue(enqueueOnly)
		workers := []*durable.Queue{web, s.queue(cfg, tasks...), s.queue(cfg, tasks...)}
		leaving := cfg
		leaving.Logger = slog.New(slog.DiscardHandler) // it writes when the test is over, if that fails
		interrupted, err := s.open(t.Context(), s.dsn, leaving, tasks...)
		require.NoError(t, err)
		workers = append(workers, interrupted)

		var dead, running []int64
		for i := range 20 {
			for _, task := range []*durable.Task[int]{succeeds, fails, panics, flaky} {
				e, err := task.Enqueue(t.Context(), workers[i%4], i)
				require.NoError(t, err)
				if task == fails {
					dead = append(dead, e.ID)
				}
			}
			_, err = succeeds.Enqueue(t.Context(), web, i, durable.Unique("one"))
			require.NoError(t, err)
		}
		for range 6 {
			e, err := waits.Enqueue(t.Context(), web, 1)
			require.NoError(t, err)
			running = append(running, e.ID)
		}
		later, err := succeeds.Enqueue(t.Context(), web, 1, durable.In(time.Hour))
		require.NoError(t, err)
		_, err = idle.Enqueue(t.Context(), web, mail{}, durable.OnQueue("nobody"))
		require.NoError(t, err)
		for _, id := range dead {
			s.await(web, id, durable.StateDead)
		}
		for range 2 { // the second time there is nothing to do
			require.NoError(t, web.Cancel(t.Context(), later.ID))
			require.NoError(t, web.Retry(t.Context(), dead[0]))
		}
		retried, err := web.RetryAll(t.Context(), durable.Filter{Names: []string{"panics"}})
		require.NoError(t, err)
		require.NotZero(t, retried.Tasks)
		require.NoError(t, web.Cancel(t.Context(), running[0]))
		s.await(web, running[0], durable.StateCanceled)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		_, _ = interrupted.Shutdown(ctx) // some of what holds goes back
		s.await(web, dead[0], durable.StateDead)

		all := s.requireBalance(workers...)
		require.Equal(t, 2, all.outcomes[runner.OutcomeCanceled])
		_, err = web.CancelAll(t.Context(), durable.Filter{Names: []string{"holds"}})
		require.NoError(t, err)
		for _, id := range running {
			s.await(web, id, durable.StateCanceled)
		}
		all = s.requireBalance(workers...)
		require.NotZero(t, all.outcomes[runner.OutcomeSuccess])
		require.NotZero(t, all.outcomes[runner.OutcomeError])
		require.NotZero(t, all.outcomes[runner.OutcomePanic])
		require.Equal(t, 1+len(running), all.outcomes[runner.OutcomeCanceled])
		require.GreaterOrEqual(t, all.outcomes[runner.OutcomeCoalesced], 19)
		require.NotZero(t, all.retries)
	})
}
