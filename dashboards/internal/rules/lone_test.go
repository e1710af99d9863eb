package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Scraped every two minutes, one failure shows in a rate over five minutes for three
// of them. Whatever reads the rate less often steps over some.
func TestALoneFailureIsToldAndALoneSuccessIsSeenWheneverItIs(t *testing.T) {
	if testing.Short() {
		t.Skip("four hours of every minute pass in it")
	}
	const end, fails, succeeds = 240, 60, 90
	var series, samples strings.Builder
	counter := func(callback, outcome string, from, scraped int) {
		fmt.Fprintf(&series, "      - series: 'afterglow_callbacks_total{job=\"shop\", instance=\"a:8081\", runner=\"mail\", callback=%q, outcome=%q}'\n        values: '", callback, outcome)
		for m := range end {
			switch {
			case m%2 != scraped:
				series.WriteString("_ ")
			case m < from:
				series.WriteString("0 ")
			default:
				series.WriteString("1 ")
			}
		}
		series.WriteString("'\n")
	}
	for m := range 4 {
		for scraped := range 2 {
			failing, recovered := fmt.Sprintf("fails.%d.%d", m, scraped), fmt.Sprintf("recovers.%d.%d", m, scraped)
			counter(failing, "error", fails+m, scraped)
			counter(failing, "success", end, scraped)
			counter(recovered, "error", fails, scraped)
			counter(recovered, "success", succeeds+m, scraped)
			fmt.Fprintf(&samples, "          - {labels: '{callback=%q}', value: 1}\n", failing)
		}
	}
	var failing []trouble
	for _, tr := range troubles {
		if tr.alert == "AfterglowCallbackFailing" {
			failing = append(failing, tr)
		}
	}
	test := fmt.Sprintf(`rule_files: [rules.yml]
evaluation_interval: 1m
group_eval_order: [afterglow-traffic, afterglow-callbacks]
tests:
  - interval: 1m
    input_series:
%s    promql_expr_test:
      - expr: 'count by (callback) (count_over_time(ALERTS{alertname="AfterglowCallbackFailing", alertstate="firing"}[4h]))'
        eval_time: %dm
        exp_samples:
%s`, &series, end, &samples)
	out, err := command(t, write(t, failing, test, false), "promtool", "test", "rules", "a.test.yml")
	require.NoError(t, err, out)
}
