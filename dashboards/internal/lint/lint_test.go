package lint_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/lint"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

var uids = []string{"afterglow-overview", "afterglow-callback", "afterglow-slo", "afterglow-runtime", "afterglow-durable"}

// boards are all dashboards of these files.
func boards(t *testing.T, files map[string][]byte) []lint.Board {
	t.Helper()
	var all []lint.Board
	for name, text := range files {
		if strings.HasSuffix(name, ".json") {
			b, err := lint.NewBoard(text)
			require.NoError(t, err)
			all = append(all, b)
		}
	}
	require.Len(t, all, len(uids))
	return all
}

// exposed is what a program exposes whose runner has run a callback and has
// been shut down, with the metrics of its process.
func exposed(t *testing.T) (ours, all lint.Catalog) {
	t.Helper()
	registry := client.NewPedanticRegistry()
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: noop.NewTracerProvider(), Registerer: registry, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	require.NoError(t, err)
	require.NoError(t, r.Go(t.Context(), "a", func(context.Context) error { return nil }))
	_, err = r.Shutdown(t.Context())
	require.NoError(t, err)
	require.NoError(t, tel.ObserveDurable(durableBooks{}))
	ours = lint.NewCatalog(gather(t, registry))

	registry.MustRegister(
		collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsScheduler)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	all = lint.NewCatalog(gather(t, registry))
	// Prometheus makes these itself.
	for _, name := range []string{"up", "ALERTS", "ALERTS_FOR_STATE"} {
		all[name] = dto.MetricType_GAUGE
	}
	// OpenTelemetry's instrumentation of an HTTP server does.
	all["http_server_request_duration_seconds"] = dto.MetricType_HISTOGRAM
	return ours, all
}

func gather(t *testing.T, g client.Gatherer) []*dto.MetricFamily {
	t.Helper()
	families, err := g.Gather()
	require.NoError(t, err)
	return families
}

// generated returns the files that are generated with these options. They are generated once for all tests.
func generated(t *testing.T, o query.Options, g grafana.Options) (dashboards map[string][]byte, rulesText string) {
	t.Helper()
	key := fmt.Sprintf("%+v %+v", o, g)
	if _, known := kept[key]; !known {
		var files generatedFiles
		files.dashboards, files.rules = generateFiles(t, o, g)
		kept[key] = files
	}
	return maps.Clone(kept[key].dashboards), kept[key].rules
}

// kept are the generated files, by their options. No test runs in parallel.
var kept = make(map[string]generatedFiles)

type generatedFiles struct {
	dashboards map[string][]byte
	rules      string
}

func generateFiles(t *testing.T, o query.Options, g grafana.Options) (dashboards map[string][]byte, rulesText string) {
	t.Helper()
	q, err := query.New(o)
	require.NoError(t, err)
	alerts, err := rules.Alerts(q, rules.DefaultOptions())
	require.NoError(t, err)
	for _, group := range alerts {
		for _, r := range group.Rules {
			g.Alerts = append(g.Alerts, r.Alert)
		}
	}
	dashboards, err = grafana.Files(q, g)
	require.NoError(t, err)
	files, err := rules.Files(q, rules.DefaultOptions())
	require.NoError(t, err)
	for name, text := range files {
		if strings.HasSuffix(name, ".rules.yml") {
			rulesText += string(text)
		}
	}
	return dashboards, rulesText
}

var recordLine = regexp.MustCompile(`(?m)^\s*- record: (\S+)$`)

func recorded(rulesText string) []string {
	var series []string
	for _, m := range recordLine.FindAllStringSubmatch(rulesText, -1) {
		series = append(series, m[1])
	}
	return series
}

func TestTheDashboardsHaveNoFaults(t *testing.T) {
	_, catalog := exposed(t)
	files, rulesText := generated(t, query.DefaultOptions(), grafana.DefaultOptions())
	series := recorded(rulesText)
	require.NotEmpty(t, series)
	seen := make(map[string]bool)
	for name, text := range files {
		if !strings.HasSuffix(name, ".json") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			require.Empty(t, catalog.Dashboard(text, series, boards(t, files)))
		})
		var d dashboard.Dashboard
		require.NoError(t, json.Unmarshal(text, &d))
		require.False(t, seen[*d.Uid], "uid %s is there twice", *d.Uid)
		seen[*d.Uid] = true
	}
	for _, uid := range uids {
		require.True(t, seen[uid], "no dashboard has the uid %s, which alerts link to", uid)
	}
}

func TestEveryExposedMetricIsUsedOnAPanelOrInARule(t *testing.T) {
	ours, _ := exposed(t)
	require.Contains(t, ours, names.MetricShutdownDuration, "the registry shows only a part")
	files, rulesText := generated(t, query.DefaultOptions(), grafana.DefaultOptions())
	used := rulesText
	for _, text := range files {
		for _, q := range queries(t, text) {
			used += "\n" + q
		}
	}
	for name := range ours {
		require.Regexp(t, `\b`+name+`(_bucket|_sum|_count)?\b`, used)
	}
}

// Without these a dashboard would say nothing of a metric that only alerts
// read, and an operator could not see why one fired.
func TestEveryExposedMetricIsOnADashboard(t *testing.T) {
	ours, _ := exposed(t)
	files, _ := generated(t, query.DefaultOptions(), grafana.DefaultOptions())
	used := make(map[string]bool)
	for _, text := range files {
		for _, q := range queries(t, text) {
			e, err := lint.Parse(q)
			require.NoError(t, err)
			for _, name := range lint.Metrics(e) {
				for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
					used[strings.TrimSuffix(name, suffix)] = true
				}
			}
		}
	}
	for name := range ours {
		require.True(t, used[name], "%s is on no panel", name)
	}
}

func TestTheRulesAskForWhatIsExposedOrRecorded(t *testing.T) {
	_, catalog := exposed(t)
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	files, err := rules.Files(q, rules.DefaultOptions())
	require.NoError(t, err)
	_, rulesText := generated(t, query.DefaultOptions(), grafana.DefaultOptions())
	series := recorded(rulesText)
	checked := 0
	for name, text := range files {
		if !strings.HasSuffix(name, ".rules.yml") {
			continue
		}
		var file struct {
			Groups []struct {
				Rules []struct{ Record, Alert, Expr string }
			}
		}
		require.NoError(t, yaml.Unmarshal(text, &file))
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				require.Empty(t, catalog.PromQL(lint.Query{Expr: r.Expr}, series), r.Record+r.Alert)
				checked++
			}
		}
	}
	require.Greater(t, checked, 20)
}

// queries lists every PromQL of a dashboard: of panels, annotations and
// variables. The provisioning file has none.
func queries(t *testing.T, text []byte) []string {
	t.Helper()
	plugins.RegisterDefaultPlugins() // or targets are of no known type
	var d dashboard.Dashboard
	if json.Unmarshal(text, &d) != nil {
		return nil
	}
	var all []string
	for _, p := range d.Panels {
		if p.Panel == nil {
			continue
		}
		for _, target := range p.Panel.Targets {
			if q, ok := target.(*prometheus.Dataquery); ok {
				all = append(all, q.Expr)
			}
		}
	}
	for _, a := range d.Annotations.List {
		all = append(all, *a.Expr)
	}
	for _, v := range d.Templating.List {
		if v.Definition != nil {
			selector, _, ok := strings.Cut(strings.TrimPrefix(*v.Definition, "label_values("), ", "+v.Name)
			require.True(t, ok, *v.Definition)
			all = append(all, selector)
		}
	}
	return all
}
