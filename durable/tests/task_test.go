package durable_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/runner"
)

type mail struct {
	To string `json:"to"`
}

func TestATaskRunsWithItsPayload(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		got := make(chan mail, 1)
		task := durable.Define("order.mail", durable.Options{}, func(_ context.Context, in mail) error {
			got <- in
			return nil
		})
		q := s.queue(durable.Config{}, task)
		e, err := task.Enqueue(t.Context(), q, mail{"a@example.com"}, durable.Ref("order 7"))
		require.NoError(t, err)
		require.False(t, e.Duplicate)
		require.Equal(t, mail{"a@example.com"}, receive(t, got))
		info := s.await(q, e.ID, durable.StateDone)
		require.Equal(t, "order.mail", info.Name)
		require.Equal(t, "order 7", info.Ref)
		require.Equal(t, 1, info.Attempt)
		require.JSONEq(t, `{"to":"a@example.com"}`, string(info.Payload))
	})
}

func TestAFailedAttemptIsFollowedByAnotherOneUpToTheLast(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		task := durable.Define("fails", durable.Options{MaxAttempts: 3, Backoff: func(int) time.Duration { return time.Millisecond }},
			func(context.Context, struct{}) error { return errors.New("no route to host 42") })
		q := s.queue(durable.Config{}, task)
		e, err := task.Enqueue(t.Context(), q, struct{}{})
		require.NoError(t, err)
		info := s.await(q, e.ID, durable.StateDead)
		require.Equal(t, 3, info.Attempt)
		require.Len(t, info.Failures, 3)
		require.Equal(t, "no route to host 42", info.Failures[2].Error)
		require.Eventually(t, func() bool { return q.Snapshot().Outcomes[runner.OutcomeError] == 1 }, patience, time.Millisecond, "as soon as the database has it")
		snapshot := q.Snapshot()
		require.EqualValues(t, 2, snapshot.Retries)
		require.EqualValues(t, 1, snapshot.Asked)
	})
}

func TestADeadLetterRunsAgainByRetry(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		var works bool
		task := durable.Define("mends", durable.Options{MaxAttempts: 1}, func(context.Context, int) error {
			if !works {
				return errors.New("broken")
			}
			return nil
		})
		q := s.queue(durable.Config{}, task)
		e, err := task.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		dead := s.await(q, e.ID, durable.StateDead)
		failures, err := q.Failures(t.Context(), durable.Filter{})
		require.NoError(t, err)
		require.Len(t, failures.Groups, 1)
		require.Equal(t, dead.Group, failures.Groups[0].ID)
		require.Equal(t, "broken", failures.Groups[0].Error)
		require.Equal(t, 1, failures.Groups[0].Count)

		works = true
		done, err := q.RetryAll(t.Context(), durable.Filter{Group: dead.Group})
		require.NoError(t, err)
		require.Equal(t, durable.Changed{Tasks: 1}, done)
		s.await(q, e.ID, durable.StateDone)
	})
}

func TestAPermanentErrorIsADeadLetterAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		task := durable.Define("never", durable.Options{}, func(context.Context, int) error {
			return runner.Permanent(errors.New("no such customer"))
		})
		q := s.queue(durable.Config{}, task)
		e, err := task.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		require.Equal(t, 1, s.await(q, e.ID, durable.StateDead).Attempt)
	})
}

func TestAnErrorThatSaysWhenReplacesTheBackoff(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		task := durable.Define("later", durable.Options{Backoff: runner.Exponential(time.Minute, time.Minute)}, func(context.Context, int) error {
			return runner.RetryIn(errors.New("429"), 24*time.Hour)
		})
		q := s.queue(durable.Config{}, task)
		e, err := task.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		info := s.await(q, e.ID, durable.StateRetrying)
		require.Equal(t, "429", info.Failures[0].Error)
		require.WithinRange(t, info.Due, info.Started.Add(24*time.Hour-time.Minute), info.Started.Add(24*time.Hour+time.Minute))
	})
}

func TestAPayloadThatDoesNotDecodeIsADeadLetterAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		old := durable.Define("changed", durable.Options{}, func(context.Context, string) error { return nil })
		now := durable.Define("changed", durable.Options{}, func(context.Context, int) error { return nil })
		q := s.queue(durable.Config{}, now)
		e, err := old.Enqueue(t.Context(), q, "text")
		require.NoError(t, err)
		info := s.await(q, e.ID, durable.StateDead)
		require.Equal(t, 1, info.Attempt)
		require.Contains(t, info.Failures[0].Error, "does not decode")
	})
}

func TestAPanicAndAGoexitAreFailures(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		task := durable.Define("panics", durable.Options{MaxAttempts: 1}, func(context.Context, int) error { panic("oh") })
		exits := durable.Define("exits", durable.Options{MaxAttempts: 1}, func(context.Context, int) error {
			runtime.Goexit()
			return nil
		})
		q := s.queue(durable.Config{}, task, exits)
		e, err := task.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		info := s.await(q, e.ID, durable.StateDead)
		require.Contains(t, info.Failures[0].Error, "oh")
		require.Contains(t, info.Failures[0].Stack, "task_test.go")

		e, err = exits.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		require.Contains(t, s.await(q, e.ID, durable.StateDead).Failures[0].Error, "Goexit")
	})
}

func TestRetryLeavesADeadLetterWhoseKeyAnotherTaskHas(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		task := durable.Define("keyed", durable.Options{MaxAttempts: 1}, func(_ context.Context, fails bool) error {
			if fails {
				return errors.New("broken")
			}
			return nil
		})
		q := s.queue(durable.Config{}, task)
		first, err := task.Enqueue(t.Context(), q, true, durable.Unique("order-7"))
		require.NoError(t, err)
		s.await(q, first.ID, durable.StateDead)
		other, err := task.Enqueue(t.Context(), q, true)
		require.NoError(t, err)
		s.await(q, other.ID, durable.StateDead)
		second, err := task.Enqueue(t.Context(), q, false, durable.Unique("order-7"))
		require.NoError(t, err)
		require.False(t, second.Duplicate, "a dead letter does not count")
		s.await(q, second.ID, durable.StateDone)
		require.ErrorIs(t, q.Retry(t.Context(), first.ID), durable.ErrDuplicate)
		done, err := q.RetryAll(t.Context(), durable.Filter{})
		require.NoError(t, err)
		require.Equal(t, 1, done.Tasks, "the other one")
		s.await(q, first.ID, durable.StateDead)
	})
}
