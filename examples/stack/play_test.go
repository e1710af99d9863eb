package main

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/examples/internal/alerts"
)

// lasts waits until Prometheus has scraped so many times more, once a second.
func (ts *testStack) lasts(scrapes int) {
	ts.t.Helper()
	began := time.Now().Unix()
	ts.eventually(func() bool {
		found := ts.query(`max(timestamp(ALERTS{alertname="` + watchdog + `"}))`)
		return len(found) == 1 && found[0].number(ts.t) > float64(began+int64(scrapes))
	}, "%d more evaluations", scrapes)
}

// TestEachScenarioFiresItsAlertsAndNoOthers plays all scenarios at once, and those again, one
// after the other, that a machine with too much to do has disturbed.
func TestEachScenarioFiresItsAlertsAndNoOthers(t *testing.T) {
	coverage := newCoverage(t)
	var mu sync.Mutex
	var again []scenario // guarded by mu
	t.Run("scenarios", func(t *testing.T) {
		for _, sc := range scenarios {
			t.Run(sc.name, func(t *testing.T) {
				t.Parallel()
				if !coverage.play(t, sc) {
					mu.Lock()
					defer mu.Unlock()
					again = append(again, sc)
				}
			})
		}
	})
	for _, sc := range again {
		t.Run("alone/"+sc.name, func(t *testing.T) {
			for plays := 1; !coverage.play(t, sc); plays++ {
				require.Less(t, plays, 3, "the machine is far too busy")
			}
		})
	}
	coverage.check(t)
}

// play plays a scenario on a stack of its own and follows its ways. It returns false if the
// machine has disturbed it.
func (c *coverage) play(t *testing.T, sc scenario) bool {
	t.Helper()
	_, leads := ways[sc.name]
	ts := startStack(t, func(o *options) { o.metricsOnly = !leads && sc.name != healthy },
		append([]string{"-load", "10", "-smtp-delay", "5ms"}, sc.args...)...)
	if !ts.play(sc) {
		require.NoError(t, ts.stop())
		return false
	}
	ts.draw(sc.name)
	ts.walks(sc.name, c.boards)
	c.follow(ts, sc.name)
	if sc.repair != nil {
		sc.repair(ts)
		ts.eventually(func() bool { return ts.told(alerts.Resolved)[sc.resolves].Name() != "" }, "%s is resolved", sc.resolves)
	}
	if sc.name == deploy {
		c.saysTheSame(ts, "afterglow-runtime", "Drains, and what they lost", culprit(sc.name))
	}
	c.measure(ts, sc.name)
	return true
}

// disturbed reports whether the machine made an alert fire, and not the scenario. Only
// what was measured of the machine may say so: the same alert on a machine that keeps
// pace is a fault of the shop or of a rule.
func (ts *testStack) disturbed(alert string) bool {
	ts.t.Helper()
	if !slices.Contains(ts.fired(), alert) {
		return false
	}
	starved, slow := ts.pace.slow()
	require.True(ts.t, slow, "%s fires, and the machine has kept pace: processes waited for a processor for %v", alert, starved)
	ts.t.Logf("%s fires, and processes waited for a processor for %v: once more", alert, starved)
	return true
}

// play runs a scenario until it has lasted. It returns false if the machine has disturbed
// it: if a starved Prometheus or shop has lost scrapes, nothing is known of the other
// alerts, and if callbacks start late while all is well, the few workers of some scenarios
// were kept waiting. A second of a machine is 100 of compressed time.
func (ts *testStack) play(sc scenario) bool {
	t := ts.t
	t.Helper()
	ts.pace.begin()
	// What fires before a busy machine has come so far tells nothing.
	late := func() bool { return len(ts.query(`ALERTS{alertstate="firing",alertname="`+startLate+`"}`)) > 0 }
	ts.eventually(func() bool {
		return late() || len(ts.query(`afterglow_build_info and on () count(ALERTS{alertstate="firing"}) == 1`)) == 1
	}, "the shop is scraped, and no alert fires but the watchdog")
	ts.began = time.Now().Add(time.Second)
	ts.eventually(func() bool {
		return len(ts.query(`count_over_time(afterglow_build_info[1m]) >= 8 and on () sum(afterglow_callbacks_total{outcome="success"}) > 40`)) == 1
	}, "all is well for a while")
	for _, alert := range ts.fired() {
		if alert != watchdog && ts.disturbed(alert) {
			return false
		}
	}
	require.Equal(t, []string{watchdog}, ts.fired(), "while all is well")
	if sc.steady != "" {
		ts.eventually(func() bool {
			return len(ts.query(`runner_callback:afterglow_callbacks_steady:quantile3h{callback="`+sc.steady+`"} > 0`)) == 1
		}, "%s is steady work", sc.steady)
	}
	ts.forget()
	ts.pace.begin()
	troubled := time.Now()

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
	maybe := sc.silent && ts.steadyBefore(troubled)
	fired := slices.DeleteFunc(ts.fired(), func(name string) bool { return maybe && name == callbackSilent })
	for _, name := range fired {
		if !slices.Contains(want, name) && ts.disturbed(name) {
			return false
		}
	}
	require.Equal(t, want, fired)
	for _, name := range want {
		ts.eventually(func() bool {
			a, told := ts.told(alerts.Firing)[name]
			if told {
				requireComplete(t, a)
			}
			return told || ts.inhibits(anyOther, name)
		}, "Alertmanager posts %s to the webhook, or another alert holds it back", name)
	}
	return true
}

// steadyBefore reports whether the work of some callback had become steady when the
// trouble began, which takes longer than most scenarios do. The rates look back for five
// seconds.
func (ts *testStack) steadyBefore(troubled time.Time) bool {
	ts.t.Helper()
	return len(ts.ask("/api/v1/query", url.Values{
		"query": {`runner_callback:afterglow_callbacks_steady:quantile3h > 0`},
		"time":  {strconv.FormatInt(troubled.Unix()+6, 10)},
	})) > 0
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

func TestEveryAlertHasAScenario(t *testing.T) {
	var rules struct {
		Groups []struct{ Rules []struct{ Alert string } }
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "dashboards/prometheus/alerts.rules.yml")), &rules))
	names := map[string]bool{watchdog: true, namesFolded: true}
	for _, name := range durableAlerts {
		names[name] = true
	}
	for _, sc := range scenarios {
		for _, name := range sc.fires {
			names[name] = true
		}
	}
	found := make(map[string]bool)
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			found[r.Alert] = true
		}
	}
	require.Equal(t, found, names)
}
