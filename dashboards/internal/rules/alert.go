package rules

import (
	"fmt"
	"strings"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

// The severities, which decide where Alertmanager sends an alert.
const (
	// Critical: somebody must act now, at night too. Promised work is not done.
	Critical = "critical"
	// Warning: somebody should look in working hours.
	Warning = "warning"
	// None: not for people. It feeds a dead man's switch.
	None = "none"
)

// alert is an alert of the runbook before its links and durations are known.
type alert struct {
	name, severity       string
	expr                 string
	hold, keep           string // for and keep_firing_for; each rule says why
	summary, description string

	// The dashboard that shows more, by uid, the panel of it to look at first,
	// and the labels of the alert that fill its variables of the same names.
	// There is no panel where none could show anything.
	dashboard, panel string
	labels           []string
}

// The uids of the dashboards.
const (
	overview = "afterglow-overview"
	callback = "afterglow-callback"
	slo      = "afterglow-slo"
	runtime  = "afterglow-runtime"
)

// Alerts returns the alerts.
func Alerts(q query.Config, o Options) ([]Group, error) {
	w, err := newWriter(q, o)
	if err != nil {
		return nil, err
	}
	return tidy([]Group{
		w.group("afterglow-slo", w.budgetAlerts()),
		w.group("afterglow-lost-work", w.lossAlerts()),
		w.group("afterglow-queue", append(w.queueAlerts(), w.placesAlerts()...)),
		w.group("afterglow-callbacks", w.callbackAlerts()),
		w.group("afterglow-telemetry", w.telemetryAlerts()),
	})
}

func (w writer) group(name string, alerts []alert) Group {
	g := Group{Name: name}
	for _, a := range alerts {
		if a.panel != "" {
			a.description += " Panel: " + a.panel + "."
		}
		r := Rule{
			Alert:  a.name,
			Expr:   a.expr,
			Labels: map[string]string{"severity": a.severity},
			Annotations: map[string]string{
				"summary":       a.summary,
				"description":   a.description,
				"runbook_url":   w.o.RunbookURL + "#" + strings.ToLower(a.name),
				"dashboard_url": w.link(a.dashboard, a.labels),
			},
		}
		if a.hold != "" {
			r.For = w.hold(a.hold)
		}
		if a.keep != "" {
			r.KeepFiringFor = w.hold(a.keep)
		}
		g.Rules = append(g.Rules, r)
	}
	return g
}

// link leads to a dashboard that shows what the alert is about.
func (w writer) link(uid string, labels []string) string {
	url := strings.TrimRight(w.o.DashboardURL, "/") + "/d/" + uid
	vars := make([]string, len(labels))
	for i, l := range labels {
		vars[i] = fmt.Sprintf("var-%s={{ $labels.%s | urlquery }}", l, l)
	}
	if len(vars) > 0 {
		url += "?" + strings.Join(vars, "&")
	}
	return url
}

// Labels of alerts, as their links want them.
var (
	ofRunner   = []string{"job", "runner"}
	ofCallback = []string{"job", "runner", "callback"}
	ofInstance = []string{"job", "instance", "runner"}
)

// all joins conditions on the same labels. The value is that of the first.
func all(conditions ...string) string { return strings.Join(conditions, " and ") }
