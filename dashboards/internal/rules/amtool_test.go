package rules_test

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

const alertmanager = "alertmanager/alertmanager.yml"

func TestAlertmanagerTakesItsConfigurationWhateverTheOptions(t *testing.T) {
	for name, change := range map[string]func(*query.Options, *rules.Options){
		"defaults":   func(*query.Options, *rules.Options) {},
		"matchers":   func(q *query.Options, _ *rules.Options) { q.Matcher = `cluster="eu", env=~"prod.*"` },
		"job":        func(q *query.Options, _ *rules.Options) { q.Matcher = `job="shop"` },
		"compressed": func(_ *query.Options, o *rules.Options) { o.Compress = 300 },
	} {
		t.Run(name, func(t *testing.T) {
			q, o := query.DefaultOptions(), rules.DefaultOptions()
			change(&q, &o)
			out, err := command(t, generate(t, q, o), "amtool", "check-config", alertmanager)
			require.NoError(t, err, out)
			require.Contains(t, out, "8 inhibit rules")
		})
	}
}

func TestAmtoolFindsWhatIsWrongWithAConfiguration(t *testing.T) {
	dir := generate(t, query.DefaultOptions(), rules.DefaultOptions())
	require.True(t, replace(t, filepath.Join(dir, alertmanager), "- name: page", "- name: pager"))
	out, err := command(t, dir, "amtool", "check-config", alertmanager)
	require.Error(t, err)
	require.Contains(t, out, `undefined receiver "page"`)
}

func TestEachAlertGoesWhereItsSeveritySays(t *testing.T) {
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	groups, err := rules.Alerts(q, rules.DefaultOptions())
	require.NoError(t, err)
	dir := generate(t, query.DefaultOptions(), rules.DefaultOptions())
	receivers := map[string]string{rules.Critical: "page", rules.Warning: "ticket", rules.None: "deadman"}
	for _, g := range groups {
		for _, r := range g.Rules {
			to := routed(t, dir, "alertname="+r.Alert, "severity="+r.Labels["severity"], "job=shop", "runner=mail")
			require.Equal(t, receivers[r.Labels["severity"]], to, r.Alert)
		}
	}
	require.Equal(t, "ticket", routed(t, dir, "alertname=Other"), "somebody else's, without a severity")
	require.Equal(t, "page", routed(t, dir, "alertname=Other", "severity=critical"))
}

// routed is the receiver of an alert with these labels.
func routed(t *testing.T, dir string, labels ...string) string {
	t.Helper()
	out, err := command(t, dir, "amtool", append([]string{"config", "routes", "test", "--config.file=" + alertmanager}, labels...)...)
	require.NoError(t, err, out)
	return strings.TrimSpace(out)
}

func TestNoAddressIsInTheConfiguration(t *testing.T) {
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	o := rules.DefaultOptions()
	o.WebhookDir = "/run/secrets"
	files, err := rules.Files(q, o)
	require.NoError(t, err)
	text := string(files[alertmanager])
	require.NotContains(t, text, "://")
	for _, name := range []string{"page", "ticket", "deadman"} {
		require.Contains(t, text, "url_file: /run/secrets/"+name+".url\n")
	}
}

func TestOptionsThatCannotBeUsedAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*query.Options, *rules.Options)
		says   string
	}{
		"slower than time":      {func(_ *query.Options, o *rules.Options) { o.Compress = 0.5 }, "compress 0.5"},
		"faster than any":       {func(_ *query.Options, o *rules.Options) { o.Compress = math.Inf(1) }, "compress +Inf"},
		"no runbook":            {func(_ *query.Options, o *rules.Options) { o.RunbookURL = "" }, "the runbook URL is empty"},
		"no dashboards":         {func(_ *query.Options, o *rules.Options) { o.DashboardURL = " " }, "the dashboard URL is empty"},
		"half an address":       {func(_ *query.Options, o *rules.Options) { o.DashboardURL = "grafana:3000" }, "write all of it"},
		"a dashboard's query":   {func(_ *query.Options, o *rules.Options) { o.DashboardURL += "/?orgId=1" }, "leave the part after ? or # out"},
		"a runbook's entry":     {func(_ *query.Options, o *rules.Options) { o.RunbookURL += "#afterglowpanics" }, "leave the part after ? or # out"},
		"nowhere to look":       {func(_ *query.Options, o *rules.Options) { o.WebhookDir = "" }, "the webhook directory is empty"},
		"no expression of jobs": {func(_ *query.Options, o *rules.Options) { o.MayBeAbsent = "batch.(*" }, "jobs that may be absent"},
		"no expression":         {func(_ *query.Options, o *rules.Options) { o.MayBeSilent = "report.(*" }, "use a regular expression of their names"},
		"nothing can burn fast": {func(q *query.Options, _ *rules.Options) { q.SLO = 0.9 }, "use more than 0.931"},
		"nor late":              {func(q *query.Options, _ *rules.Options) { q.LatencySLO = 0.5 }, "latency slo 0.5"},
	} {
		t.Run(name, func(t *testing.T) {
			q, o := query.DefaultOptions(), rules.DefaultOptions()
			c.change(&q, &o)
			config, err := query.New(q)
			require.NoError(t, err)
			_, err = rules.Files(config, o)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestCompressionLeavesEnoughSamplesAndNoLongWait(t *testing.T) {
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	o := rules.DefaultOptions()
	o.Compress = 300
	files, err := rules.Files(q, o)
	require.NoError(t, err)
	alerts := string(files["prometheus/alerts.rules.yml"])
	require.Contains(t, alerts, "demonstrations and tests")
	require.Contains(t, alerts, "[12s]", "an hour")
	require.Contains(t, alerts, `increase(afterglow_rejected_total{reason!~"closed|reserved_full|held_full|paused_full"}[5s])`, "five minutes would be one second: too few samples")
	require.Contains(t, alerts, "[5s] offset 10s", "else the two ranges would touch")
	require.Contains(t, alerts, "ratio_rate1h", "names of recorded series stay, as dashboards ask for them")
	require.Contains(t, alerts, "for: 200ms\n", "a minute")
	require.Contains(t, string(files[alertmanager]), "group_wait: 1s\n")
}
