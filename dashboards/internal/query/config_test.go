package query_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry"
)

func TestMatchersAreInEverySelectorAndKeptByAggregations(t *testing.T) {
	o := query.DefaultOptions()
	o.Matcher = `cluster="eu", env=~"prod.*"`
	c, err := query.New(o)
	require.NoError(t, err)
	require.Equal(t, `afterglow_workers{cluster="eu", env=~"prod.*", runner="mail"}`,
		c.Selector(c.Metric(telemetry.MetricWorkers), `runner="mail"`))
	require.Equal(t, "cluster, env, job, runner", c.Labels("runner"))
}

func TestTheNamespaceReplacesAfterglow(t *testing.T) {
	o := query.DefaultOptions()
	o.Namespace = "shop_after"
	c, err := query.New(o)
	require.NoError(t, err)
	require.Equal(t, "shop_after_callbacks_total", c.Metric(telemetry.MetricCallbacks))
	require.Equal(t, "runner:shop_after_callbacks_bad:rate5m", c.RecordedBad())
}

func TestTheBudgetIsWrittenWithoutBinaryNoise(t *testing.T) {
	c, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	require.Equal(t, "0.001", c.ErrorBudget())
	require.Equal(t, "0.01", c.LatencyBudget())
}

func TestOptionsThatCannotBeUsedAreRefused(t *testing.T) {
	for name, change := range map[string]func(*query.Options){
		"an objective of 1 leaves no budget": func(o *query.Options) { o.SLO = 1 },
		"an objective of 0 promises nothing": func(o *query.Options) { o.LatencySLO = 0 },
		"a percentage is no share":           func(o *query.Options) { o.SLO = 99.9 },
		"a namespace with a dash":            func(o *query.Options) { o.Namespace = "shop-after" },
		"no namespace":                       func(o *query.Options) { o.Namespace = "" },
		"a matcher without quotes":           func(o *query.Options) { o.Matcher = "cluster=eu" },
		"a matcher that closes the selector": func(o *query.Options) { o.Matcher = `a="b"} or up{` },
	} {
		t.Run(name, func(t *testing.T) {
			o := query.DefaultOptions()
			change(&o)
			_, err := query.New(o)
			require.Error(t, err)
		})
	}
}
