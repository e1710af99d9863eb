package lint_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/lint"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

var heading = regexp.MustCompile(`(?m)^#+ (\S.*)$`)

// links are what there is to lead to.
func links(t *testing.T) lint.Links {
	t.Helper()
	text, err := os.ReadFile("../../RUNBOOK.md")
	require.NoError(t, err)
	l := lint.Links{UIDs: uids}
	for _, m := range heading.FindAllStringSubmatch(string(text), -1) {
		l.Anchors = append(l.Anchors, strings.ReplaceAll(strings.ToLower(m[1]), " ", "-"))
	}
	return l
}

// groups are all rules, with the options of a fleet that has changed them.
func groups(t *testing.T, change func(*query.Options, *rules.Options)) []rules.Group {
	t.Helper()
	o, r := query.DefaultOptions(), rules.DefaultOptions()
	change(&o, &r)
	q, err := query.New(o)
	require.NoError(t, err)
	recording, err := rules.Recording(q, r)
	require.NoError(t, err)
	alerts, err := rules.Alerts(q, r)
	require.NoError(t, err)
	return append(recording, alerts...)
}

func asCommitted(*query.Options, *rules.Options) {}

func TestTheRulesHaveNoFaults(t *testing.T) {
	_, catalog := exposed(t)
	for name, change := range map[string]func(*query.Options, *rules.Options){
		"as committed":  asCommitted,
		"with matchers": func(o *query.Options, _ *rules.Options) { o.Matcher = `cluster="eu", env=~"prod.*"` },
		"with a job":    func(o *query.Options, _ *rules.Options) { o.Matcher = `job=~"shop.*"` },
		"compressed":    func(_ *query.Options, r *rules.Options) { r.Compress = 300 },
	} {
		t.Run(name, func(t *testing.T) {
			require.Empty(t, catalog.Rules(groups(t, change), links(t)))
		})
	}
}

func TestPlantedFaultsOfRulesAreFound(t *testing.T) {
	_, catalog := exposed(t)
	const burn, panics, saturated = "AfterglowErrorBudgetBurnFast", "AfterglowPanics", "AfterglowWorkersSaturated"
	in := func(old, with string) func(*rules.Rule) {
		return func(r *rules.Rule) { r.Expr = strings.ReplaceAll(r.Expr, old, with) }
	}
	for _, c := range []struct {
		fault, rule string
		plant       func(*rules.Rule)
		found       string
	}{
		{"a metric that nobody exposes", panics, in("afterglow_callbacks_total", "afterglow_callback_total"), "afterglow_callback_total: nothing exposes or records it"},
		{"a series that nobody records", burn, in("rate1h", "rate2h"), "ratio_rate2h: nothing exposes or records it"},
		{"a gauge under rate", saturated, in("afterglow_worker_busy_seconds_total", "afterglow_workers_busy"), "rate of afterglow_workers_busy, which is not a counter"},
		{"a counter under no rate", saturated, in("rate(afterglow_worker_busy_seconds_total[5m])", "afterglow_worker_busy_seconds_total"), "afterglow_worker_busy_seconds_total is a counter, and not in rate"},
		{"a counter averaged", saturated, in("rate(", "avg_over_time("), "afterglow_worker_busy_seconds_total is a counter, and not in rate"},
		{"a forecast of a counter", "AfterglowQueueFillingUp", in("afterglow_queue_depth[", "afterglow_rejected_total["), "predict_linear of afterglow_rejected_total, which is a counter"},
		{"PromQL that does not parse", panics, in(")", "]"), "parse error"},
		{"a label that is summed away", panics, in("job, runner, callback", "job, runner"), "speaks of the label callback"},
		{"no severity", panics, func(r *rules.Rule) { delete(r.Labels, "severity") }, `has the severity ""`},
		{"a severity nobody routes", panics, func(r *rules.Rule) { r.Labels["severity"] = "urgent" }, `has the severity "urgent"`},
		{"no summary", panics, func(r *rules.Rule) { delete(r.Annotations, "summary") }, "has no summary"},
		{"an empty description", panics, func(r *rules.Rule) { r.Annotations["description"] = " " }, "has no description"},
		{"no runbook", panics, func(r *rules.Rule) { delete(r.Annotations, "runbook_url") }, "has no runbook_url"},
		{"an alert without an entry", panics, func(r *rules.Rule) { r.Annotations["runbook_url"] += "s" }, "the runbook has no #afterglowpanicss"},
		{"no dashboard", panics, func(r *rules.Rule) { delete(r.Annotations, "dashboard_url") }, "has no dashboard_url"},
		{"a dashboard that does not exist", panics, func(r *rules.Rule) { r.Annotations["dashboard_url"] = "http://grafana/d/panics?x=y" }, "no dashboard is at http://grafana/d/panics"},
		{"a number with twelve digits", panics, func(r *rules.Rule) { r.Annotations["description"] = "{{ $value }} panics" }, "its value is not humanized"},
		{"a name that is there twice", panics, func(r *rules.Rule) { r.Alert = burn }, "is there twice"},
		{"a record without a level", "runner:afterglow_callbacks:rate5m", func(r *rules.Rule) { r.Record = "afterglow_callbacks_rate5m" }, "is not named level:metric:operation"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			all := groups(t, asCommitted)
			planted := false
			for _, g := range all {
				for i := range g.Rules {
					if g.Rules[i].Name() == c.rule {
						c.plant(&g.Rules[i])
						planted = true
					}
				}
			}
			require.True(t, planted)
			require.Contains(t, strings.Join(catalog.Rules(all, links(t)), "\n"), c.found)
		})
	}
}
