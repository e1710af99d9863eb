//go:build unix

package crash_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
)

// liveDeadAfter is long enough for a busy machine to write a heartbeat within two thirds of it.
const liveDeadAfter = 6 * time.Second

func slowJobs(n int, hold time.Duration) (jobs []job) {
	for i := range n {
		jobs = append(jobs, job{fmt.Sprintf("slow-%d", i), hold})
	}
	return jobs
}

// signal stops a child as a debugger or a full machine does, or lets it go on.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(s))
}

// freeze stops the process between two of its writes. In the middle of one it would hold
// the only lock of a SQLite file, and no other process could do anything until it goes on.
func (f *fleet) freeze(p *process) {
	f.t.Helper()
	for p.signal(f.t, syscall.SIGSTOP); f.engine.isLocked != nil && f.engine.isLocked(f.t, f.dsn); p.signal(f.t, syscall.SIGSTOP) {
		p.signal(f.t, syscall.SIGCONT)
	}
}

func TestATaskThatTakesMinutesInALiveProcessRunsOnce(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		after, takes := liveDeadAfter, 3*liveDeadAfter
		if *slow > 0 {
			after, takes = 0, *slow // the default of Config.DeadAfter
		}
		f := newFleet(t, e, life{DeadAfter: after})
		f.start(nil)
		jobs := slowJobs(5, takes)
		f.enqueue(jobs...)
		for _, in := range jobs {
			f.awaitRun(in.Key, 1, hasStarted)
		}
		f.start(nil) // which would take them, if it thought that they were lost
		f.requireOneRun(jobs)
	})
}

func TestAProcessThatStandsStillForLessThanItsLeaseRunsNothingTwice(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		f := newFleet(t, e, life{DeadAfter: liveDeadAfter})
		sleeper := f.start(nil)
		jobs := slowJobs(10, 2*liveDeadAfter)
		f.enqueue(jobs...)
		for _, in := range jobs {
			f.awaitRun(in.Key, 1, hasStarted)
		}
		f.start(nil)
		for range 2 {
			f.freeze(sleeper)
			elapse(liveDeadAfter / 3)
			sleeper.signal(t, syscall.SIGCONT)
			elapse(liveDeadAfter / 3)
		}
		f.requireOneRun(jobs)
	})
}

func TestAProcessThatStandsStillForLongerThanItsLeaseEndsItsTasksAndOverwritesNothing(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		f := newFleet(t, e, life{DeadAfter: liveDeadAfter})
		sleeper := f.start(func(l *life) { l.Stubborn = true })
		id := f.enqueue(job{"slow", -1})[0]
		f.awaitRun("slow", 1, hasStarted)
		next := f.start(nil)
		f.freeze(sleeper)
		f.awaitRun("slow", 2, hasStarted)
		sleeper.signal(t, syscall.SIGCONT)

		f.awaitRun("slow", 1, func(r *run) bool { return !r.late.IsZero() })
		f.ledger.mu.Lock()
		cause := f.ledger.tasks["slow"].runs[0].cause
		f.ledger.mu.Unlock()
		require.Contains(t, cause, durable.ErrLeaseLost.Error())
		require.Never(t, func() bool {
			info, err := f.look.Get(context.Background(), id)
			return err != nil || info.State != durable.StateRunning || !strings.Contains(info.Process, fmt.Sprintf("-%d-", next.cmd.Process.Pid))
		}, time.Second, 50*time.Millisecond, "the late result counts")

		next.tell(t, tellRelease)
		f.awaitRun("slow", 2, hasEnded)
		require.Eventually(t, func() bool {
			info, err := f.look.Get(context.Background(), id)
			return err == nil && info.State == durable.StateDone && info.Attempt == 2
		}, patience, 20*time.Millisecond)
		f.drain()
		found := f.ledger.sum()
		require.Equal(t, 1, found.afterLease)
	})
}

// TestNothingStandsStillWhenOneWorkerIsKilledAndOneIsStopped is a deploy that goes wrong: two workers, load by a process that
// only enqueues, and one replacement after the other.
func TestNothingStandsStillWhenOneWorkerIsKilledAndOneIsStopped(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		f := newFleet(t, e, life{DeadAfter: *deadAfter})
		killed, stopped := f.start(nil), f.start(nil)
		load := f.start(func(l *life) { l.Role, l.Rate = durable.EnqueueOnly, 50 })
		f.awaitStarts(killed, 20)
		f.awaitStarts(stopped, 20)

		killed.kill()
		f.await(killed.ended, "not killed")
		wounded := f.ledger.wounded(killed)
		f.remove(killed)
		next := f.start(nil)
		f.awaitStarts(next, 20)
		f.dismiss(stopped)
		f.awaitRerun(killed, wounded)
		f.awaitStarts(next, 100)

		load.tell(t, tellHush)
		f.drain()
		found := f.ledger.sum()
		f.judge(found, f.compare())
		bound := *deadAfter*9/7 + 10*time.Second // ten more for a busy machine
		t.Logf("%s: %d tasks, %d run again after the kill, %d after the polite stop, waits p99 %v max %v, until they ran again max %v", e.name,
			found.acknowledged, found.again+found.finishedAgain, found.interrupted, quantile(found.waits, .99), quantile(found.waits, 1), quantile(found.first, 1))
		require.Less(t, quantile(found.waits, 1), bound, "a task that was due stood still")
		require.Less(t, quantile(found.first, 1), bound)
	})
}

// awaitStarts waits until a child has started so many tasks.
func (f *fleet) awaitStarts(p *process, n int) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		f.ledger.mu.Lock()
		defer f.ledger.mu.Unlock()
		started := 0
		for _, e := range f.ledger.tasks {
			for _, r := range e.runs {
				if r.by == p {
					started++
				}
			}
		}
		return started >= n
	}, patience, 50*time.Millisecond, "%s starts nothing", p.name)
}

func TestScheduledTasksGoOnAfterLeadersStoodStill(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		f := newFleet(t, e, life{DeadAfter: *deadAfter, Rate: 10})
		for range fleetSize {
			f.start(nil)
		}
		for range 3 {
			var leads *process
			require.Eventually(t, func() bool {
				leads = f.leader()
				return leads != nil
			}, patience, 50*time.Millisecond, "no process leads")
			f.freeze(leads)
			elapse(*deadAfter * 2)
			leads.signal(t, syscall.SIGCONT)
		}
		asked := time.Now()
		_, err := newWorker(life{}).work.Enqueue(t.Context(), f.look, job{Key: "later"}, durable.In(time.Second))
		require.NoError(t, err)
		f.awaitRun("later", 1, hasEnded)
		t.Logf("%s: a task that was due in a second ran after %v", e.name, time.Since(asked).Round(time.Millisecond))
		require.Less(t, time.Since(asked), promise)
		f.hush()
		f.drain()
		require.Empty(t, f.ledger.unfinished())
	})
}
