package durable_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/runner"
)

func TestShutdownWaitsForWhatRuns(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		started, goOn := make(chan struct{}, 1), make(chan struct{})
		task := durable.Define("ends", durable.Options{}, func(context.Context, int) error {
			started <- struct{}{}
			<-goOn
			return nil
		})
		q := s.queue(durable.Config{}, task)
		e, err := task.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		receive(t, started)
		time.AfterFunc(100*time.Millisecond, func() { close(goOn) })
		report, err := q.Shutdown(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, report.Completed)
		s.await(s.queue(durable.Config{Role: durable.EnqueueOnly}), e.ID, durable.StateDone)
		_, err = task.Enqueue(t.Context(), q, 1)
		require.ErrorIs(t, err, durable.ErrClosed)
	})
}

func TestATaskThatShutdownInterruptsGoesBackAndItsAttemptDoesNotCount(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		started, causes := make(chan struct{}, 10), make(chan error, 10)
		q, err := s.open(t.Context(), s.dsn, s.quiet(durable.Config{}), waiting(started, causes))
		require.NoError(t, err)
		e, err := waiting(nil, nil).Enqueue(t.Context(), q, 1, durable.Ref("order 7"))
		require.NoError(t, err)
		receive(t, started)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		report, err := q.Shutdown(ctx)
		require.Error(t, err)
		require.ErrorIs(t, receive(t, causes), runner.ErrShutdown)
		require.Len(t, report.Lost, 1)
		require.Equal(t, "order 7", report.Lost[0].Ref)
		require.Equal(t, runner.OutcomeCanceled, report.Lost[0].Outcome)

		next := s.queue(durable.Config{Role: durable.EnqueueOnly})
		info := s.await(next, e.ID, durable.StateDue)
		require.Zero(t, info.Attempt)
		require.Empty(t, info.Failures)
		processes, err := next.Processes(t.Context())
		require.NoError(t, err)
		require.Empty(t, processes, "the process has left")
	})
}

func TestShutdownReturnsOnTimeWhenATaskIgnoresItsContextAndAnotherProcessRunsItAgain(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		started, release := make(chan struct{}, 10), make(chan struct{})
		deaf := durable.Define("deaf", durable.Options{}, func(context.Context, int) error {
			started <- struct{}{}
			<-release
			return nil
		})
		q, err := s.open(t.Context(), s.dsn, durable.Config{DeadAfter: time.Second, Logger: slog.New(slog.DiscardHandler)}, deaf) // it writes when the test is over
		require.NoError(t, err)
		e, err := deaf.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		receive(t, started)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		report, err := q.Shutdown(ctx)
		require.Error(t, err)
		require.Less(t, time.Since(began), 4*time.Second)
		require.Len(t, report.Lost, 1)
		require.Equal(t, runner.OutcomeAbandoned, report.Lost[0].Outcome)

		next := s.queue(durable.Config{DeadAfter: time.Second}, durable.Define("deaf", durable.Options{}, func(context.Context, int) error { return nil }))
		require.Equal(t, 2, s.await(next, e.ID, durable.StateDone).Attempt)
		close(release)
	})
}
