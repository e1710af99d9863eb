package durable_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
)

// again is hang as the process of the tests has it: it tells of each run.
func again(runs chan<- int) *durable.Task[int] {
	return durable.Define(hang.Name(), durable.Options{Timeout: time.Hour}, func(_ context.Context, id int) error {
		runs <- id
		return nil
	})
}

func TestTheTasksOfAKilledProcessRunAgainWithinTheBoundWhateverTheirTimeout(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const deadAfter = 3 * time.Second
		enqueuer := s.queue(durable.Config{Role: durable.EnqueueOnly})
		e, err := hang.Enqueue(t.Context(), enqueuer, 1)
		require.NoError(t, err)
		victim := s.child(deadAfter)
		victim.await("started 1")

		runs := make(chan int, 10)
		q := s.queue(durable.Config{DeadAfter: deadAfter}, again(runs))
		died := time.Now()
		victim.kill()
		require.Equal(t, 1, receive(t, runs))
		took := time.Since(died)
		t.Logf("it ran again after %v", took)
		require.Less(t, took, 2*deadAfter)

		info := s.await(q, e.ID, durable.StateDone)
		require.Equal(t, 2, info.Attempt, "the crash counts")
		require.Equal(t, 1, info.Crashes)
		require.Equal(t, durable.ErrWorkerDied.Error(), info.Failures[0].Error)
		counts := q.Counts()
		require.EqualValues(t, 1, counts[0].Returned)
	})
}

func TestATaskThatKillsItsProcessEndsAsADeadLetter(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const deadAfter = time.Second
		q := s.queue(durable.Config{DeadAfter: deadAfter}, again(make(chan int, 10)))
		e, err := poison.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		for attempt := 1; attempt <= 3; attempt++ {
			p := s.child(deadAfter)
			p.await("started 1")
			p.wait()
		}
		info := s.await(q, e.ID, durable.StateDead)
		require.Equal(t, 3, info.Attempt)
		require.Equal(t, 3, info.Crashes)
		require.NotEmpty(t, info.Group)
	})
}

func TestASlowTaskOfALiveProcessRunsOnce(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const deadAfter = 4 * time.Second // a busy machine writes a heartbeat within two thirds of it
		runs := make(chan int, 10)
		slow := durable.Define("slow", durable.Options{Timeout: time.Hour}, func(ctx context.Context, id int) error {
			runs <- id
			select {
			case <-time.After(3 * deadAfter):
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		first := s.queue(durable.Config{DeadAfter: deadAfter}, slow)
		s.queue(durable.Config{DeadAfter: deadAfter}, slow)
		e, err := slow.Enqueue(t.Context(), first, 1)
		require.NoError(t, err)
		info := s.await(first, e.ID, durable.StateDone)
		require.Equal(t, 1, info.Attempt)
		require.Len(t, runs, 1)
	})
}
