package crash_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
)

// fleetSize is how many processes enqueue and work in the rounds.
const fleetSize = 3

// A moment is what a process is doing when it is killed.
type moment struct {
	name string
	word string // that it has just said; empty: it leads
	up   time.Duration
}

var moments = []moment{
	{"enqueueing", wordAsk, 4 * time.Millisecond},
	{"in a transaction", wordTx, 12 * time.Millisecond},
	{"working", wordStart, 50 * time.Millisecond},
	{"leading", "", 500 * time.Millisecond},
	{"writing results", wordEnd, 60 * time.Millisecond},
}

// promise is the bound of what the documentation promises for the default of Config.DeadAfter, and of all shorter ones.
const promise = 30 * time.Second

func TestNothingIsLostWhenProcessesAreKilledAtAnyMoment(t *testing.T) {
	onEach(t, func(t *testing.T, e engine) {
		f := newFleet(t, e, life{DeadAfter: *deadAfter, Rate: 10})
		for range fleetSize {
			f.start(nil)
		}
		kills := make(map[string]int)
		total := *rounds
		if testing.Short() {
			total = 1
		}
		for n := range total {
			m := moments[n%len(moments)]
			f.round(m)
			kills[m.name]++
			if t.Failed() {
				break
			}
		}
		f.hush()
		f.drain()
		found := f.ledger.sum()
		lost := f.compare()
		f.print(kills, found, lost)
		f.judge(found, lost)
	})
}

// round kills one process, and waits until its tasks run again.
func (f *fleet) round(m moment) {
	f.t.Helper()
	delay := time.Duration(f.random.Int64N(int64(m.up)))
	victim := f.procs[f.random.IntN(len(f.procs))]
	if m.word == "" {
		require.Eventually(f.t, func() bool {
			leads := f.leader()
			if leads != nil {
				victim = leads
			}
			return leads != nil
		}, patience, 50*time.Millisecond, "no process leads")
		time.AfterFunc(delay, victim.kill)
	} else {
		victim.killAt(m.word, delay)
	}
	f.await(victim.ended, "not killed "+m.name)
	wounded := f.ledger.wounded(victim)
	f.remove(victim)
	f.start(nil)
	f.awaitRerun(victim, wounded)
}

// awaitRerun waits until the tasks that ran in a killed process have started again, but for those that had been returned before:
// they wait, the longer the more often, and drain sees their ends.
func (f *fleet) awaitRerun(victim *process, wounded []string) {
	f.t.Helper()
	var missing []string
	isOver := func() bool {
		f.ledger.mu.Lock()
		defer f.ledger.mu.Unlock()
		missing = nil
		for _, key := range wounded {
			if all := f.ledger.tasks[key].inOrderLocked(); len(all) == 1 && all[0].by == victim {
				missing = append(missing, key)
			}
		}
		return len(missing) == 0
	}
	deadline := time.Now().Add(patience)
	for !isOver() && time.Now().Before(deadline) {
		elapse(20 * time.Millisecond)
	}
	if !isOver() {
		f.explain(missing)
		require.Fail(f.t, "not all tasks run again", missing)
	}
}

// explain logs what the database says of tasks.
func (f *fleet) explain(keys []string) {
	f.t.Helper()
	stats, err := f.look.Stats(context.Background())
	f.t.Logf("%+v %v", stats, err)
	processes, err := f.look.Processes(context.Background())
	f.t.Logf("%+v %v", processes, err)
	page, err := f.look.List(context.Background(), durable.Filter{Limit: durable.MaxPage, States: []durable.State{
		durable.StateScheduled, durable.StateDue, durable.StateRunning, durable.StateRetrying, durable.StateCanceled, durable.StateDead,
	}})
	require.NoError(f.t, err)
	for _, task := range page.Tasks {
		var in job
		require.NoError(f.t, json.Unmarshal(task.Payload, &in))
		if slices.Contains(keys, in.Key) {
			f.t.Logf("%s: %+v", in.Key, task)
		}
	}
}

func (f *fleet) hush() {
	f.t.Helper()
	for _, p := range f.procs {
		p.tell(f.t, tellHush)
	}
}

// drainPatience is longer than what a task waits that was killed nine times.
const drainPatience = 10 * time.Minute

// drain waits until every acknowledged task has ended, and stops all processes.
func (f *fleet) drain() {
	f.t.Helper()
	deadline := time.Now().Add(drainPatience)
	for len(f.ledger.unfinished()) > 0 && time.Now().Before(deadline) {
		elapse(100 * time.Millisecond)
	}
	if missing := f.ledger.unfinished(); len(missing) > 0 {
		f.explain(missing)
	}
	for len(f.procs) > 0 {
		f.dismiss(f.procs[0])
	}
}

// losses are what must be nothing.
type losses struct{ acknowledged, ordersWithoutTask, tasksWithoutOrder []string }

// compare compares what the children have said with what is in the database.
func (f *fleet) compare() (l losses) {
	f.t.Helper()
	l.acknowledged = f.ledger.unfinished()
	states := f.tasks("crash.order")
	orders, err := f.look.keys(context.Background(), "SELECT key FROM orders")
	require.NoError(f.t, err)
	for _, key := range orders {
		if _, has := states[key]; !has {
			l.ordersWithoutTask = append(l.ordersWithoutTask, key)
		}
	}
	for key := range states {
		if !slices.Contains(orders, key) {
			l.tasksWithoutOrder = append(l.tasksWithoutOrder, key)
		}
	}
	f.ledger.mu.Lock()
	for key, e := range f.ledger.tasks {
		if e.isBack && (slices.Contains(orders, key) || len(e.runs) > 0) {
			l.tasksWithoutOrder = append(l.tasksWithoutOrder, key+" was rolled back")
		}
	}
	f.ledger.mu.Unlock()
	return l
}

// judge fails unless every promise was kept.
func (f *fleet) judge(found figures, lost losses) {
	t := f.t
	t.Helper()
	require.NotZero(t, found.acknowledged, "the load did not run")
	require.Empty(t, lost.acknowledged, "acknowledged tasks that were lost")
	require.Empty(t, lost.ordersWithoutTask, "orders without a task")
	require.Empty(t, lost.tasksWithoutOrder, "tasks without an order")
	require.Empty(t, found.twice, "tasks of live processes that ran twice")
	require.Empty(t, found.overlaps, "tasks that ran twice at once")
	require.Less(t, quantile(found.first, 1), promise, "until the tasks of a dead process run again")
	require.Less(t, quantile(found.beyond, 1), promise, "the same, and beyond the wait of tasks that were killed before")
	for _, name := range []string{"crash.order", "crash.work"} {
		for key, state := range f.tasks(name) {
			require.Equal(t, durable.StateDone, state, key)
		}
	}
}

// tasks returns the states of all tasks of a name in the database, by key.
func (f *fleet) tasks(name string) map[string]durable.State {
	f.t.Helper()
	states := make(map[string]durable.State)
	filter := durable.Filter{Names: []string{name}, Limit: durable.MaxPage}
	for {
		page, err := f.look.List(context.Background(), filter)
		require.NoError(f.t, err)
		for _, task := range page.Tasks {
			var in job
			require.NoError(f.t, json.Unmarshal(task.Payload, &in))
			require.NotContains(f.t, states, in.Key, "two tasks for one call")
			states[in.Key] = task.State
		}
		if filter.After = page.Next; page.Next == "" {
			return states
		}
	}
}

// print prints the figures of a run.
func (f *fleet) print(kills map[string]int, found figures, lost losses) {
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 4, 2, ' ', 0)
	row := func(name string, value any) { _, _ = fmt.Fprintf(w, "%s\t%v\n", name, value) }
	total := 0
	for _, m := range moments {
		row("killed "+m.name, kills[m.name])
		total += kills[m.name]
	}
	row("processes killed", total)
	row("kills that found a transaction open", found.inTx)
	row("tasks acknowledged", found.acknowledged)
	row("acknowledged tasks lost", len(lost.acknowledged))
	row("orders without a task", len(lost.ordersWithoutTask))
	row("tasks without an order", len(lost.tasksWithoutOrder))
	row("transactions rolled back on purpose", found.rolledBack)
	row("tasks that ran without an acknowledgement (killed between the two)", found.unacknowledged)
	row("second runs: killed in the middle", found.again)
	row("second runs: killed before the result was written", found.finishedAgain)
	row("second runs after a lost lease", found.afterLease)
	row("double runs of live processes", len(found.twice))
	row("runs of one task at once", len(found.overlaps))
	row("Config.DeadAfter", *deadAfter)
	row("from the kill to the next run, p50", quantile(found.first, .5))
	row("from the kill to the next run, p99", quantile(found.first, .99))
	row("from the kill to the next run, max", quantile(found.first, 1))
	row("the same for tasks killed before (they wait), p50", quantile(found.later, .5))
	row("the same for tasks killed before (they wait), max", quantile(found.later, 1))
	row("the same without what they wait at the most, max", quantile(found.beyond, 1))
	row("from due to the first run, p99", quantile(found.waits, .99))
	row("from due to the first run, max", quantile(found.waits, 1))
	row("the same for tasks with In (the leader makes them due), p99", quantile(found.scheduled, .99))
	row("the same for tasks with In (the leader makes them due), max", quantile(found.scheduled, 1))
	_ = w.Flush()
	_, _ = fmt.Fprintf(os.Stdout, "\n%s, %d rounds\n%s\n", f.engine.name, total, out.String())
}
