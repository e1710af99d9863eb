package query

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/afterglow-go/afterglow/runner"
)

// DefaultPrefix is what the names of the telemetry package start with.
const DefaultPrefix = "afterglow"

// Config says how the metrics are found and what is promised of them. Make it
// with [New].
type Config struct {
	prefix     string // of the metrics' names
	matchers   []*labels.Matcher
	slo        float64
	latencySLO float64
}

// Options are what a user may choose. The zero value is not usable: see
// [DefaultOptions].
type Options struct {
	// MetricPrefix is what the metrics' names start with instead of afterglow,
	// for those who prefix or relabel them.
	MetricPrefix string

	// Matcher is added to every selector, such as `cluster="eu",env=~"prod.*"`.
	// Recorded series keep its labels, which must be those of targets: every
	// series of a process has them.
	Matcher string

	// SLO is the share of callbacks that must not end badly, between 0 and 1.
	SLO float64

	// LatencySLO is the share of callbacks that must start within a second of
	// being due, between 0 and 1.
	LatencySLO float64
}

// DefaultOptions are those that the committed files are generated with.
func DefaultOptions() Options {
	return Options{MetricPrefix: DefaultPrefix, SLO: 0.999, LatencySLO: 0.99}
}

var prefix = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// New checks o.
func New(o Options) (Config, error) {
	c := Config{prefix: o.MetricPrefix, slo: o.SLO, latencySLO: o.LatencySLO}
	if !prefix.MatchString(o.MetricPrefix) {
		return c, fmt.Errorf("metric prefix %q cannot start the name of a metric", o.MetricPrefix)
	}
	for name, v := range map[string]float64{"slo": o.SLO, "latency slo": o.LatencySLO} {
		if !(v > 0 && v < 1) { // also refuses NaN
			return c, fmt.Errorf("%s %v is not between 0 and 1: use a share, such as 0.999", name, v)
		}
	}
	var err error
	c.matchers, err = parseMatcher(o.Matcher)
	return c, err
}

// SLO is the share of callbacks that must not end badly.
func (c Config) SLO() float64 { return c.slo }

// LatencySLO is the share of callbacks that must start within a second.
func (c Config) LatencySLO() float64 { return c.latencySLO }

// ErrorBudget is the share of callbacks that may end badly, as PromQL.
func (c Config) ErrorBudget() string { return budget(c.slo) }

// LatencyBudget is the share of callbacks that may start late, as PromQL.
func (c Config) LatencyBudget() string { return budget(c.latencySLO) }

// budget is 1 - slo without the noise of binary fractions.
func budget(slo float64) string {
	return strconv.FormatFloat(1-slo, 'g', 12, 64)
}

// Metric is a name of the telemetry package, with the prefix.
func (c Config) Metric(name string) string {
	return c.prefix + strings.TrimPrefix(name, DefaultPrefix)
}

// Selector selects the series of a metric, of the telemetry package or
// recorded, with matchers written as PromQL, such as `runner="mail"`.
func (c Config) Selector(metric string, matchers ...string) string {
	all := make([]string, 0, len(c.matchers)+len(matchers))
	for _, m := range c.matchers {
		all = append(all, m.String())
	}
	all = append(all, matchers...)
	if len(all) == 0 {
		return metric
	}
	return metric + "{" + strings.Join(all, ", ") + "}"
}

// The labels that say where a process runs. Targets and external labels often
// carry them. A sum without them would add one namespace's runner to that of
// another whose job has the same name.
const (
	LabelCluster   = "cluster"
	LabelNamespace = "namespace"
	LabelPod       = "pod" // what people call an instance in Kubernetes, where its address says little
)

// Labels are what an aggregation keeps: cluster, namespace, the labels of the
// configured matchers, job, and those given. `sum by (` + c.Labels("runner") + `)`.
// An instance keeps its pod.
// A label that the series do not have is empty on both sides of a comparison, so
// nothing changes for those who have neither.
func (c Config) Labels(names ...string) string {
	all := []string{LabelCluster, LabelNamespace}
	for _, m := range c.matchers {
		all = append(all, m.Name)
	}
	all = append(all, "job")
	if slices.Contains(names, model.InstanceLabel) {
		all = append(all, LabelPod)
	}
	all = append(all, names...)
	return strings.Join(unique(all), ", ")
}

// EqualLabels are the labels of the configured matchers that name one value,
// which is all that absent() can tell of what it misses.
func (c Config) EqualLabels() []string {
	var names []string
	for _, m := range c.matchers {
		if m.Type == labels.MatchEqual {
			names = append(names, m.Name)
		}
	}
	return unique(names)
}

func unique(names []string) []string {
	seen := make(map[string]bool)
	var kept []string
	for _, n := range names {
		if !seen[n] {
			seen[n] = true
			kept = append(kept, n)
		}
	}
	return kept
}

// Good are the outcomes that keep the promise, bad those that break it. What
// was skipped or coalesced was not asked to run, so it is neither.
var (
	good = []runner.Outcome{runner.OutcomeSuccess}
	bad  = []runner.Outcome{
		runner.OutcomeError, runner.OutcomePanic, runner.OutcomeTimeout, runner.OutcomeCanceled,
		runner.OutcomeRejected, runner.OutcomeDropped, runner.OutcomeAbandoned,
	}
)

// BadOutcomes matches the outcomes that spend the error budget.
func BadOutcomes() string { return outcomes(bad) }

// CountedOutcomes matches the outcomes that the error budget is a share of.
func CountedOutcomes() string { return outcomes(append(good, bad...)) }

func outcomes(of []runner.Outcome) string {
	names := make([]string, len(of))
	for i, o := range of {
		names[i] = o.String()
	}
	return `outcome=~"` + strings.Join(names, "|") + `"`
}
