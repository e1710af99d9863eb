package rules

import (
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
	summary, description string

	// For and keep_firing_for; each rule says why. No For is longer than two minutes.
	// When Prometheus restarts, For begins anew, and Alertmanager takes an alert for
	// resolved that it has not heard of for four minutes, one of which may have passed
	// before the restart. That leaves a minute for the restart. What must last longer
	// is asked of the samples, which outlive it: min_over_time and the like.
	hold, keep string

	// The dashboard that shows more, by uid, the panel of it to look at first,
	// and the labels of the alert that fill its variables of the same names.
	// There is no panel where none could show anything.
	dashboard, panel string
	labels           []string

	culprit string // a query for the callback to blame, which fills the variable callback
	since   string // how long before its start the link shows; "": an hour
}

// The uids of the dashboards.
const (
	overview = "afterglow-overview"
	callback = "afterglow-callback"
	slo      = "afterglow-slo"
	runtime  = "afterglow-runtime"
	durable  = "afterglow-durable"
)

// Alerts returns the alerts.
func Alerts(q query.Config, o Options) ([]Group, error) {
	w, err := newWriter(q, o)
	if err != nil {
		return nil, err
	}
	if w.boards, err = readBoards(q, o.Dashboards); err != nil {
		return nil, err
	}
	var groups []Group
	for _, g := range w.alerts() {
		group, err := w.group(g.name, g.alerts)
		if err != nil {
			return nil, err
		}
		groups = append(groups, group)
	}
	return tidy(groups)
}

// Notifying lists the alerts that notify a person.
func Notifying(q query.Config, o Options) ([]string, error) {
	w, err := newWriter(q, o)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, g := range w.alerts() {
		for _, a := range g.alerts {
			if a.severity != None {
				all = append(all, a.name)
			}
		}
	}
	return all, nil
}

// groupOf is a group of alerts of the runbook.
type groupOf struct {
	name   string
	alerts []alert
}

func (w writer) alerts() []groupOf {
	return []groupOf{
		{"afterglow-slo", w.budgetAlerts()},
		{"afterglow-lost-work", w.lossAlerts()},
		{"afterglow-queue", append(w.queueAlerts(), w.placesAlerts()...)},
		{"afterglow-callbacks", w.callbackAlerts()},
		{"afterglow-durable", w.durableAlerts()},
		{"afterglow-telemetry", w.telemetryAlerts()},
	}
}

func (w writer) group(name string, alerts []alert) (Group, error) {
	g := Group{Name: name}
	for _, a := range alerts {
		a.panel = w.panel(a)
		link, err := w.link(a)
		if err != nil {
			return g, err
		}
		if a.panel != "" {
			a.description += " Panel: " + a.panel + "."
		}
		a.description = strings.ReplaceAll(a.description, "{{ $labels.instance }}", alertInstance)
		r := Rule{
			Alert:  a.name,
			Expr:   a.expr,
			Labels: map[string]string{"severity": a.severity},
			Annotations: map[string]string{
				"summary":       a.summary,
				"description":   a.description,
				"runbook_url":   w.o.RunbookURL + "#" + strings.ToLower(a.name),
				"dashboard_url": link,
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
	return g, nil
}

// Labels of alerts, as their links want them.
var (
	ofRunner   = []string{"job", "runner"}
	ofCallback = []string{"job", "runner", "callback"}
	ofInstance = []string{"job", "instance", "runner"}
)

// all joins conditions on the same labels. The value is that of the first.
func all(conditions ...string) string { return strings.Join(conditions, " and ") }
