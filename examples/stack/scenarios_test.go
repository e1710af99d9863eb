package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	watchdog   = "AfterglowWatchdog"
	scrapeLost = "AfterglowScrapeLost"
	anyOther   = "" // alert

	callbackSilent = "AfterglowCallbackSilent"
	startLate      = "AfterglowLatencyBudgetBurn"
)

// The scenarios that other tests speak of.
const (
	healthy = "healthy"
	trouble = "panic storm" // one callback fails, so each link about it leads to something
	deploy  = "drain with work left"
)

// The alerts of a burning error budget. In compressed time each of the three
// has the time to fire.
var budgetBurns = []string{"AfterglowErrorBudgetBurnFast", "AfterglowErrorBudgetBurn", "AfterglowErrorBudgetBurnSlow"}

// scenario is a way in which a shop goes wrong, and which alerts tell of it.
type scenario struct {
	name   string
	args   []string // of the shop; see startStack
	faults string   // put in force once all has been well for a while

	// steady is a callback of which some hours must be known before the trouble.
	steady string

	// act happens instead of the faults, or after them.
	act func(*testStack)

	fires     []string          // these alerts, and no other
	silent    bool              // AfterglowCallbackSilent may fire, too, if work was steady when the trouble began: the machine was slow to begin
	inhibited map[string]string // an alert that nobody need be told of, by the one that tells more; or by anyOther

	repair   func(*testStack) // ends the trouble
	resolves string           // this one, then
}

// In a flood the workers keep up with three orders of four, but no callback is
// silent: one of each name comes through within seconds. An order is accepted whole
// or not at all. Mails take one of two times, which keep no step with the orders:
// otherwise the oldest, which is dropped, might be the same callback for minutes.
// The queue has room for 13 orders, so that nothing in it grows old.
var floodArgs = []string{"-workers", "22", "-queue", "78"}

const floodFaults = "order.email.customer=slow(1.7s):0.5,order.email.customer=slow(4.3s):0.5"

var scenarios = []scenario{
	{
		name: healthy,
	},
	{
		name:      trouble,
		faults:    "order.webhook=panic:0.5",
		fires:     append([]string{"AfterglowPanics"}, budgetBurns...),
		inhibited: map[string]string{"AfterglowErrorBudgetBurn": "AfterglowErrorBudgetBurnFast", "AfterglowPanics": anyOther},
		repair:    func(ts *testStack) { ts.breaks("") },
		resolves:  "AfterglowErrorBudgetBurnFast",
	},
	{
		// So few of all callbacks that the budget does not burn fast, which would
		// hold the warning back.
		name:  "timeouts",
		args:  []string{"-load", "20", "-smtp", "{smtp}"},
		act:   func(ts *testStack) { ts.mails.slow.Store(&slowMails{welcomeMails, time.Hour}) },
		fires: []string{"AfterglowTimeouts", "AfterglowErrorBudgetBurn", "AfterglowErrorBudgetBurnSlow"},

		silent: true,
	},
	{
		// In the end none of that name has succeeded for an hour.
		name:   "one callback fails and nobody notices",
		steady: "activity.log",
		faults: "activity.log=error:1",
		fires:  append([]string{callbackSilent}, budgetBurns...),
	},
	{
		// The queue is so long that nothing is rejected, and the workers are so many that a
		// busy machine keeps up while all is well.
		name: "slow dependency",
		args: []string{"-workers", "10", "-queue", "1200", "-smtp", "{smtp}"},
		act:  func(ts *testStack) { ts.mails.slow.Store(&slowMails{orderMails, 2 * time.Second}) },
		fires: []string{
			startLate, "AfterglowOldestTooOld", "AfterglowQueueFillingUp", "AfterglowWorkersSaturated",
		},
	},
	{
		// One of two instances: over both, half of the workers are free.
		name: "flood",
		args: floodArgs,
		act: func(ts *testStack) {
			ts.shops("-load", "2", "-smtp-delay", "5ms")
			ts.breaks(floodFaults)
		},
		fires: append([]string{
			"AfterglowCallbacksRejected", startLate, "AfterglowQueueFillingUp", "AfterglowWorkersSaturated",
		}, budgetBurns...),
	},
	{
		name:   "flood, the oldest dropped",
		args:   append([]string{"-overflow", "drop-oldest"}, floodArgs...),
		faults: floodFaults,
		fires: append([]string{
			"AfterglowCallbacksDropped", startLate, "AfterglowQueueFillingUp", "AfterglowWorkersSaturated",
		}, budgetBurns...),
	},
	{
		// A few orders, and not for long: so few webhooks are rejected that no error
		// budget burns. Each order is placed.
		name: "dead partner",
		args: []string{"-load", "1", "-webhook-attempts", "10", "-max-paused", "12"},
		act: func(ts *testStack) {
			ts.breaks("order.webhook=error:1")
			ts.fillsUp("AfterglowPausedFull", "paused", "order.webhook")
			ts.breaks("")
		},
		fires: []string{"AfterglowPausedFull"},
	},
	{
		// One webhook at a time, of which two may wait: none grows old.
		name: "limit that holds back",
		args: []string{"-load", "1", "-limits", "order.webhook=1", "-max-held", "4"},
		act: func(ts *testStack) {
			ts.breaks("order.webhook=slow(1800ms):1")
			ts.fillsUp("AfterglowHeldFull", "held", "order.webhook")
			ts.breaks("")
		},
		fires: []string{"AfterglowHeldFull"},
	},
	{
		// Those that are held grow old, which is no news.
		name: "limit that holds back for long",
		args: []string{"-load", "1", "-limits", "order.webhook=1", "-max-held", "8"},
		act: func(ts *testStack) {
			ts.breaks("order.webhook=slow(4s):1")
			ts.fillsUp("AfterglowHeldFull", "held", "order.webhook")
			ts.eventually(func() bool { return ts.inhibits("AfterglowHeldFull", "AfterglowOldestTooOld") }, "it holds the other back")
			ts.breaks("")
		},
		fires:     []string{"AfterglowHeldFull", "AfterglowOldestTooOld"},
		inhibited: map[string]string{"AfterglowOldestTooOld": "AfterglowHeldFull"},
	},
	{
		// Windows in which somebody watches an order that takes long.
		name: "open streams",
		args: []string{"-load", "1", "-max-reserved", "16"},
		act: func(ts *testStack) {
			ts.breaks("order.email.customer=slow(9s):1")
			close := ts.watches(ts.orders(), 9)
			ts.fillsUp("AfterglowReservedFull", "reserved", "order.watched")
			close()
			ts.breaks("")
		},
		fires: []string{"AfterglowReservedFull"},
	},
	{
		// So few that no budget notices: the only ones there ever were.
		name: "rare work that only fails",
		args: []string{"-load", "2"},
		act: func(ts *testStack) {
			ts.breaks("order.watched=error:1")
			for n := range 3 {
				ts.watches(ts.orders(), 1)()
				failed := fmt.Sprintf(`afterglow_callbacks_total{callback="order.watched",outcome="error"} > %d`, n)
				ts.eventually(func() bool { return len(ts.query(failed)) == 1 }, "it fails")
			}
		},
		fires: []string{"AfterglowCallbackFailing"},
	},
	{
		// So few that none is rejected before long: that begins when as many hang as
		// there are workers.
		name:   "stuck callbacks",
		faults: "order.webhook=hang:0.02",
		fires:  []string{"AfterglowCallbackStuck"},
	},
	{
		// The one there is, and after some time the one that replaces it; then
		// all that is asked for is rejected.
		name:   "all workers hang",
		args:   []string{"-load", "2", "-workers", "1", "-queue", "20000"},
		faults: "order.email.customer=hang:1",
		fires: append([]string{
			"AfterglowCallbackStuck", "AfterglowCallbacksRejected", "AfterglowOldestTooOld",
			"AfterglowQueueStuck", "AfterglowWorkersSaturated",
		}, budgetBurns...),
		silent: true,
		inhibited: map[string]string{
			"AfterglowOldestTooOld": "AfterglowQueueStuck", "AfterglowWorkersSaturated": "AfterglowQueueStuck",
		},
	},
	{
		// A deploy: the next shop is up before the last one ends, which stays a
		// target, as one does until service discovery has noticed. What hangs has a
		// long timeout, and is stuck only after that.
		name: deploy,
		args: []string{"-load", "1", "-drain", "1s", "-linger", "6s"},
		act: func(ts *testStack) {
			ts.shops("-load", "2", "-smtp-delay", "5ms")
			ts.breaks("order.email.customer=hang:1")
			// More than one order a second leaves behind that does not hang, and
			// fewer than burn an error budget.
			labels := fmt.Sprintf("{instance=%q,callback=%q}", strings.TrimPrefix(ts.first.ops, "http://"), "order.email.customer")
			inFlight := `afterglow_asked_total` + labels + ` - on () sum(afterglow_callbacks_total` + labels + `) >= 3`
			ts.eventually(func() bool { return len(ts.query(inFlight)) == 1 }, "callbacks hang")
			require.NoError(ts.t, ts.first.stop())
		},
		fires: []string{"AfterglowShutdownLostWork", scrapeLost},
	},
	{
		// Something else has taken the place of the directory for snapshots.
		name: "flight recorder without a directory",
		args: []string{"-flight", "{dir}/flight"},
		act: func(ts *testStack) {
			require.NoError(ts.t, os.RemoveAll(filepath.Join(ts.dir, "flight")))
			require.NoError(ts.t, os.WriteFile(filepath.Join(ts.dir, "flight"), nil, 0o600))
			ts.breaks("order.webhook=hang:0.02")
		},
		fires: []string{"AfterglowCallbackStuck", "AfterglowTelemetryErrors"},
	},
	{
		name: "scrape lost",
		act:  func(ts *testStack) { require.NoError(ts.t, ts.first.stop()) },
		fires: []string{
			"AfterglowJobAbsent", scrapeLost, "AfterglowTelemetryAbsent",
		},
		silent: true,
		inhibited: map[string]string{
			"AfterglowJobAbsent": "AfterglowTelemetryAbsent", // the only job
			scrapeLost:           "AfterglowTelemetryAbsent",
		},
		repair: func(ts *testStack) {
			_, err := ts.startShopAt(ts.t.Context(), ts.first.ports, "-load", "10", "-smtp-delay", "5ms")
			require.NoError(ts.t, err)
		},
		resolves: "AfterglowTelemetryAbsent",
	},
}
