package rules_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// away is how long Prometheus may be away without Alertmanager taking an alert for
// resolved. Prometheus says of an alert that it lasts for four times the resend delay.
// It may have said so a resend delay and an evaluation ago. When it is back, it needs an
// evaluation, and all of For, to say so again.
func away(resend, evaluation, hold time.Duration) time.Duration {
	return 4*max(resend, evaluation) - (resend + evaluation) - evaluation - hold
}

// What Prometheus does by default, and as docker-compose.yml has it.
const (
	resendDefault, evaluationDefault = time.Minute, time.Minute
	resendFlag                       = "--rules.alert.resend-delay=2m"
)

func TestTheDocumentsSayHowLongPrometheusMayBeAway(t *testing.T) {
	compose, err := os.ReadFile("../../../docker-compose.yml")
	require.NoError(t, err)
	require.Contains(t, string(compose), "- "+resendFlag)
	guide, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	require.Contains(t, string(guide), resendFlag)
	for _, r := range alerts(t) {
		require.Contains(t, []time.Duration{0, time.Minute, 2 * time.Minute}, time.Duration(r.For), "%s: ALERTS.md has no line for it: ask the samples for what lasts longer", r.Alert)
		require.Positive(t, away(2*time.Minute, evaluationDefault, time.Duration(r.For)), "%s: a restart that takes no time would be told as an end", r.Alert)
	}
}

// absences is a table of how long Prometheus may be away, by For.
func absences(all []alertOf) string {
	var b strings.Builder
	b.WriteString("\n  | `for` | alerts | by default: evaluated each minute | each 15 s | with `" + resendFlag + "`: each minute | each 15 s |\n  |---|---|---|---|---|---|\n")
	for _, hold := range []time.Duration{0, time.Minute, 2 * time.Minute} {
		var names []string
		for _, a := range all {
			if a.hold == hold && a.name != "AfterglowWatchdog" {
				names = append(names, strings.TrimPrefix(a.name, "Afterglow"))
			}
		}
		who := strings.Join(names, ", ")
		if hold == time.Minute {
			who = "all others"
		}
		fmt.Fprintf(&b, "  | %v | %s |", model.Duration(hold), who)
		for _, resend := range []time.Duration{resendDefault, 2 * time.Minute} {
			for _, evaluation := range []time.Duration{evaluationDefault, 15 * time.Second} {
				if d := away(resend, evaluation, hold); d > 0 {
					fmt.Fprintf(&b, " %v |", model.Duration(d))
				} else {
					b.WriteString(" not at all |")
				}
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// alertOf is what the table says of an alert.
type alertOf struct {
	name string
	hold time.Duration
}

func alertsByHold(t *testing.T) (all []alertOf) {
	t.Helper()
	for _, r := range alerts(t) {
		all = append(all, alertOf{r.Alert, time.Duration(r.For)})
	}
	slices.SortStableFunc(all, func(a, b alertOf) int { return strings.Compare(a.name, b.name) })
	return all
}

// A real Prometheus is away for longer than its alert lasts, and for less.
func TestAPrometheusThatIsAwayTellsNoEndIfItsAlertsLastLonger(t *testing.T) {
	const hold, evaluation, gone = time.Second, time.Second, 7 * time.Second
	for name, resend := range map[string]time.Duration{"too long": time.Second, "not too long": 6 * time.Second} {
		t.Run(name, func(t *testing.T) {
			m := startAlertmanager(t)
			dir := t.TempDir()
			for file, text := range map[string]string{
				"rules.yml": fmt.Sprintf("groups:\n  - name: a\n    rules:\n      - {alert: Fires, expr: vector(1), for: %v, labels: {severity: critical}}\n", hold),
				"prometheus.yml": fmt.Sprintf("global: {evaluation_interval: %v}\nrule_files: [rules.yml]\nalerting: {alertmanagers: [{static_configs: [{targets: [%q]}]}]}\n",
					evaluation, strings.TrimPrefix(m.url, "http://")),
			} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600))
			}
			ports, err := tool.FreePorts(1)
			require.NoError(t, err)
			start := func() *tool.Process {
				p, err := tool.Start(t.Context(), tool.Command{Name: "prometheus", Ready: "http://127.0.0.1:" + ports[0] + "/-/ready", Args: []string{
					"--config.file=" + filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(dir, "data"),
					"--web.listen-address=127.0.0.1:" + ports[0], "--log.level=error", fmt.Sprintf("--rules.alert.resend-delay=%v", resend),
				}})
				require.NoError(t, err)
				return p
			}
			fires := map[string]string{"alertname": "Fires", "severity": "critical"}
			resolved := func() bool {
				return slices.ContainsFunc(m.tellings(fires), func(a told) bool { return a.Status == "resolved" })
			}
			p := start()
			m.eventually(func() bool { return len(m.tellings(fires)) > 0 }, "it is told")
			require.NoError(t, p.Stop())
			stopped := time.Now()
			m.eventually(func() bool { return time.Since(stopped) > gone }, "time passes")
			if away(resend, evaluation, hold) < gone {
				m.eventually(resolved, "an end is told that is none")
				return
			}
			p = start()
			defer func() { require.NoError(t, p.Stop()) }()
			// By now, what was said before has run out.
			m.eventually(func() bool { return time.Since(stopped) > 4*resend+2*time.Second }, "time passes")
			require.False(t, resolved())
		})
	}
}
