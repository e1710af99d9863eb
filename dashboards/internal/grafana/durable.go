package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// durable is about tasks that outlive their process: what waits in the store, who works it, and what is
// given up. What the store has is shown by one process of all, so these panels know no instance.
func durable(q query.Config, o Options) (dashboard.Dashboard, error) {
	b := newBoard(q, o, uidDurable, "Afterglow / Durable",
		"Is the durable work done, by whom, and what is a dead letter? Made for Grafana 10.4 and later.")

	b.row("Is it OK?")
	b.add(4, b.dueNow(), b.oldestDueNow(), b.deadNow(), b.deadToday(), b.fewestProcesses(), b.leaderNow(), b.returnedToday(), b.storeAgeNow())
	b.add(8, b.durableQueues())

	b.row("Queues in the store")
	b.add(8, b.dueByQueue(), b.oldestDue(), b.tasksByState())
	b.add(6, b.pausedStates(), b.processesByQueue())

	b.row("Enqueued and worked")
	b.add(8, b.enqueuedAndEnded(), b.attempts(), b.durableOutcomes())
	b.add(8, b.deadByTask(), b.durableRetries(), b.attemptsByInstance())

	b.row("Wait and run time")
	b.add(8, b.durableWait(), b.durableWaitHeat(), b.durableRunTime())

	b.row("Processes that die, end or lose the store")
	b.add(8, b.returned(), b.interrupted(), b.leasesLost())
	b.add(6, b.storeAge(), b.storeErrors())

	b.row("Why they fail")
	b.add(10, b.durableFailureLogs())
	return b.build()
}

// tooOld is from when on a task that is due should have started, in seconds. An alert says so, too.
const tooOld = 300

// ofStore is for what one process shows of the store.
func (b *board) ofStore() query.Scope { return b.ofService().With(matchRunner, matchQueue) }

// ofTasks is for what processes count of durable tasks.
func (b *board) ofTasks() query.Scope { return b.ofCallback().With(query.Durable) }

// tasks are those in a state, by queue. Whichever process shows the store, and if two do for a moment, there are no more.
func (b *board) tasks(state string) string {
	return b.ofStore().With(names.LabelState+`="`+state+`"`).Max(names.MetricDurableTasks, names.LabelRunner, names.LabelQueue)
}

const noStore = "no process shows the store"

func (b *board) dueNow() view {
	return panel{
		title: "Due, now", unit: "short", width: 3,
		description: "Tasks of all queues that wait for a worker, up to 100,000 of each queue.",
		targets:     []target{{expr: "sum(" + b.tasks(names.StateDue) + ")"}},
		steps:       plain(), decimals: ptr(0.), noValue: noStore,
	}.stat()
}

func (b *board) oldestDueNow() view {
	return panel{
		title: "Oldest due, now", unit: "s", width: 3,
		description: "For how long the task that waits longest has been due, of all queues.",
		targets:     []target{{expr: b.ofStore().Max(names.MetricDurableOldestDue)}},
		steps:       rising(60, tooOld), noValue: noStore,
	}.stat()
}

func (b *board) deadNow() view {
	return panel{
		title: "Dead letters", unit: "short", width: 3,
		description: "Tasks in the store that no attempt is left for, up to 100,000 of each queue. Retry them, or leave them until their retention is over.",
		targets:     []target{{expr: "sum(" + b.tasks(names.StateDead) + ")"}},
		steps:       none(), decimals: ptr(0.), noValue: noStore,
	}.stat()
}

func (b *board) deadToday() view {
	return panel{
		title: "Dead letters, 24 h", unit: "short", width: 3,
		description: "Tasks that have become dead letters in the last 24 hours.",
		targets:     []target{{expr: b.ofTasks().With(query.DeadOutcomes()).Over("1d").Increase(names.MetricCallbacks)}},
		steps:       none(), decimals: ptr(0.),
	}.stat()
}

func (b *board) fewestProcesses() view {
	return panel{
		title: "Processes, fewest", unit: "short", width: 3,
		description: "Processes that live and work the queue that fewest of them work. 0: tasks of a queue wait for nobody.",
		targets:     []target{{expr: "min(" + b.processes() + ")"}},
		steps:       []step{{color: red}, {1, green}}, decimals: ptr(0.), noValue: "no heartbeats, or no data",
	}.stat()
}

func (b *board) processes() string {
	return b.ofStore().Max(names.MetricDurableProcesses, names.LabelRunner, names.LabelQueue)
}

func (b *board) leaderNow() view {
	return panel{
		title: "Leader", unit: "none", width: 3,
		description: "Whether a process leads: it makes scheduled tasks due, enqueues periodic ones, and deletes those whose retention is over.",
		targets:     []target{{expr: "min(" + b.ofService().With(matchRunner).Max(names.MetricDurableLeaders, varCluster, varPlace, names.LabelRunner) + ")"}},
		steps:       []step{{color: red}, {1, green}}, noValue: noStore,
		mappings: []dashboard.ValueMapping{says(1, "there is one", green), says(0, "none", red)},
	}.stat()
}

func (b *board) returnedToday() view {
	return panel{
		title: "Returned, 24 h", unit: "short", width: 3,
		description: "Attempts that were taken from processes that had died in the last 24 hours. Their tasks ran again.",
		targets:     []target{{expr: b.ofCallback().Over("1d").Increase(names.MetricDurableReturned)}},
		steps:       []step{{color: green}, {1, orange}}, decimals: ptr(0.),
	}.stat()
}

func (b *board) storeAgeNow() view {
	return panel{
		title: "Age of the store's figures", unit: "s", width: 3,
		description: "How long ago the store was read. All figures of queues are as old. A slow database makes them old.",
		targets:     []target{{expr: b.ofService().With(matchRunner).Max(names.MetricDurableStoreAge)}},
		steps:       rising(30, 120), noValue: noStore,
	}.stat()
}

// durableQueues has a row for each queue in the store.
func (b *board) durableQueues() view {
	by := []string{names.LabelRunner, names.LabelQueue}
	return panel{
		title: "Queues, the oldest first", width: 24, noValue: "no queue is seen",
		description: "Each queue in the store, with those that no process here works. A dash: no figure, as for processes without heartbeats. 100,000 means as many or more.",
	}.table([]key{
		{label: names.LabelQueue, title: "Queue"},
		{label: names.LabelRunner, title: "Runner", width: 110},
		{label: varCluster, title: "Cluster", width: 90},
		{label: varPlace, title: "Namespace", width: 115},
	}, []column{
		{title: "Oldest due", unit: "s", width: 115, expr: b.ofStore().Max(names.MetricDurableOldestDue, by...), steps: rising(60, tooOld)},
		{title: "Due", unit: "short", width: 90, expr: b.tasks(names.StateDue), decimals: ptr(0.)},
		{title: "Running", unit: "short", width: 90, expr: b.tasks(names.StateRunning), decimals: ptr(0.)},
		{title: "Retrying", unit: "short", width: 90, expr: b.tasks(names.StateRetrying), decimals: ptr(0.)},
		{title: "Scheduled", unit: "short", width: 100, expr: b.tasks(names.StateScheduled), decimals: ptr(0.)},
		{title: "Dead letters", unit: "short", width: 110, expr: b.tasks(names.StateDead), steps: none(), decimals: ptr(0.)},
		{title: "Processes", unit: "short", width: 100, expr: b.processes(), steps: []step{{color: red}, {1, green}}, decimals: ptr(0.)},
		{title: "Paused", unit: "short", width: 85, expr: b.ofStore().Max(names.MetricDurablePaused, by...), steps: []step{{color: green}, {1, orange}}, decimals: ptr(0.)},
	}, "Oldest due", true)
}

func (b *board) dueByQueue() view {
	return panel{
		title: "Due, by queue", unit: "short", width: 8, noValue: noStore,
		description: "Tasks that wait for a worker, up to 100,000 of each queue. A line that only rises: the workers of all processes do not keep up, or there are none.",
		targets:     []target{{expr: b.tasks(names.StateDue), legend: "{{runner}} {{queue}}" + ofPlace}},
	}.lines()
}

func (b *board) oldestDue() view {
	return panel{
		title: "Oldest due, by queue", unit: "s", width: 8, softMax: 1, noValue: noStore,
		description: "For how long the task that waits longest has been due. A line that rises at 45 degrees is a queue that stands still. Dashed: five minutes, where an alert begins.",
		targets:     []target{{expr: b.ofStore().Max(names.MetricDurableOldestDue, names.LabelRunner, names.LabelQueue), legend: "{{runner}} {{queue}}" + ofPlace}},
		steps:       []step{{color: green}, {tooOld, red}}, showSteps: true,
	}.lines()
}

func (b *board) tasksByState() view {
	return panel{
		title: "Tasks, by state", unit: "short", width: 8, noValue: noStore,
		description: "What all queues have in the store. scheduled: not due yet. retrying: an attempt has failed, and the next one waits. dead: dead letters.",
		targets: []target{{
			expr:   "sum by (" + names.LabelState + ") (" + b.ofStore().Max(names.MetricDurableTasks, names.LabelRunner, names.LabelQueue, names.LabelState) + ")",
			legend: "{{state}}",
		}},
		colors: palette{
			{names.StateScheduled, "purple"}, {names.StateDue, blue}, {names.StateRunning, green}, {names.StateRetrying, orange}, {names.StateDead, red},
		},
	}.lines()
}

func (b *board) pausedStates() view {
	return wordless(panel{
		title: "Paused", unit: "none", width: 12,
		description: "When which queue was paused, of at most eight: no process starts its tasks then. The table above has all queues.",
		targets: []target{{
			expr: "topk(8, " + b.ofStore().Max(names.MetricDurablePaused, names.LabelQueue) + ")" +
				` or on () label_replace(vector(0), "` + names.LabelQueue + `", "` + noStore + `", "", "")`,
			legend: "{{queue}}" + ofPlace,
		}},
		mappings: []dashboard.ValueMapping{says(0, "open", green), says(1, "paused", orange)},
	}.states())
}

func (b *board) processesByQueue() view {
	return panel{
		title: "Processes at work, by queue", unit: "short", width: 12, decimals: ptr(0.), noValue: "no heartbeats, or no process shows the store",
		description: "Processes that work a queue and whose heartbeat is in time. At 0, nobody runs its tasks.",
		targets:     []target{{expr: b.processes(), legend: "{{runner}} {{queue}}" + ofPlace}},
	}.lines()
}
