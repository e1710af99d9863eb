package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/examples/internal/alerts"
)

const (
	watchdog   = "AfterglowWatchdog"
	scrapeLost = "AfterglowScrapeLost"
	anyOther   = "" // alert
)

// The alerts of a burning error budget. In compressed time each of the three
// has the time to fire.
var budgetBurns = []string{"AfterglowErrorBudgetBurnFast", "AfterglowErrorBudgetBurn", "AfterglowErrorBudgetBurnSlow"}

// scenario is a way in which a shop goes wrong, and which alerts tell of it.
type scenario struct {
	name   string
	args   []string // of the shop; see startStack
	faults string   // put in force once all has been well for a while

	// act happens instead of the faults, or after them.
	act func(*testStack)

	fires     []string          // these alerts, and no other
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
		name: "healthy",
	},
	{
		name:      "panic storm",
		faults:    "order.webhook=panic:0.5",
		fires:     append([]string{"AfterglowPanics"}, budgetBurns...),
		inhibited: map[string]string{"AfterglowErrorBudgetBurn": "AfterglowErrorBudgetBurnFast", "AfterglowPanics": anyOther},
		repair:    func(ts *testStack) { ts.breaks("") },
		resolves:  "AfterglowErrorBudgetBurnFast",
	},
	{
		// So few of all callbacks that the budget does not burn fast, which would
		// hold the warning back. In the end none of that name has succeeded for an hour.
		name:   "timeouts",
		args:   []string{"-load", "20"},
		faults: "signup.email=slow(1h):1",
		fires:  []string{"AfterglowTimeouts", "AfterglowErrorBudgetBurn", "AfterglowErrorBudgetBurnSlow", "AfterglowCallbackSilent"},
	},
	{
		name:   "one callback fails and nobody notices",
		faults: "activity.log=error:1",
		fires:  append([]string{"AfterglowCallbackSilent"}, budgetBurns...),
	},
	{
		// So rare that no budget burns: a sign-up every twenty seconds.
		name:  "one callback has never succeeded",
		args:  []string{"-load", "1", "-faults", "signup.email=error:1"},
		fires: []string{"AfterglowCallbackFailing"},
	},
	{
		// The queue is so long that nothing is rejected.
		name:   "slow dependency",
		args:   []string{"-workers", "4", "-queue", "1500"},
		faults: "order.email.customer=slow(2s):1",
		fires: []string{
			"AfterglowLatencyBudgetBurn", "AfterglowOldestTooOld", "AfterglowQueueFillingUp", "AfterglowWorkersSaturated",
		},
	},
	{
		name:   "flood",
		args:   floodArgs,
		faults: floodFaults,
		fires: append([]string{
			"AfterglowCallbacksRejected", "AfterglowLatencyBudgetBurn", "AfterglowQueueFillingUp", "AfterglowWorkersSaturated",
		}, budgetBurns...),
	},
	{
		name:   "flood, the oldest dropped",
		args:   append([]string{"-overflow", "drop-oldest"}, floodArgs...),
		faults: floodFaults,
		fires: append([]string{
			"AfterglowCallbacksDropped", "AfterglowLatencyBudgetBurn", "AfterglowQueueFillingUp", "AfterglowWorkersSaturated",
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
			"AfterglowCallbackSilent", "AfterglowCallbackStuck", "AfterglowCallbacksRejected", "AfterglowOldestTooOld",
			"AfterglowQueueStuck", "AfterglowWorkersSaturated",
		}, budgetBurns...),
		inhibited: map[string]string{
			"AfterglowOldestTooOld": "AfterglowQueueStuck", "AfterglowWorkersSaturated": "AfterglowQueueStuck",
		},
	},
	{
		// A deploy: the next shop is up before the last one ends, which stays a
		// target, as one does until service discovery has noticed. What hangs has a
		// long timeout, and is stuck only after that.
		name: "drain with work left",
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
			"AfterglowCallbackSilent", "AfterglowJobAbsent", scrapeLost, "AfterglowTelemetryAbsent",
		},
		inhibited: map[string]string{
			"AfterglowJobAbsent": "AfterglowTelemetryAbsent", // the only job
			scrapeLost:           "AfterglowTelemetryAbsent", "AfterglowCallbackSilent": "AfterglowTelemetryAbsent",
		},
		repair: func(ts *testStack) {
			_, err := ts.startShopAt(ts.t.Context(), ts.first.ports, "-load", "10", "-smtp-delay", "5ms")
			require.NoError(ts.t, err)
		},
		resolves: "AfterglowTelemetryAbsent",
	},
}

// lasts waits until Prometheus has scraped so many times more, once a second.
func (ts *testStack) lasts(scrapes int) {
	ts.t.Helper()
	began := time.Now().Unix()
	ts.eventually(func() bool {
		found := ts.query(`max(timestamp(ALERTS{alertname="` + watchdog + `"}))`)
		return len(found) == 1 && found[0].number(ts.t) > float64(began+int64(scrapes))
	}, "%d more evaluations", scrapes)
}

func TestEachScenarioFiresItsAlertsAndNoOthers(t *testing.T) {
	coverage := newCoverage(t)
	t.Run("scenarios", func(t *testing.T) {
		for _, sc := range scenarios {
			t.Run(sc.name, func(t *testing.T) {
				t.Parallel()
				start := func() *testStack {
					return startStack(t, func(o *options) { o.noTraces = true },
						append([]string{"-load", "10", "-smtp-delay", "5ms"}, sc.args...)...)
				}
				ts := start()
				for plays := 1; !ts.play(sc); plays++ {
					require.Less(t, plays, 3, "scrapes are lost, or the machine is far too busy")
					t.Log("scrapes were lost for seconds, so this machine is too busy: once more")
					require.NoError(t, ts.stop())
					ts = start()
				}
				if sc.repair != nil {
					sc.repair(ts)
					ts.eventually(func() bool { return ts.told(alerts.Resolved)[sc.resolves].Name() != "" }, "%s is resolved", sc.resolves)
				}
				coverage.measure(ts, sc.name)
			})
		}
	})
	coverage.check(t)
}

// play runs a scenario until it has lasted. It returns false if the scrapes of a
// shop that runs were lost for so long that there is an alert on it: then nothing
// is known of the others. A second of a machine is 100 of compressed time.
func (ts *testStack) play(sc scenario) bool {
	t := ts.t
	t.Helper()
	// What fires before a busy machine has come so far tells nothing.
	ts.eventually(func() bool {
		return len(ts.query(`afterglow_build_info and on () count(ALERTS{alertstate="firing"}) == 1`)) == 1
	}, "the shop is scraped, and no alert fires but the watchdog")
	ts.began = time.Now().Add(time.Second)
	ts.eventually(func() bool {
		return len(ts.query(`count_over_time(afterglow_build_info[1m]) >= 8 and on () sum(afterglow_callbacks_total{outcome="success"}) > 40`)) == 1
	}, "all is well for a while")
	if slices.Contains(ts.fired(), scrapeLost) {
		return false
	}
	require.Equal(t, []string{watchdog}, ts.fired(), "while all is well")
	ts.forget()

	if sc.faults != "" {
		ts.breaks(sc.faults)
	}
	if sc.act != nil {
		sc.act(ts)
	}
	want := slices.Sorted(slices.Values(append([]string{watchdog}, sc.fires...)))
	for _, name := range want {
		ts.eventually(func() bool { return slices.Contains(ts.fired(), name) }, "%s fires", name)
	}
	for target, source := range sc.inhibited {
		ts.eventually(func() bool { return ts.inhibits(source, target) }, "%s inhibits %s", source, target)
	}
	ts.lasts(5)
	if slices.Contains(ts.fired(), scrapeLost) && !slices.Contains(want, scrapeLost) {
		return false
	}
	require.Equal(t, want, ts.fired())
	for _, name := range want {
		ts.eventually(func() bool {
			a, told := ts.told(alerts.Firing)[name]
			if told {
				requireComplete(t, a)
			}
			return told || ts.inhibits(anyOther, name)
		}, "the webhook is told of %s, or of another that tells more", name)
	}
	return true
}

// requireComplete sees to it that a notification tells what it should.
func requireComplete(t *testing.T, a alerts.Alert) {
	t.Helper()
	for _, name := range []string{"summary", "description", "runbook_url", "dashboard_url"} {
		text := a.Annotations[name]
		require.NotEmpty(t, text, "%s of %s", name, a.Name())
		for _, bad := range []string{"{{", "<no value>", "%!", "<error", "NaN"} {
			require.NotContains(t, text, bad, "%s of %s", name, a.Name())
		}
	}
	require.Contains(t, a.Annotations["runbook_url"], "#"+strings.ToLower(a.Name()))
	want := map[string]string{"critical": "page", "warning": "ticket", "none": "deadman"}[a.Labels["severity"]]
	require.Equal(t, want, a.Receiver, a.Name())
}

// unplayed are the alerts that no scenario can have fire, with the reason. Tests of
// promtool have them fire.
var unplayed = map[string]string{
	"AfterglowNamesFolded": "all names of the shop are constants, and fewer than MaxNames",
}

func TestEveryAlertHasAScenario(t *testing.T) {
	var rules struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "dashboards/prometheus/alerts.rules.yml")), &rules))
	names := map[string]bool{watchdog: true}
	for _, sc := range scenarios {
		for _, name := range sc.fires {
			names[name] = true
		}
	}
	for name := range unplayed {
		names[name] = true
	}
	found := make(map[string]bool)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			found[r.Alert] = true
		}
	}
	require.Equal(t, found, names)
}
