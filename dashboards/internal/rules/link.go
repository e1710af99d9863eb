package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// leastBefore is what a link shows before the start of an alert, even compressed.
const leastBefore = 5 * time.Minute

// instead are the panels to look at where nobody keeps logs or traces.
var instead = map[string]string{
	"Its failures' logs": "When it failed",
	"Its slow traces":    "Run time against timeout",
}

// panel is the one of its dashboard that an alert leads to.
func (w writer) panel(a alert) string {
	if other, ok := instead[a.panel]; ok && w.boards[a.dashboard].panels[a.panel] == 0 {
		return other
	}
	return a.panel
}

// link leads to the panel that shows what the alert is about, from a while before
// the alert's start until now: an engineer who reads it the next morning still sees
// how it began.
func (w writer) link(a alert) (string, error) {
	b, known := w.boards[a.dashboard]
	if !known {
		return "", fmt.Errorf("%s: no dashboard has the uid %s", a.name, a.dashboard)
	}
	url := strings.TrimRight(w.o.DashboardURL, "/") + "/d/" + a.dashboard
	if a.panel == "" {
		return url, nil
	}
	var parts []string
	var places string // where the job runs, if its series say so: a dashboard shows all places without
	for _, l := range w.labels(slices.DeleteFunc(slices.Clone(a.labels), func(l string) bool { return l == model.JobLabel })...) {
		switch {
		case !b.variables[l]:
		case l == query.LabelCluster || l == query.LabelNamespace || l == query.LabelPod:
			places += fmt.Sprintf("{{ with $labels.%s }}&var-%[1]s={{ . | urlquery }}{{ end }}", l)
		default:
			parts = append(parts, fmt.Sprintf("var-%s={{ $labels.%[1]s | urlquery }}", l))
		}
	}
	var blamed string // nothing if nobody is to blame: an empty variable shows nothing at all
	if a.culprit != "" {
		if !b.variables[names.LabelCallback] {
			return "", fmt.Errorf("%s: dashboard %s has no variable %s", a.name, a.dashboard, names.LabelCallback)
		}
		blamed = w.lookup(a.culprit, "var-"+names.LabelCallback+"={{ .Labels.callback | urlquery }}&")
	}
	id, known := b.panels[a.panel]
	if !known {
		return "", fmt.Errorf("%s: dashboard %s has no panel %q", a.name, a.dashboard, a.panel)
	}
	parts = append(parts, fmt.Sprintf("%sviewPanel=%d", blamed, id), "from="+w.from(a), "to=now")
	return url + "?" + strings.Join(parts, "&") + places, nil
}

// from is a template of the time at which a link's range begins, in milliseconds.
// Prometheus keeps when an alert began; in the first evaluation, it begins now.
func (w writer) from(a alert) string {
	since := a.since
	if since == "" {
		since = "1h"
	}
	began := fmt.Sprintf("ALERTS_FOR_STATE{alertname=%q, %s}", a.name, strings.Join(w.same(a.labels...), ", "))
	query := fmt.Sprintf("(min(%s) or vector(time())) - %v", began, w.compress(duration(since), leastBefore).Seconds())
	return w.lookup(query, `{{ printf "%.0f000" .Value }}`)
}
