package rules_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// A job that runs by night, or is scaled to zero, and one that must run.
const night = `rule_files: [../recording.rules.yml, ../alerts.rules.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'afterglow_build_info{job="batch-report", instance="a:8081"}', values: '1x60 stale'}
      - {series: 'up{job="batch-report", instance="a:8081"}', values: '1x60 0x600'}
      - {series: 'afterglow_build_info{job="shop", instance="a:8081"}', values: '1x60 stale'}
      - {series: 'up{job="shop", instance="a:8081"}', values: '1x60 0x600'}
    promql_expr_test:
      - expr: 'count by (alertname, job) (ALERTS{alertstate="firing", alertname=~"AfterglowJobAbsent|AfterglowScrapeLost"})'
        eval_time: 5h
        exp_samples:
          - {labels: '{alertname="AfterglowJobAbsent", job="shop"}', value: 1}
          - {labels: '{alertname="AfterglowScrapeLost", job="shop"}', value: 1}
`

func TestAJobThatMayBeAbsentIsNotMissed(t *testing.T) {
	for name, c := range map[string]struct {
		may    string
		missed bool
	}{"it may": {"batch-.*", false}, "nobody has said so": {"", true}} {
		t.Run(name, func(t *testing.T) {
			o := rules.DefaultOptions()
			o.MayBeAbsent = c.may
			dir := generate(t, query.DefaultOptions(), o)
			file := filepath.Join("prometheus", "tests", "night.yml")
			require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(night), 0o600))
			out, err := command(t, dir, "promtool", "test", "rules", file)
			if !c.missed {
				require.NoError(t, err, out)
				return
			}
			require.Error(t, err)
			_, got, _ := strings.Cut(out, "got:")
			require.Contains(t, got, `alertname="AfterglowJobAbsent", job="batch-report"`)
		})
	}
}
