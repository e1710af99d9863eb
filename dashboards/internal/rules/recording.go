package rules

import (
	"fmt"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// withinASecond selects the bucket of what started within a second. Prometheus
// 3 writes 1.0 where the text format, and Prometheus 2, have 1.
const withinASecond = `le=~"1|1\\.0"`

// Recording returns the recording rules.
func Recording(q query.Config, o Options) ([]Group, error) {
	w, err := newWriter(q, o)
	if err != nil {
		return nil, err
	}
	traffic := Group{Name: "afterglow-traffic", Rules: []Rule{
		{Record: q.RecordedOutcomes(), Expr: w.sum(w.rate("5m", names.MetricCallbacks), "runner", "callback", "outcome")},
		// Three hours of it must be there: the burst of a first deploy is not steady.
		{Record: q.RecordedSteady(), Expr: w.sum(fmt.Sprintf("quantile_over_time(0.1, %s[%s]) and %[1]s offset %[3]s",
			w.succeeded(), w.window("3h"), w.history("3h")), "runner", "callback")},
	}}
	errors := budget{
		name: "afterglow-error-budget", share: q.ErrorBudget(), all: q.RecordedCounted(), bad: q.RecordedBad(), burn: q.RecordedBurn,
		fast: Rule{Record: q.RecordedFastBurn(), Expr: w.fastBurn()},
		rateAll: func(d string) string {
			return w.sum(w.rate(d, names.MetricCallbacks, query.CountedOutcomes()), "runner")
		},
		rateBad: func(d string) string {
			return w.sum(w.rate(d, names.MetricCallbacks, query.BadOutcomes()), "runner")
		},
	}
	latency := budget{
		name: "afterglow-latency-budget", share: q.LatencyBudget(), all: q.RecordedStarts(), bad: q.RecordedLate(), burn: q.RecordedLatencyBurn,
		fast: Rule{Record: q.RecordedLatencyFastBurn(), Expr: w.burns(q.RecordedLatencyBurn, fastBurn, "1h", "5m")},
		rateAll: func(d string) string {
			return w.sum(w.rate(d, names.MetricQueueWait+"_count", query.InProcess), "runner")
		},
		rateBad: func(d string) string { // what is not among those in time; reading rounds may differ by a hair
			return fmt.Sprintf("clamp_min(%s - %s, 0)",
				w.sum(w.rate(d, names.MetricQueueWait+"_count", query.InProcess), "runner"),
				w.sum(w.rate(d, names.MetricQueueWait+"_bucket", query.InProcess, withinASecond), "runner"))
		},
	}
	return tidy([]Group{traffic, w.burn(errors), w.burn(latency)})
}

// budget is one that burns: a share of all that may be bad.
type budget struct {
	name, share      string
	all, bad         string // what is recorded of each, per second over 5 minutes
	burn             func(window string) string
	rateAll, rateBad func(window string) string
	fast             Rule // records where it burns fast
}

// burn records how fast a budget burns over every window. The long windows are
// means of what is recorded over 5 minutes: that weighs the traffic as the
// counters do, and reads one series of a runner instead of three days of all.
func (w writer) burn(b budget) Group {
	g := Group{Name: b.name, Rules: []Rule{
		{Record: b.all, Expr: b.rateAll("5m")},
		{Record: b.bad, Expr: b.rateBad("5m")},
	}}
	for _, window := range query.BurnWindows() {
		var bad, all string
		switch d := duration(window); {
		case d == duration("5m"):
			bad, all = w.q.Selector(b.bad), w.q.Selector(b.all)
		case d <= duration("1h"): // at once, not as late as a mean of means would see it
			bad, all = b.rateBad(window), b.rateAll(window)
		default:
			bad, all = w.over("avg", b.bad, window), w.over("avg", b.all, window)
		}
		g.Rules = append(g.Rules, Rule{Record: b.burn(window), Expr: ratio(bad, all) + " / " + b.share})
	}
	g.Rules = append(g.Rules, b.fast)
	return g
}

// ratio has no value where there is nothing to be a share of.
func ratio(part, whole string) string { return fmt.Sprintf("%s / (%s > 0)", part, whole) }

// sum keeps the labels given, and those that tell one job from another.
func (w writer) sum(expr string, labels ...string) string {
	return fmt.Sprintf("sum by (%s) (%s)", w.q.Labels(labels...), expr)
}

// rate is that of a counter of the telemetry package, per second.
func (w writer) rate(window, metric string, matchers ...string) string {
	return fmt.Sprintf("rate(%s[%s])", w.q.Selector(w.q.Metric(metric), matchers...), w.window(window))
}

// increase is how much a counter of the telemetry package has grown.
func (w writer) increase(window, metric string, matchers ...string) string {
	return fmt.Sprintf("increase(%s[%s])", w.q.Selector(w.q.Metric(metric), matchers...), w.window(window))
}

// before is a function of a range, which ends so long ago: when compressed, long
// enough for two of the least ranges to have a pause between them.
func (w writer) before(ago, call string) string {
	offset := model.Duration(w.compress(duration(ago), 2*leastWindow))
	return strings.TrimSuffix(call, ")") + " offset " + offset.String() + ")"
}

// over is a function over the past of a recorded series.
func (w writer) over(function, recorded, window string) string {
	return fmt.Sprintf("%s_over_time(%s[%s])", function, w.q.Selector(recorded), w.window(window))
}
