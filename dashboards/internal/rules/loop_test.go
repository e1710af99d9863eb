package rules_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// The value of AfterglowScrapeLost is a share of time, or a number of starts.
func TestALostScrapeSaysWhichWayItIsLost(t *testing.T) {
	var lost trouble
	for _, tr := range troubles {
		if tr.alert == "AfterglowScrapeLost" {
			lost = tr
		}
	}
	for name, c := range map[string]struct{ up, started, summary, description string }{
		"down": {"1x10 0x30", "0x40",
			"a:8081 of shop cannot be scraped", "Prometheus has not been able to scrape a:8081 of shop for five minutes. It had"},
		"down again and again": {"1x10 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0 1 0 0", "0x40",
			"a:8081 of shop cannot be scraped", "in the last 15 minutes, Prometheus could scrape it 33.33% of the time. It had"},
		"another process again and again": {"1x40", "0x20 0+60x20",
			"a:8081 of shop restarts again and again", "in the last 15 minutes, it was started at least 14 times. It had"},
	} {
		t.Run(name, func(t *testing.T) {
			test := fmt.Sprintf(`rule_files: [rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'up{job="shop", instance="a:8081"}', values: '%s'}
      - {series: 'process_start_time_seconds{job="shop", instance="a:8081"}', values: '%s'}
      - {series: 'afterglow_build_info{job="shop", instance="a:8081"}', values: '1x40'}
    alert_rule_test:
      - {alertname: AfterglowScrapeLost, eval_time: 40m, exp_alerts: []}
`, c.up, c.started)
			out, err := command(t, write(t, []trouble{lost}, test, true), "promtool", "test", "rules", "a.test.yml")
			require.Error(t, err, "it fires")
			require.Contains(t, out, c.summary)
			require.Contains(t, out, c.description)
		})
	}
}
