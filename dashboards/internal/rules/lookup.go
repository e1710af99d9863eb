package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// mark stands in a query for the value that a label of the alert has.
var mark = regexp.MustCompile(`"<<(\w+)>>"`)

// same matches what has these labels as the alert has them, and the labels that
// tell one job from another. The query must be looked up with [writer.lookup].
func (w writer) same(labels ...string) []string {
	var matchers []string
	for _, l := range w.labels(slices.DeleteFunc(slices.Clone(labels), func(l string) bool { return l == model.JobLabel })...) {
		matchers = append(matchers, fmt.Sprintf(`%s="<<%[1]s>>"`, l))
	}
	return matchers
}

// lookup is a template that asks a query when the alert is evaluated, and says text
// of its first series. It says nothing if the query finds none.
func (w writer) lookup(query, text string) string {
	var args strings.Builder
	for _, m := range mark.FindAllStringSubmatch(query, -1) {
		args.WriteString(" $labels." + m[1])
	}
	format := mark.ReplaceAllString(strings.ReplaceAll(query, "%", "%%"), "%q")
	quoted := "`" + format + "`"
	if strings.Contains(format, "`") {
		quoted = strconv.Quote(format)
	}
	return "{{ with printf " + quoted + args.String() + " | query }}{{ with first . }}" + text + "{{ end }}{{ end }}"
}

// most is a query for the series of an expression that has most of their sum, with
// its share.
func most(expr string) string { return fmt.Sprintf("topk(1, %s > 0) / scalar(sum(%[1]s))", expr) }

// culprit is a query for the callback and the outcome that spend most of a runner's
// error budget lately.
func (w writer) culprit(window string) string {
	failing := w.q.Selector(w.q.RecordedOutcomes(), append(w.same("runner"), query.BadOutcomes())...)
	if window != "5m" {
		failing = fmt.Sprintf("avg_over_time(%s[%s])", failing, w.window(window))
	}
	return most(failing)
}

// saysCulprit names the callback and the outcome.
func (w writer) saysCulprit(query string) string {
	return w.lookup(query, " Most of what fails ({{ .Value | humanizePercentage }}): callback {{ .Labels.callback }}, outcome {{ .Labels.outcome }}.")
}

// An instance has an address, which says little in Kubernetes, and there a pod.
const (
	byInstance    = query.LabelPod + ", " + model.InstanceLabel
	foundInstance = "{{ .Labels.instance }}{{ with .Labels.pod }} ({{ . }}){{ end }}"
	alertInstance = "{{ $labels.instance }}{{ with $labels.pod }} ({{ . }}){{ end }}"
)

// worst names the instance that has most of the increase of a counter, of which the
// alert has these labels.
func (w writer) worst(window, metric string, labels []string, matchers ...string) string {
	grown := fmt.Sprintf("sum by (%s) (%s)", byInstance, w.increase(window, metric, append(w.same(labels...), matchers...)...))
	return w.lookup(most(grown), " Worst instance: "+foundInstance+", with {{ .Value | humanizePercentage }} of them.")
}

// busiest names the callback that takes most of the workers' time.
func (w writer) busiest(labels ...string) string {
	return w.lookup(w.takesMost(labels...), " Callback {{ .Labels.callback }} takes most of the workers' time ({{ .Value | humanizePercentage }}).")
}

// takesMost is a query for the callback that takes most of the workers' time: of what
// has ended in the last five minutes, or of what has ended before, if nothing has.
func (w writer) takesMost(labels ...string) string {
	var windows []string
	for _, window := range []string{"5m", "1h", "6h"} {
		windows = append(windows, "("+most(fmt.Sprintf("sum by (%s) (%s)", names.LabelCallback,
			w.rate(window, names.MetricCallbackDuration+"_sum", w.same(labels...)...)))+")")
	}
	return strings.Join(windows, " or on () ")
}
