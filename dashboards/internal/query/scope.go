package query

import (
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// Scope writes expressions over series that certain matchers select. Rates are
// taken over its window.
type Scope struct {
	config   Config
	window   string
	matchers []string
}

// In is a scope with a window, such as 5m, and with matchers written as PromQL,
// such as `runner="mail"`.
func (c Config) In(window string, matchers ...string) Scope {
	return Scope{config: c, window: window, matchers: matchers}
}

// With is the scope with further matchers.
func (s Scope) With(matchers ...string) Scope {
	s.matchers = append(append([]string(nil), s.matchers...), matchers...)
	return s
}

// Over is the scope with another window.
func (s Scope) Over(window string) Scope {
	s.window = window
	return s
}

// Series selects a metric of the telemetry package.
func (s Scope) Series(metric string) string {
	return s.config.Selector(s.config.Metric(metric), s.matchers...)
}

// Foreign selects a metric that has its own name: a recorded one, or one that
// something else exposes.
func (s Scope) Foreign(metric string) string { return s.config.Selector(metric, s.matchers...) }

// Rate is the sum of a counter's rates per second by these labels.
func (s Scope) Rate(metric string, by ...string) string {
	return aggregate("sum", by, "rate("+s.Series(metric)+"["+s.window+"])")
}

// Increase is the sum of a counter's increases over the window by these labels.
func (s Scope) Increase(metric string, by ...string) string {
	return aggregate("sum", by, "increase("+s.Series(metric)+"["+s.window+"])")
}

// Sum of a gauge by these labels.
func (s Scope) Sum(metric string, by ...string) string {
	return aggregate("sum", by, s.Series(metric))
}

// Max of a gauge by these labels.
func (s Scope) Max(metric string, by ...string) string {
	return aggregate("max", by, s.Series(metric))
}

// Peak is the maximum of a gauge over the window by these labels: it shows a
// value that was scraped once, wherever a panel's steps fall.
func (s Scope) Peak(metric string, by ...string) string {
	return aggregate("max", by, "max_over_time("+s.Series(metric)+"["+s.window+"])")
}

// Buckets are the rates of a classic histogram's buckets by these labels.
func (s Scope) Buckets(metric string, by ...string) string {
	return s.Rate(metric+"_bucket", append([]string{"le"}, by...)...)
}

// Quantile of a classic histogram by these labels.
func (s Scope) Quantile(q float64, metric string, by ...string) string {
	return "histogram_quantile(" + strconv.FormatFloat(q, 'g', -1, 64) + ", " + s.Buckets(metric, by...) + ")"
}

func aggregate(op string, by []string, expr string) string {
	if len(by) > 0 {
		op += " by (" + Told(by...) + ") "
	}
	return op + "(" + expr + ")"
}

// Told are labels that tell series apart, as PromQL lists them. An instance is told by
// its cluster, namespace and pod too: two clusters may have instances of the same name.
// So may their stores have queues of the same name.
func Told(by ...string) string {
	var all []string
	switch {
	case slices.Contains(by, model.InstanceLabel):
		all = append(all, LabelCluster, LabelNamespace, LabelPod)
	case slices.Contains(by, names.LabelQueue):
		all = append(all, LabelCluster, LabelNamespace)
	}
	for _, l := range by {
		if !slices.Contains(all, l) {
			all = append(all, l)
		}
	}
	return strings.Join(all, ", ")
}
