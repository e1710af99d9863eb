package durable_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/durable/postgres"
)

func TestTwoProcessesEnqueueAPeriodicTaskOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		runs := make(chan string, 100)
		task := durable.Define("every.second", durable.Options{}, func(_ context.Context, id string) error {
			runs <- id
			return nil
		})
		cfg := durable.Config{Periodic: []durable.Periodic{{ID: "second", Item: task.With("x"), Every: time.Second}}}
		q := s.queue(cfg, task)
		s.queue(cfg, task)
		for range 3 {
			require.Equal(t, "x", receive(t, runs))
		}
		page, err := q.List(t.Context(), durable.Filter{Names: []string{"every.second"}})
		require.NoError(t, err)
		seen := make(map[time.Time]bool)
		for _, one := range page.Tasks {
			second := one.Enqueued.Truncate(time.Second)
			require.False(t, seen[second], "twice in one second: %+v", page.Tasks)
			seen[second] = true
		}
	})
}

func TestAPausedQueueStartsNothing(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		runs := make(chan string, 10)
		task := durable.Define("paused", durable.Options{}, func(_ context.Context, id string) error {
			runs <- id
			return nil
		})
		q := s.queue(durable.Config{Queues: map[string]int{"default": 1, "other": 1}}, task)
		require.NoError(t, q.Pause(t.Context(), "default"))
		stats, err := q.Stats(t.Context())
		require.NoError(t, err)
		require.Len(t, stats.Queues, 2)
		require.True(t, stats.Queues[0].Paused)
		require.Eventually(t, func() bool { // the producer hears of it in its own time
			_, err := task.Enqueue(context.Background(), q, "probe")
			if err != nil {
				return false
			}
			select {
			case <-runs:
				return false
			case <-time.After(2 * time.Second):
				return true
			}
		}, patience, 10*time.Millisecond)
		_, err = task.Enqueue(t.Context(), q, "other", durable.OnQueue("other"))
		require.NoError(t, err)
		require.Equal(t, "other", receive(t, runs))
		stats, err = q.Stats(t.Context())
		require.NoError(t, err)
		require.Positive(t, stats.Queues[0].Tasks[durable.StateDue])
		require.Positive(t, stats.Queues[0].Age)
		require.NoError(t, q.Resume(t.Context(), "default"))
		require.Equal(t, "probe", receive(t, runs))
	})
}

func TestAQueueRunsAsManyAtOnceAsItIsSet(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		var running, most atomic.Int32
		done := make(chan struct{}, 100)
		task := durable.Define("narrow", durable.Options{Queue: "narrow"}, func(ctx context.Context, _ int) error {
			n := running.Add(1)
			defer running.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
			done <- struct{}{}
			return nil
		})
		q := s.queue(durable.Config{Queues: map[string]int{"narrow": 2}}, task)
		for i := range 10 {
			_, err := task.Enqueue(t.Context(), q, i)
			require.NoError(t, err)
		}
		for range 10 {
			receive(t, done)
		}
		require.LessOrEqual(t, most.Load(), int32(2))
	})
}

func TestTheDueTaskWithTheFirstPriorityGoesFirst(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		order := make(chan int, 10)
		task := durable.Define("ordered", durable.Options{}, func(_ context.Context, p int) error {
			order <- p
			return nil
		})
		enqueuer := s.queue(enqueueOnly)
		_, err := enqueuer.EnqueueAll(t.Context(), task.With(4, durable.Priority(4)), task.With(1, durable.Priority(1)), task.With(2, durable.Priority(2)))
		require.NoError(t, err)
		s.queue(durable.Config{Queues: map[string]int{"default": 1}}, task)
		require.Equal(t, []int{1, 2, 4}, []int{receive(t, order), receive(t, order), receive(t, order)})
	})
}

func TestAWorkerOnlyLeadsNothing(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		task := durable.Define("later", durable.Options{}, func(context.Context, int) error { return nil })
		q := s.queue(durable.Config{Role: durable.WorkOnly}, task)
		e, err := task.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		s.await(q, e.ID, durable.StateDone)
		stats, err := q.Stats(t.Context())
		require.NoError(t, err)
		require.Empty(t, stats.Leader)
		processes, err := q.Processes(t.Context())
		require.NoError(t, err)
		require.Len(t, processes, 1)
		require.Equal(t, map[string]int{"default": 100}, processes[0].Queues)
	})
}

func TestARollingDeployWithANewTaskLosesNoAttempt(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		ran := make(chan int, 1)
		fresh := durable.Define("fresh", durable.Options{MaxAttempts: 1}, func(context.Context, int) error {
			ran <- 1
			return nil
		})
		old := durable.Define("old", durable.Options{}, func(context.Context, int) error { return nil })
		before := s.queue(durable.Config{}, old)
		e, err := fresh.Enqueue(t.Context(), before, 1)
		require.NoError(t, err)
		other, err := old.Enqueue(t.Context(), before, 1)
		require.NoError(t, err)
		s.await(before, other.ID, durable.StateDone)
		s.queue(durable.Config{}, fresh, old)
		receive(t, ran)
		require.Equal(t, 1, s.await(before, e.ID, durable.StateDone).Attempt)
	})
}

func TestManyProcessesMayOpenAnEmptyDatabaseAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const n = 12
		errs := make(chan error, n)
		for range n {
			go func() {
				q, err := s.open(context.Background(), s.dsn, s.quiet(enqueueOnly))
				if err == nil {
					_, err = q.Shutdown(context.Background())
				}
				errs <- err
			}()
		}
		for range n {
			require.NoError(t, receive(t, errs))
		}
	})
}

func TestOneConnectionOfTheApplicationsPoolIsEnoughToMakeTheTables(t *testing.T) {
	cfg, err := pgxpool.ParseConfig(pgtest.DSN(t))
	require.NoError(t, err)
	cfg.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	const n = 4
	errs := make(chan error, n)
	for range n {
		go func() {
			q, err := postgres.New(ctx, pool, enqueueOnly)
			if err == nil {
				_, err = q.Shutdown(context.Background())
			}
			errs <- err
		}()
	}
	for range n {
		require.NoError(t, receive(t, errs))
	}
}

func TestAPageOfListGoesOnWhereTheOneBeforeEnded(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		q := s.queue(enqueueOnly)
		var items []durable.Item
		for i := range 5 {
			items = append(items, idle.With(mail{fmt.Sprint(i)}))
		}
		_, err := q.EnqueueAll(t.Context(), items...)
		require.NoError(t, err)
		var all []string
		f := durable.Filter{Limit: 2, States: []durable.State{durable.StateDue, durable.StateDead}}
		for more := true; more; more = f.After != "" {
			page, err := q.List(t.Context(), f)
			require.NoError(t, err)
			for _, one := range page.Tasks {
				all = append(all, string(one.Payload))
			}
			f.After = page.Next
		}
		require.Len(t, all, 5)
		require.Contains(t, all[0], "4")
		_, err = q.List(t.Context(), durable.Filter{Limit: durable.MaxPage + 1})
		require.ErrorContains(t, err, "Limit")
	})
}

func TestDeadLettersAreGroupedByTheTextOfTheirErrorWithoutItsNumbers(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		task := durable.Define("groups", durable.Options{MaxAttempts: 1}, func(_ context.Context, i int) error {
			if i == 0 {
				return errors.New("disk full")
			}
			return fmt.Errorf("order %d: timeout after %dms\n%s", i, i*7, strings.Repeat("x", i))
		})
		q := s.queue(durable.Config{}, task)
		for i := range 4 {
			e, err := task.Enqueue(t.Context(), q, i)
			require.NoError(t, err)
			s.await(q, e.ID, durable.StateDead)
		}
		f, err := q.Failures(t.Context(), durable.Filter{Names: []string{"groups"}})
		require.NoError(t, err)
		require.Equal(t, 4, f.Looked)
		require.False(t, f.More)
		require.Len(t, f.Groups, 2)
		require.Equal(t, 3, f.Groups[0].Count)
		require.Equal(t, "disk full", f.Groups[1].Error)
		page, err := q.List(t.Context(), durable.Filter{Group: f.Groups[0].ID})
		require.NoError(t, err)
		require.Len(t, page.Tasks, 3)
	})
}
