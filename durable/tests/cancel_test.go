package durable_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/runner"
)

// cancelBound is what the documentation of Cancel promises.
const cancelBound = 5 * time.Second

// waiting returns a task that runs until its context ends, and tells why.
func waiting(started chan<- struct{}, causes chan<- error) *durable.Task[int] {
	return durable.Define("waits", durable.Options{Timeout: time.Hour}, func(ctx context.Context, _ int) error {
		started <- struct{}{}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return ctx.Err()
	})
}

func TestCancelReachesATaskThatAnotherProcessRuns(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		started, causes := make(chan struct{}, 1), make(chan error, 1)
		task := waiting(started, causes)
		enqueuer := s.queue(durable.Config{Role: durable.EnqueueOnly})
		worker := s.queue(durable.Config{}, task)
		e, err := task.Enqueue(t.Context(), enqueuer, 1)
		require.NoError(t, err)
		receive(t, started)
		asked := time.Now()
		require.NoError(t, enqueuer.Cancel(t.Context(), e.ID))
		require.ErrorIs(t, receive(t, causes), durable.ErrCanceled)
		require.Less(t, time.Since(asked), cancelBound)
		info := s.await(enqueuer, e.ID, durable.StateCanceled)
		require.Equal(t, 1, info.Attempt)
		require.Eventually(t, func() bool { return worker.Snapshot().Outcomes[runner.OutcomeCanceled] == 1 }, patience, time.Millisecond)
	})
}

func TestCancelReachesARunningTaskWithoutANotification(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		started, causes := make(chan struct{}, 1), make(chan error, 1)
		task := waiting(started, causes)
		worker := s.queue(durable.Config{}, task)
		e, err := task.Enqueue(t.Context(), worker, 1)
		require.NoError(t, err)
		receive(t, started)
		set := "UPDATE river_job SET metadata = jsonb_set(metadata, '{cancel_attempted_at}', '\"2026-01-01T00:00:00Z\"') WHERE id = $1"
		if s.isSQLite() {
			set = "UPDATE river_job SET metadata = jsonb_set(metadata, '$.cancel_attempted_at', '2026-01-01T00:00:00Z') WHERE id = $1"
		}
		asked := time.Now()
		_, err = s.db().ExecContext(t.Context(), set, e.ID) // what Cancel writes, and no more
		require.NoError(t, err)
		require.ErrorIs(t, receive(t, causes), durable.ErrCanceled)
		require.Less(t, time.Since(asked), cancelBound)
		s.await(worker, e.ID, durable.StateCanceled)
	})
}

func TestCancelEndsATaskThatWaitsAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		task := durable.Define("later", durable.Options{}, func(context.Context, int) error { return nil })
		q := s.queue(durable.Config{}, task)
		for range 3 {
			_, err := task.Enqueue(t.Context(), q, 1, durable.In(time.Hour))
			require.NoError(t, err)
		}
		done, err := q.CancelAll(t.Context(), durable.Filter{Names: []string{"later"}, Limit: 2})
		require.NoError(t, err)
		require.Equal(t, 2, done.Tasks)
		done, err = q.CancelAll(t.Context(), durable.Filter{Names: []string{"later"}, Limit: 2, After: done.Next})
		require.NoError(t, err)
		require.Equal(t, durable.Changed{Tasks: 1}, done)
		page, err := q.List(t.Context(), durable.Filter{States: []durable.State{durable.StateCanceled}})
		require.NoError(t, err)
		require.Len(t, page.Tasks, 3)
		require.ErrorIs(t, q.Cancel(t.Context(), 1<<40), durable.ErrNotFound)
	})
}
