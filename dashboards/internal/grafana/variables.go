package grafana

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// The names of the variables.
const (
	varMetrics  = "datasource"
	varTraces   = "tracing"
	varLogs     = "logs"
	varCluster  = query.LabelCluster
	varPlace    = query.LabelNamespace
	varPod      = query.LabelPod
	varJob      = "job"
	varInstance = "instance"
	varRunner   = names.LabelRunner
	varCallback = names.LabelCallback
	varSlow     = "slow"
	varQueue    = names.LabelQueue
)

// The matchers that the variables are used by. There is one job at a time: it
// is the service that traces and logs are looked up by. It may run in several
// clusters and namespaces; where series have no such labels, all of them match.
const (
	matchCluster  = `cluster=~"$cluster"`
	matchPlace    = `namespace=~"$namespace"`
	matchJob      = `job="$job"`
	matchPod      = `pod=~"$pod"`
	matchInstance = `instance=~"$instance"`
	matchRunner   = `runner=~"$runner"`
	matchCallback = `callback=~"$callback"`
	matchQueue    = `queue=~"$queue"`
)

// eachInstance tells instances apart, as PromQL lists labels.
var eachInstance = query.Told(varInstance)

// What a legend ends with, so that two places of one name differ. Who has no such
// labels sees nothing there.
const (
	ofPlace    = " {{namespace}} {{cluster}}"
	ofInstance = " {{pod}}" + ofPlace
)

// rateInterval is Grafana's: four scrapes at least, more when zoomed out.
const rateInterval = "$__rate_interval"

// variables are defined in the order they are given.
func (b *board) variables(which ...string) {
	for _, name := range which {
		if !b.stores.has(name) {
			continue
		}
		b.builder.WithVariable(b.variable(name))
	}
}

func (b *board) variable(name string) cog.Builder[dashboard.VariableModel] {
	switch name {
	case varMetrics:
		return source{"prometheus", "Prometheus", "Prometheus with the metrics and the recording rules of Afterglow"}.variable(name).
			Current(option(b.options.Datasource))
	case varTraces:
		return b.stores.traces.source().variable(name)
	case varLogs:
		return b.stores.logs.source().variable(name)
	case varCluster:
		return all(b.labelValues(name, "Cluster", "Label of the targets, or external label, if there is one",
			b.config.Selector(b.config.Metric(names.MetricBuildInfo))))
	case varPlace:
		return all(b.labelValues(name, "Namespace", "Label of the targets, or external label, if there is one",
			b.config.Selector(b.config.Metric(names.MetricBuildInfo), matchCluster)))
	case varJob:
		return b.labelValues(name, "Job", "The service: Prometheus' job, which is also service.name of its traces and logs",
			b.config.Selector(b.config.Metric(names.MetricBuildInfo), matchCluster, matchPlace))
	case varPod:
		return all(b.labelValues(name, "Pod", "Label of the targets in Kubernetes, if there is one",
			b.ofService().Series(names.MetricBuildInfo)))
	case varSlow:
		return dashboard.NewCustomVariableBuilder(name).Label("Slower than").Description("The least duration of the traces on Its slow traces").
			Values(dashboard.StringOrMap{String: ptr(strings.Join(durations, ","))}).Options(options(durations, "1s")).Current(option("1s"))
	case varInstance:
		return all(b.labelValues(name, "Instance", "Process of the service",
			b.ofService().With(matchPod).Series(names.MetricBuildInfo)))
	case varRunner:
		return all(b.labelValues(name, "Runner", "runner.Config.Name, or durable.Config.Name",
			b.ofService().With(b.modes()...).Series(names.MetricWorkers)))
	case varQueue:
		return all(b.labelValues(name, "Queue", "Queue in the store of durable tasks",
			b.ofService().With(matchRunner).Series(names.MetricDurableTasks)))
	default:
		v := b.labelValues(varCallback, "Callback", "Name of a callback, or of a durable task",
			b.ofService().With(matchRunner).With(b.modes()...).Series(names.MetricAsked))
		if b.uid == uidCallback {
			return v // one at a time
		}
		return all(v)
	}
}

// modes matches what the dashboard is about.
func (b *board) modes() []string {
	if b.uid == uidDurable {
		return []string{query.Durable}
	}
	return nil
}

// variable chooses a data source of the kind.
func (s source) variable(name string) *dashboard.DatasourceVariableBuilder {
	return dashboard.NewDatasourceVariableBuilder(name).Label(s.label).Type(s.kind).Description(s.description)
}

// labelValues is a variable of the values that the label of its name has.
func (b *board) labelValues(name, label, description, selector string) *dashboard.QueryVariableBuilder {
	expr := "label_values(" + selector + ", " + name + ")"
	return dashboard.NewQueryVariableBuilder(name).Label(label).Description(description).
		Datasource(ref("prometheus", varMetrics)).
		Query(dashboard.StringOrMap{Map: map[string]any{"query": expr, "refId": "PrometheusVariableQueryEditor-VariableQuery"}}).
		Definition(expr).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortAlphabeticalAsc)
}

// all lets a variable stand for several values, and for all at first.
func all(v *dashboard.QueryVariableBuilder) *dashboard.QueryVariableBuilder {
	every := dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}}
	text := dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}}
	return v.Multi(true).IncludeAll(true).AllValue(".*").
		Current(dashboard.VariableOption{Selected: ptr(true), Text: text, Value: every})
}

// durations are what slow traces may be slower than.
var durations = []string{"100ms", "500ms", "1s", "5s", "10s", "30s"}

func options(values []string, chosen string) []dashboard.VariableOption {
	all := make([]dashboard.VariableOption, len(values))
	for i, v := range values {
		all[i] = option(v)
		all[i].Selected = ptr(v == chosen)
	}
	return all
}

func option(s string) dashboard.VariableOption {
	v := dashboard.StringOrArrayOfString{String: &s}
	return dashboard.VariableOption{Selected: ptr(true), Text: v, Value: v}
}

// The scopes of the dashboards' queries: by whom a metric is told apart.

// ofService is for metrics of all processes.
func (b *board) ofService() query.Scope {
	return b.config.In(rateInterval, matchCluster, matchPlace, matchJob)
}

// ofJob is for metrics of the processes that are chosen.
func (b *board) ofJob() query.Scope { return b.ofService().With(matchPod, matchInstance) }

// ofRunner is for metrics of a runner.
func (b *board) ofRunner() query.Scope { return b.ofJob().With(matchRunner) }

// ofCallback is for metrics of a callback.
func (b *board) ofCallback() query.Scope { return b.ofRunner().With(matchCallback) }

// recorded is for recorded series, which know no instance.
func (b *board) recorded() query.Scope { return b.ofService().With(matchRunner) }
