package grafana_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/internal/tool"
)

// asked is a query of a panel, and what Prometheus answers at ten minutes, by
// labels.
type asked struct {
	board, title string
	n            int
	want         answer
}

type answer map[string]float64

// requireAnswers asks promtool what Prometheus answers of series that are written as
// promtool does, a line each.
func requireAnswers(t *testing.T, series string, all ...asked) {
	t.Helper()
	requireAnswersAt(t, 10*time.Minute, series, all...)
}

// requireAnswersAt is requireAnswers at another time.
func requireAnswersAt(t *testing.T, at time.Duration, series string, all ...asked) {
	t.Helper()
	requireAnswersIn(t, at, ".*", series, all...)
}

// requireAnswersIn is the same where a reader has chosen namespaces.
func requireAnswersIn(t *testing.T, at time.Duration, namespace, series string, all ...asked) {
	t.Helper()
	type object = map[string]any
	var input, tests []object
	for _, line := range strings.Split(strings.TrimSpace(series), "\n") {
		if name, values, ok := strings.Cut(strings.TrimSpace(line), "} "); ok {
			input = append(input, object{"series": name + "}", "values": values})
		}
	}
	for _, a := range all {
		var samples []object
		for labels, value := range a.want {
			samples = append(samples, object{"labels": labels, "value": value})
		}
		expr := strings.NewReplacer(
			"$__rate_interval", "5m", "$__range", "10m", `"$job"`, `"shop"`, `"$job|"`, `"shop|"`, "$cluster", ".*", "$namespace", namespace,
			"$pod", ".*", "$instance", ".*", "$runner", ".*", "$callback", ".*", "$queue", ".*",
		).Replace(exprOf(t, a.board, a.title, a.n))
		tests = append(tests, object{"expr": expr, "eval_time": at.String(), "exp_samples": samples})
	}
	text, err := yaml.Marshal(object{"fuzzy_compare": true, "tests": []object{{
		"interval": "1m", "input_series": input, "promql_expr_test": tests,
	}}})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "panels.test.yml")
	require.NoError(t, os.WriteFile(path, text, 0o600))
	promtool, err := tool.Binary(t.Context(), "promtool", os.Stderr)
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), promtool, "test", "rules", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func exprOf(t *testing.T, name, title string, n int) string {
	t.Helper()
	return exprsOf(t, name, title)[n]
}

func exprsOf(t *testing.T, name, title string) (exprs []string) {
	t.Helper()
	var d struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(files(t)["grafana/"+name+".json"], &d))
	for _, p := range d.Panels {
		if p.Title == title && len(p.Targets) > 0 {
			for _, target := range p.Targets {
				exprs = append(exprs, target.Expr)
			}
			return exprs
		}
	}
	require.Fail(t, "no panel", title)
	return nil
}

var alerts = []string{"AfterglowPanics", "AfterglowTimeouts"}

func files(t *testing.T) map[string][]byte {
	t.Helper()
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	o := grafana.DefaultOptions()
	o.Alerts = alerts
	all, err := grafana.Files(q, o)
	require.NoError(t, err)
	return all
}

// All runs of a callback end at its timeout of ten seconds, and the next bucket
// ends at 30. So it was when the panel said 298 %.
const allTimeOut = `
	afterglow_callback_duration_seconds_bucket{job="shop", instance="a", runner="r", callback="c", result="failure", le="10.0"} 0+0x10
	afterglow_callback_duration_seconds_bucket{job="shop", instance="a", runner="r", callback="c", result="failure", le="30.0"} 0+60x10
	afterglow_callback_duration_seconds_bucket{job="shop", instance="a", runner="r", callback="c", result="failure", le="+Inf"} 0+60x10
	afterglow_callback_timeout_seconds{job="shop", instance="a", runner="r", callback="c"} 10x10
`

func TestRunsThatAllTimeOutLieAtTheTimeout(t *testing.T) {
	const run = "Run time against timeout"
	requireAnswers(t, allTimeOut,
		asked{"callback", "p99 of its timeout", 0, answer{"{}": 1.1}},
		asked{"callback", run, 0, answer{"{}": 11}}, asked{"callback", run, 1, answer{"{}": 11}}, asked{"callback", run, 2, answer{"{}": 11}},
		asked{"callback", "Run time p95, by result", 0, answer{`{result="failure"}`: 11}},
		asked{"overview", "Run time p99, by callback", 0, answer{`{callback="c"}`: 11}})
	requireAnswers(t, strings.ReplaceAll(allTimeOut, "afterglow_callback_timeout_seconds", "other"), // without a timeout, nothing is known of it
		asked{"overview", "Run time p99, by callback", 0, answer{`{callback="c"}`: 29.8}})
	requireAnswers(t, strings.Replace(allTimeOut, "0+0x10", "0+60x10", 1), // below the timeout, it is as it was
		asked{"callback", run, 0, answer{"{}": 9.9}})
}

// One instance of two is full. Its mean with the other was 31.6 %, in green.
const oneIsFull = `
	afterglow_workers{job="shop", instance="a", runner="r"} 22x10
	afterglow_workers{job="shop", instance="b", runner="r"} 64x10
	afterglow_workers_busy{job="shop", instance="a", runner="r"} 22x10
	afterglow_workers_busy{job="shop", instance="b", runner="r"} 5x10
	afterglow_worker_busy_seconds_total{job="shop", instance="a", runner="r"} 0+1320x10
	afterglow_worker_busy_seconds_total{job="shop", instance="b", runner="r"} 0+300x10
	afterglow_queue_depth{job="shop", instance="a", runner="r"} 40+4x10
	afterglow_queue_depth{job="shop", instance="b", runner="r"} 2x10
	afterglow_queue_capacity{job="shop", instance="a", runner="r"} 100x10
	afterglow_queue_capacity{job="shop", instance="b", runner="r"} 1024x10
`

func TestTheInstanceThatIsFullIsSeen(t *testing.T) {
	one := func(v float64) answer { return answer{"{}": v} }
	requireAnswers(t, oneIsFull,
		asked{"overview", "Workers busy, now", 0, one(1)},
		asked{"overview", "Workers busy", 0, answer{`{instance="a", runner="r"}`: 1, `{instance="b", runner="r"}`: 0.078125}},
		asked{"runtime", "Workers busy, by instance", 0, answer{`{instance="a", runner="r"}`: 1, `{instance="b", runner="r"}`: 0.078125}},
		asked{"overview", "Queue filled", 0, one(0.8)},
		asked{"overview", "Queue depth", 0, one(80)}, asked{"overview", "Queue depth", 2, one(100)}, asked{"overview", "Queue depth", 3, one(82)},
		asked{"overview", "Workers", 0, one(22)}, asked{"overview", "Workers", 1, one(22)},
		asked{"overview", "Workers", 2, one(22)}, asked{"overview", "Workers", 3, one(27)},
		asked{"overview", "Queue depth in 15 minutes", 0, one(100)}) // it ends at its own capacity
}

// A scenario is minutes old. Here a week passes, in which three times as much is asked
// for at last.
func TestLastWeekIsSeenBesideToday(t *testing.T) {
	const week, series = 7 * 24 * time.Hour, `
	afterglow_asked_total{job="shop", instance="a", runner="r", callback="c"} 0+60x20 _x10060 1200+180x20
	afterglow_asked_total{job="shop", instance="gone", runner="r", callback="c"} 0+60x20
	afterglow_asked_total{job="other", instance="a", runner="r", callback="c"} 0+600x20 _x10060 12000+600x20
	`
	var asks []asked
	for _, board := range []string{"overview", "callback"} {
		for n, expr := range exprsOf(t, board, "Asked for and ended") {
			switch {
			case strings.Contains(expr, "offset 1w"):
				asks = append(asks, asked{board, "Asked for and ended", n, answer{"{}": 2}})
			case strings.Contains(expr, "afterglow_asked_total"):
				asks = append(asks, asked{board, "Asked for and ended", n, answer{"{}": 3}})
			}
		}
	}
	require.Len(t, asks, 4)
	requireAnswersAt(t, week+15*time.Minute, series, asks...)

	old := 0
	for _, text := range files(t) {
		old += strings.Count(string(text), "offset 1w")
	}
	require.Equal(t, 2, old, "there is no other query of last week")
}

// Thirty instances have no room for their names: those that are down most are seen.
func TestAStateTimelineShowsTheInstancesThatMatter(t *testing.T) {
	series, want := "", answer{}
	for i := range 30 {
		values, name := "1x10", fmt.Sprintf("i-%d", i)
		if i%3 == 0 {
			values = fmt.Sprintf("1x%d 0x%d", 9-i/3, i/3)
			want[fmt.Sprintf(`up{job="shop", instance=%q}`, name)] = 0
		}
		series += fmt.Sprintf("up{job=\"shop\", instance=%q} %s\n", name, values)
	}
	requireAnswers(t, series, asked{"runtime", "Scrapes", 0, want})
}

func TestAStateTimelineHasARowWhenAllIsWell(t *testing.T) {
	requireAnswers(t, "",
		asked{"overview", "Alerts", 0, answer{`{alertname="none fires"}`: 0}},
		asked{"callback", "When it failed", 0, answer{`{outcome="not seen"}`: 0}})
	requireAnswers(t, `
		ALERTS{alertname="AfterglowPanics", alertstate="firing", severity="warning", job="shop", runner="r"} 1x10
		ALERTS{alertname="AfterglowJobAbsent", alertstate="firing", severity="critical", job="shop"} 1x10
		ALERTS{alertname="AfterglowTimeouts", alertstate="pending", severity="warning", job="shop", runner="r"} 1x10
		afterglow_callbacks_total{job="shop", instance="a", runner="r", callback="c", outcome="panic"} 0+6x10
		afterglow_callbacks_total{job="shop", instance="a", runner="r", callback="c", outcome="error"} 0+120x10
		afterglow_callbacks_total{job="shop", instance="a", runner="r", callback="c", outcome="timeout"} 0x10`,
		asked{"overview", "Alerts", 0, answer{`{alertname="AfterglowPanics"}`: 1, `{alertname="AfterglowJobAbsent"}`: 2}},
		asked{"callback", "When it failed", 0, answer{`{outcome="panic"}`: 1, `{outcome="error"}`: 2, `{outcome="timeout"}`: 0}})
}

func TestAnAlertThatFiresIsARowWithItsEntryAndItsStart(t *testing.T) {
	requireAnswers(t, `
		ALERTS{alertname="AfterglowPanics", alertstate="firing", severity="warning", job="shop", runner="r", callback="c"} 1x10
		ALERTS_FOR_STATE{alertname="AfterglowPanics", severity="warning", job="shop", runner="r", callback="c"} 300x10
		ALERTS{alertname="AfterglowTimeouts", alertstate="pending", severity="warning", job="shop", runner="r", callback="c"} 1x10
		ALERTS_FOR_STATE{alertname="AfterglowTimeouts", severity="warning", job="shop", runner="r", callback="c"} 300x10`,
		asked{"overview", "Firing now", 0, answer{
			`{alertname="AfterglowPanics", callback="c", entry="AfterglowPanics", in_cluster="All", in_namespace="All", runner="r", severity="warning"}`: 300_000,
		}})
	overview := string(files(t)["grafana/overview.json"])
	for _, name := range alerts {
		url := grafana.DefaultOptions().RunbookURL + "#" + strings.ToLower(name)
		require.Contains(t, overview, `"url": "`+url+`"`, "the bar of the timeline")
		require.Regexp(t, `"`+name+`": \{\s+"text": "`+strings.ToLower(name)+`"`, overview, "the row of the table")
	}
}

func TestWhatADrainLostHasTheVersionThatLostIt(t *testing.T) {
	requireAnswers(t, `
		afterglow_callbacks_total{job="shop", instance="a", runner="r", callback="c", outcome="dropped"} 0+3x10
		afterglow_callbacks_total{job="shop", instance="a", runner="r", callback="c", outcome="rejected"} 0+5x10
		afterglow_build_info{job="shop", instance="a", version="v1", goversion="go1.26"} 1x6
		afterglow_build_info{job="shop", instance="a", version="v2", goversion="go1.26"} _x6 1x3`,
		asked{"runtime", "Lost after it was accepted, by callback", 0, answer{
			`{callback="c", in_cluster="All", in_namespace="All", instance="a", outcome="dropped", runner="r", version="v1"}`: 30,
		}})
}

// Rows of a state timeline that are lower than their names overlap.
func TestThereIsRoomForARowOfEachAlert(t *testing.T) {
	text, err := os.ReadFile("../../prometheus/alerts.rules.yml")
	require.NoError(t, err)
	rows := strings.Count(string(text), "- alert: Afterglow")
	require.Greater(t, rows, 20)
	var d struct {
		Panels []struct {
			Title   string
			GridPos struct{ H int }
		}
	}
	require.NoError(t, json.Unmarshal(files(t)["grafana/overview.json"], &d))
	for _, p := range d.Panels {
		if p.Title == "Alerts" {
			const line, head, times, name = 38, 40, 25, 12 // pixels
			require.Greater(t, p.GridPos.H*line-head-times, rows*name)
			return
		}
	}
	require.Fail(t, "no panel")
}
