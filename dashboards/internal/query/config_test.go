package query_test

import (
	"context"
	"log/slog"
	"math"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func TestMatchersAreInEverySelectorAndKeptByAggregations(t *testing.T) {
	o := query.DefaultOptions()
	o.Matcher = `cluster="eu", env=~"prod.*"`
	c, err := query.New(o)
	require.NoError(t, err)
	require.Equal(t, `afterglow_workers{cluster="eu", env=~"prod.*", runner="mail"}`,
		c.Selector(c.Metric(names.MetricWorkers), `runner="mail"`))
	require.Equal(t, "cluster, namespace, env, job, runner", c.Labels("runner"))

	o.Matcher = `env=~"prod.*", env!="prod-old"`
	c, err = query.New(o)
	require.NoError(t, err)
	require.Equal(t, `afterglow_workers{env=~"prod.*", env!="prod-old"}`, c.Selector(c.Metric(names.MetricWorkers)))
	require.Equal(t, "cluster, namespace, env, job", c.Labels())
}

func TestTheMetricPrefixReplacesAfterglow(t *testing.T) {
	o := query.DefaultOptions()
	o.MetricPrefix = "shop_after"
	c, err := query.New(o)
	require.NoError(t, err)
	require.Equal(t, "shop_after_callbacks_total", c.Metric(names.MetricCallbacks))
	require.Equal(t, "runner:shop_after_callbacks_bad:rate5m", c.RecordedBad())
}

func TestTheBudgetIsWrittenWithoutBinaryNoise(t *testing.T) {
	c, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	require.Equal(t, "0.001", c.ErrorBudget())
	require.Equal(t, "0.01", c.LatencyBudget())
}

func TestOptionsThatCannotBeUsedAreRefusedWithWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*query.Options)
		says   string
	}{
		"an objective of 1 leaves no budget": {func(o *query.Options) { o.SLO = 1 }, "slo 1 is not between 0 and 1: use a share"},
		"an objective of 0 promises nothing": {func(o *query.Options) { o.LatencySLO = 0 }, "latency slo 0 is not between 0 and 1"},
		"a percentage is no share":           {func(o *query.Options) { o.SLO = 99.9 }, "slo 99.9 is not between 0 and 1"},
		"an objective that is no number":     {func(o *query.Options) { o.SLO = math.NaN() }, "slo NaN is not between 0 and 1"},
		"a latency that is no number":        {func(o *query.Options) { o.LatencySLO = math.NaN() }, "latency slo NaN is not between 0 and 1"},
		"a prefix with a dash":               {func(o *query.Options) { o.MetricPrefix = "shop-after" }, `"shop-after" cannot start the name of a metric`},
		"no prefix":                          {func(o *query.Options) { o.MetricPrefix = "" }, "cannot start the name of a metric"},
		"a matcher without quotes":           {func(o *query.Options) { o.Matcher = "cluster=eu" }, `write it as in cluster="eu"`},
		"a matcher that closes the selector": {func(o *query.Options) { o.Matcher = `a="b"} or up{` }, `write it as in cluster="eu"`},
		"a matcher in braces":                {func(o *query.Options) { o.Matcher = ` {cluster="eu"}` }, "leave the braces out"},
		"a matcher that ends in a brace":     {func(o *query.Options) { o.Matcher = `cluster="eu"}` }, "leave the braces out"},
		"a matcher on the name":              {func(o *query.Options) { o.Matcher = `cluster="eu",__name__="up"` }, "use -metric-prefix"},
		"a label that equals two values":     {func(o *query.Options) { o.Matcher = `job="a",env="x",job="b"` }, `the label job cannot have two values: match either, as in job=~"a|b"`},
		"a matcher on names":                 {func(o *query.Options) { o.Matcher = `__name__=~"afterglow.*"` }, "use -metric-prefix"},
		"a matcher on the instance":          {func(o *query.Options) { o.Matcher = `instance="a:8081"` }, "dashboards let you choose it"},
	} {
		t.Run(name, func(t *testing.T) {
			o := query.DefaultOptions()
			c.change(&o)
			_, err := query.New(o)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// A matcher on one of our labels would empty each query of a series without it,
// and double what the queries match themselves.
func TestNoMatcherIsOnALabelThatOurSeriesHave(t *testing.T) {
	registry := client.NewPedanticRegistry()
	tel, err := telemetry.New(telemetry.Config{Registerer: registry, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	require.NoError(t, err)
	require.NoError(t, r.Go(t.Context(), "a", func(context.Context) error { return nil }))
	_, err = r.Shutdown(t.Context())
	require.NoError(t, err)
	families, err := registry.Gather()
	require.NoError(t, err)
	labels := map[string]bool{"le": true, "quantile": true, "alertname": true, "alertstate": true, "severity": true}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		}
	}
	require.Greater(t, len(labels), 10)
	for name := range labels {
		for _, operator := range []string{"=", "!=", "=~", "!~"} {
			o := query.DefaultOptions()
			o.Matcher = `cluster="eu",` + name + operator + `"x"`
			_, err := query.New(o)
			require.ErrorContains(t, err, "match what every series of your processes has", o.Matcher)
		}
	}
}
