package rules_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

const worstIsC = "Worst instance: c:8081, with 100% of them."

// blame is what the texts of alerts say of whom to blame, where one process of
// several has the trouble.
var blame = map[string][]string{
	"AfterglowErrorBudgetBurnFast":  {"(100%): callback order.email, outcome error.", worstIsC, "/d/afterglow-callback?", "var-callback=order.email&"},
	"AfterglowErrorBudgetBurn":      {"(100%): callback order.email, outcome error.", worstIsC, "/d/afterglow-callback?", "var-callback=order.email&"},
	"AfterglowErrorBudgetBurnSlow":  {"(100%): callback order.email, outcome error.", worstIsC, "/d/afterglow-callback?", "var-callback=order.email&"},
	"AfterglowLatencyBudgetBurn":    {"Worst instance: c:8081, with 100% of those that start late.", "Callback order.email takes most", "var-callback=order.email&"},
	"AfterglowCallbacksDropped":     {worstIsC, "var-callback=order.email&"},
	"AfterglowCallbacksRejected":    {worstIsC},
	"AfterglowPanics":               {worstIsC, "var-callback=order.email&"},
	"AfterglowTimeouts":             {worstIsC, "var-callback=order.email&"},
	"AfterglowNamesFolded":          {worstIsC},
	"AfterglowQueueStuck":           {"on c:8081", "var-instance=c%3A8081"},
	"AfterglowOldestTooOld":         {"on c:8081", "var-instance=c%3A8081"},
	"AfterglowQueueFillingUp":       {"take 97.66% of the queue. A full", "var-instance=c%3A8081"},
	"AfterglowWorkersSaturated":     {"on c:8081", "var-instance=c%3A8081"},
	"AfterglowReservedFull":         {"on c:8081"},
	"AfterglowHeldFull":             {"on c:8081"},
	"AfterglowPausedFull":           {"on c:8081"},
	"AfterglowCallbackStuck":        {"on c:8081", "var-callback=order.email&"},
	"AfterglowShutdownLostWork":     {"on c:8081"},
	"AfterglowScrapeLost":           {"has not been able to scrape c:8081", "var-instance=c%3A8081"},
	"AfterglowTelemetryErrors":      {"on c:8081"},
	"AfterglowDurableDeadLetters":   {worstIsC, "/d/afterglow-durable?", "var-callback=order.receipt&"},
	"AfterglowDurableOldestTooOld":  {"in queue mail of runner durable", "/d/afterglow-durable?", "var-queue=mail&"},
	"AfterglowDurableTasksReturned": {"Look at c:8081 first: it has found 100% of them.", "var-callback=order.receipt&"},
}

var (
	annotationsOf = regexp.MustCompile(`Annotations:\{dashboard_url="([^"]*)", description="((?:[^"\\]|\\.)*)"`)
	rangeOf       = regexp.MustCompile(`viewPanel=\d+&from=-?(\d+)000&to=now$`)
)

func TestAlertsNameTheCulpritAndLinkToWhereItIsSeen(t *testing.T) {
	if testing.Short() {
		t.Skip("days pass in it, which takes a minute")
	}
	i := slices.IndexFunc(situations, func(s situation) bool { return s.name == "one bad instance of many" })
	s := situations[i]
	checked := 0
	for _, span := range []times{minutes, hours, days} {
		for _, tr := range troubles {
			want, named := blame[tr.alert]
			if tr.times != span || !named {
				continue
			}
			test := s.group([]trouble{tr}, true)
			test = test[:strings.Index(test, "    promql_expr_test:")] +
				fmt.Sprintf("    alert_rule_test:\n      - {alertname: %s, eval_time: %dm, exp_alerts: []}\n", tr.alert, span.end)
			out, err := command(t, write(t, []trouble{tr}, test, true), "promtool", "test", "rules", "a.test.yml")
			require.Error(t, err, "it fires")
			found := annotationsOf.FindAllStringSubmatch(out, -1)
			require.Len(t, found, 1, out)
			link, description := found[0][1], found[0][2]
			text := link + " " + description
			for _, part := range want {
				require.Contains(t, text, part, tr.alert)
			}
			for _, bad := range []string{"{{", "<error", "%!", "no value"} {
				require.NotContains(t, text, bad, tr.alert)
			}
			from := rangeOf.FindStringSubmatch(link)
			require.NotNil(t, from, "%s: %s", tr.alert, link)
			if tr.alert == "AfterglowErrorBudgetBurnFast" { // minutes after the trouble began, and not hours later when it is read
				began, err := strconv.Atoi(from[1])
				require.NoError(t, err)
				require.InDelta(t, (span.from+5-60)*60, began, 300)
			}
			checked++
		}
	}
	require.Equal(t, len(blame), checked)
}

// A dashboard shows nothing of a callback without a name.
func TestALinkNamesNoCallbackIfNoneIsToBlame(t *testing.T) {
	tr := trouble{"AfterglowLatencyBudgetBurn", hours, func(v view) { // no callback has ended
		v.counter("afterglow_queue_wait_seconds_count", mail, v.asked)
		v.counter("afterglow_queue_wait_seconds_bucket", mail+`, le="1.0"`, func(m int) float64 { return v.then(m, 0, v.asked(m)) })
	}}
	test := situations[slices.IndexFunc(situations, func(s situation) bool { return s.name == "drain as planned" })].group([]trouble{tr}, true)
	test = test[:strings.Index(test, "    promql_expr_test:")] +
		fmt.Sprintf("    alert_rule_test:\n      - {alertname: %s, eval_time: %dm, exp_alerts: []}\n", tr.alert, hours.end)
	out, err := command(t, write(t, []trouble{tr}, test, true), "promtool", "test", "rules", "a.test.yml")
	require.Error(t, err, "it fires")
	require.Contains(t, out, "/d/afterglow-callback?var-job=bad-AfterglowLatencyBudgetBurn&var-runner=mail&viewPanel=")
}

var (
	lookedUp = regexp.MustCompile("with printf `([^`]*)`")
	asked    = regexp.MustCompile(`(?:afterglow|runner|runner_callback|ALERTS)[a-z0-9_:A-Z]*`)
)

// Prometheus says nothing of a query in a template before the alert fires.
func TestWhatTextsAskForCanBeAsked(t *testing.T) {
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	recording, err := rules.Recording(q, rules.DefaultOptions())
	require.NoError(t, err)
	known := []string{"ALERTS_FOR_STATE", names.MetricCallbackDuration + "_sum"}
	for _, g := range recording {
		for _, r := range g.Rules {
			known = append(known, r.Record)
			known = append(known, asked.FindAllString(r.Expr, -1)...)
		}
	}
	for _, r := range alerts(t) {
		known = append(known, asked.FindAllString(r.Expr, -1)...)
	}
	found := 0
	for _, r := range alerts(t) {
		for _, text := range r.Annotations {
			for _, m := range lookedUp.FindAllStringSubmatch(text, -1) {
				expr, err := parser.NewParser(parser.Options{}).ParseExpr(strings.ReplaceAll(m[1], "%q", `"x"`))
				require.NoError(t, err, r.Alert)
				parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
					if s, ok := n.(*parser.VectorSelector); ok {
						require.Contains(t, known, s.Name, r.Alert)
						require.Contains(t, s.String(), `job="x"`, "%s asks for the whole world", r.Alert)
						found++
					}
					return nil
				})
			}
		}
	}
	require.Greater(t, found, 40)
}
