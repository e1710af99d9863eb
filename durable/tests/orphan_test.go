package durable_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
)

// setRunning makes a task look as if a process had begun it so long ago.
func (s store) setRunning(id int64, process string, ago time.Duration) {
	s.t.Helper()
	by, at := "jsonb('[\""+process+"\"]')", fmt.Sprintf("datetime('now', 'subsec', '-%d seconds')", int(ago.Seconds()))
	if !s.isSQLite() {
		by, at = "ARRAY['"+process+"']", fmt.Sprintf("now() - interval '%d seconds'", int(ago.Seconds()))
	}
	s.exec(fmt.Sprintf("UPDATE river_job SET state = 'running', attempt = 1, attempted_by = %s, attempted_at = %s WHERE id = %d", by, at, id))
}

func TestATaskThatRunsUnderNoProcessIsAdopted(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const deadAfter = 2 * time.Second
		runs := make(chan int, 10)
		enqueuer := s.queue(enqueueOnly)
		e, err := hang.Enqueue(t.Context(), enqueuer, 1)
		require.NoError(t, err)
		unknown, err := idle.Enqueue(t.Context(), enqueuer, mail{})
		require.NoError(t, err)
		foreign, err := hang.Enqueue(t.Context(), enqueuer, 2)
		require.NoError(t, err)
		s.setRunning(e.ID, "beats-gone-1-abc", 2*deadAfter)
		s.setRunning(unknown.ID, "beats-gone-1-abc", 2*deadAfter)
		s.setRunning(foreign.ID, "another program", 2*deadAfter)

		began := time.Now()
		q := s.queue(durable.Config{DeadAfter: deadAfter}, again(runs))
		require.Equal(t, 1, receive(t, runs))
		require.Less(t, time.Since(began), 3*deadAfter)
		info := s.await(q, e.ID, durable.StateDone)
		require.Equal(t, 2, info.Attempt)
		require.Equal(t, durable.ErrWorkerDied.Error(), info.Failures[0].Error)
		info = s.await(q, unknown.ID, durable.StateDue)
		require.Equal(t, 1, info.Attempt, "it waits for a process that knows it")
		require.Equal(t, durable.StateRunning, s.await(q, foreign.ID, durable.StateRunning).State, "it is not ours to take")
	})
}

func TestAProcessThatStartsAloneRunsTheTasksOfADeadOneWithinTheBound(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const deadAfter = 2 * time.Second
		e, err := hang.Enqueue(t.Context(), s.queue(enqueueOnly), 1)
		require.NoError(t, err)
		victim := s.child(deadAfter)
		victim.await("started 1")
		victim.kill()

		runs := make(chan int, 10)
		began := time.Now()
		q := s.queue(durable.Config{DeadAfter: deadAfter}, again(runs))
		require.Equal(t, 1, receive(t, runs))
		took := time.Since(began)
		t.Logf("it ran again %v after the start", took)
		require.Less(t, took, 2*deadAfter+time.Second)
		s.await(q, e.ID, durable.StateDone)
	})
}

func TestATaskOfADeadProcessWaitsForAProcessThatKnowsIt(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const deadAfter = 2 * time.Second
		other := durable.Define("other", durable.Options{}, func(context.Context, int) error { return nil })
		survivor := s.queue(durable.Config{DeadAfter: deadAfter}, other)
		e, err := hang.Enqueue(t.Context(), survivor, 1)
		require.NoError(t, err)
		victim := s.child(deadAfter)
		victim.await("started 1")
		victim.kill()
		info := s.await(survivor, e.ID, durable.StateDue)
		require.Equal(t, 1, info.Crashes)
		behind, err := other.Enqueue(t.Context(), survivor, 1)
		require.NoError(t, err)
		s.await(survivor, behind.ID, durable.StateDone)
		runs := make(chan int, 10)
		s.queue(durable.Config{DeadAfter: deadAfter}, again(runs))
		receive(t, runs)
		require.Equal(t, 2, s.await(survivor, e.ID, durable.StateDone).Attempt)
	})
}

func TestWithoutAHeartbeatATaskIsTakenForLostAnHourAfterItsTimeout(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		define := func(name string, timeout time.Duration) *durable.Task[int] {
			return durable.Define(name, durable.Options{Timeout: timeout}, func(context.Context, int) error { return nil })
		}
		short, endless := define("short", time.Minute), define("endless", -1)
		enqueuer := s.queue(enqueueOnly)
		start := func(task *durable.Task[int], process string, ago time.Duration) int64 {
			e, err := task.Enqueue(t.Context(), enqueuer, 1)
			require.NoError(t, err)
			s.setRunning(e.ID, process, ago)
			return e.ID
		}
		lost := start(short, "host-1-x", time.Hour+2*time.Minute)
		young := start(short, "host-1-x", time.Hour)
		withBeats := start(short, "beats-host-1-x", 5*time.Hour)
		forever := start(endless, "host-1-x", 1000*time.Hour)
		unknown := start(define("unknown", time.Minute), "host-1-x", 1000*time.Hour)

		q := s.queue(durable.Config{DeadAfter: -1}, short, endless)
		info := s.await(q, lost, durable.StateDone)
		require.Equal(t, 2, info.Attempt)
		require.Equal(t, durable.ErrWorkerDied.Error(), info.Failures[0].Error)
		for _, id := range []int64{young, withBeats, forever, unknown} {
			info, err := q.Get(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, durable.StateRunning, info.State, "%+v", info)
		}
		for _, c := range q.Counts() {
			require.Equal(t, c.Name == "short", c.Returned == 1, "%+v", c)
		}
	})
}
