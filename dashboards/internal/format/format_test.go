package format_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/dashboards/internal/format"
	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
	"github.com/afterglow-go/afterglow/internal/tool"
)

type object = map[string]any

// content is that of the defaults, with receivers of somebody else's Alertmanager.
func content(t *testing.T, receivers map[string]string) format.Content {
	t.Helper()
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	r := rules.DefaultOptions()
	r.Receivers = receivers
	c, err := format.New(q, grafana.DefaultOptions(), r)
	require.NoError(t, err)
	return c
}

func write(t *testing.T, name string, o format.Options) map[string][]byte {
	t.Helper()
	files, err := content(t, nil).Write(name, o)
	require.NoError(t, err)
	return files
}

// command runs a tool, and returns what it says.
func command(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	path, err := tool.Binary(t.Context(), name, os.Stderr)
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}

func read(t *testing.T, text []byte) (o object) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal(text, &o))
	return o
}

// groupsOf are the rules of a format, as a file of Prometheus.
func groupsOf(t *testing.T, name string) map[string]any {
	t.Helper()
	files := write(t, name, format.DefaultOptions())
	found := make(map[string]any)
	switch name {
	case format.Files:
		found["recording"], found["alerts"] = read(t, files["prometheus/recording.rules.yml"]), read(t, files["prometheus/alerts.rules.yml"])
	case format.PrometheusRule:
		for file, key := range map[string]string{"recording-rules": "recording", "alerts": "alerts"} {
			found[key] = read(t, files["kubernetes/"+file+".yaml"])["spec"]
		}
	case format.Mixin:
		for file, key := range map[string]string{"rules": "recording", "alerts": "alerts"} {
			var o object
			require.NoError(t, json.Unmarshal(files["mixin/"+file+".json"], &o))
			found[key] = o
		}
	}
	return found
}

func TestPrometheusTakesTheRulesOfEachFormatAndTheyAreTheSame(t *testing.T) {
	want := groupsOf(t, format.Files)
	for _, name := range []string{format.Files, format.PrometheusRule, format.Mixin} {
		dir := t.TempDir()
		found := groupsOf(t, name)
		require.Equal(t, want, found, name)
		for key, groups := range found {
			text, err := json.Marshal(groups) // which is YAML, too
			require.NoError(t, err)
			path := filepath.Join(dir, key+".yml")
			require.NoError(t, os.WriteFile(path, text, 0o600))
			out, err := command(t, "promtool", "check", "rules", path)
			require.NoError(t, err, "%s: %s", name, out)
			require.Contains(t, out, "SUCCESS: ")
		}
	}
}

// kubectl apply keeps a copy of an object in an annotation of it.
const mostAnnotations = 256 << 10

func TestEachDashboardIsAConfigMapThatTheSidecarReadsAndIsSmallEnough(t *testing.T) {
	o := format.DefaultOptions()
	o.Namespace, o.Folder, o.Labels = "monitoring", "Shop", map[string]string{"team": "shop"}
	files := write(t, format.ConfigMap, o)
	want := write(t, format.Files, o)
	require.Len(t, files, 5)
	keys := make(map[string]bool)
	for path, text := range files {
		board := strings.TrimSuffix(strings.TrimPrefix(path, "kubernetes/dashboard-"), ".yaml")
		m := read(t, text)
		require.Equal(t, object{
			"name": "afterglow-dashboard-" + board, "namespace": "monitoring",
			"labels":      object{"app.kubernetes.io/part-of": "afterglow", "grafana_dashboard": "1", "team": "shop"},
			"annotations": object{"grafana_folder": "Shop"},
		}, m["metadata"])
		require.Equal(t, "ConfigMap", m["kind"])
		data := m["data"].(object)
		require.Len(t, data, 1)
		for key, value := range data {
			require.False(t, keys[key], "the sidecar writes all into one directory")
			keys[key] = true
			require.JSONEq(t, string(want["grafana/"+board+".json"]), value.(string), path)
			require.Less(t, len(value.(string)), 1<<20, "the limit of a ConfigMap")
		}
		inJSON, err := json.Marshal(m)
		require.NoError(t, err)
		require.Less(t, len(inJSON), mostAnnotations, "%s: kubectl apply keeps no copy of it; say so, or make it smaller", path)
	}
}

func TestTheObjectsOfTheOperatorAreSmallEnoughForKubectlApply(t *testing.T) {
	for path, text := range write(t, format.PrometheusRule, format.DefaultOptions()) {
		inJSON, err := json.Marshal(read(t, text))
		require.NoError(t, err)
		require.Less(t, len(inJSON), mostAnnotations, path)
	}
}

// To YAML 1.1 a bare = is a type of its own, and some parsers refuse it.
func TestNoTextOfAnObjectIsABareEqualsSign(t *testing.T) {
	bare := regexp.MustCompile(`(?m)[:-] =\s*$`)
	require.Regexp(t, bare, "matchType: =\n")
	for path, text := range write(t, format.PrometheusRule, format.DefaultOptions()) {
		require.NotRegexp(t, bare, string(text), path)
	}
	require.Contains(t, string(write(t, format.PrometheusRule, format.DefaultOptions())["kubernetes/alertmanagerconfig.yaml"]), `matchType: "="`)
}

func TestTheMonitorIsOfPodsOrOfServicesOrNone(t *testing.T) {
	o := format.DefaultOptions()
	o.Selector, o.Port, o.Cluster = map[string]string{"app": "shop"}, "http-ops", "eu"
	files := make(map[string][]string)
	for _, kind := range []string{format.MonitorPods, format.MonitorServices, format.MonitorNone} {
		o.Monitor = kind
		written := write(t, format.PrometheusRule, o)
		files[kind] = slices.DeleteFunc(slices.Sorted(maps.Keys(written)), func(path string) bool { return !strings.Contains(path, "monitor") })
		for _, path := range files[kind] {
			spec := read(t, written[path])["spec"].(object)
			require.Equal(t, "app.kubernetes.io/name", spec["jobLabel"], "the job is service.name of traces and logs")
			require.Equal(t, object{"matchLabels": object{"app": "shop"}}, spec["selector"])
			text := string(written[path])
			require.Contains(t, text, "- port: http-ops\n      path: /metrics\n")
			require.Contains(t, text, "- targetLabel: cluster\n          replacement: eu\n")
		}
	}
	require.Equal(t, map[string][]string{
		"pod": {"kubernetes/podmonitor.yaml"}, "service": {"kubernetes/servicemonitor.yaml"}, "none": {},
	}, files, "with both, each process would be counted twice")
}

func TestOptionsThatKubernetesWouldRefuseAreRefused(t *testing.T) {
	for says, change := range map[string]func(*format.Options){
		"use the name of a namespace":  func(o *format.Options) { o.Namespace = "My Namespace" },
		"use pod, service or none":     func(o *format.Options) { o.Monitor = "probe" },
		"or * alone":                   func(o *format.Options) { o.Namespaces = []string{"*", "shop"} },
		"use names of namespaces":      func(o *format.Options) { o.Namespaces = []string{"shop/x"} },
		"no labels select":             func(o *format.Options) { o.Selector = nil },
		"the port is empty":            func(o *format.Options) { o.Port = "" },
		"Kubernetes takes letters":     func(o *format.Options) { o.Labels = map[string]string{"team": "a b"} },
		"label _x=1: Kubernetes takes": func(o *format.Options) { o.Selector = map[string]string{"_x": "1"} },
	} {
		o := format.DefaultOptions()
		change(&o)
		_, err := content(t, nil).Write(format.PrometheusRule, o)
		require.ErrorContains(t, err, says)
	}
	_, err := content(t, nil).Write("helm", format.DefaultOptions())
	require.EqualError(t, err, `format "helm": use files, prometheusrule, configmap, mixin`)
}

// The same job in two namespaces, with one runner and one callback. In one of them, all of
// its callbacks panic.
const twoNamespaces = `
rule_files: [recording.yml, alerts.yml]
evaluation_interval: 30s
tests:
  - interval: 30s
    input_series:
      - {series: 'afterglow_build_info{namespace="prod", job="shop", pod="shop-1", instance="10.0.0.1:8081", version="v1", goversion="go1.26"}', values: 1x40}
      - {series: 'afterglow_build_info{namespace="staging", job="shop", pod="shop-2", instance="10.0.0.2:8081", version="v1", goversion="go1.26"}', values: 1x40}
      - {series: 'afterglow_callbacks_total{namespace="prod", job="shop", pod="shop-1", instance="10.0.0.1:8081", runner="default", callback="order.email", outcome="panic"}', values: 0x40}
      - {series: 'afterglow_callbacks_total{namespace="staging", job="shop", pod="shop-2", instance="10.0.0.2:8081", runner="default", callback="order.email", outcome="panic"}', values: 0+%dx40}
      - {series: 'afterglow_callbacks_total{namespace="prod", job="shop", pod="shop-1", instance="10.0.0.1:8081", runner="default", callback="order.email", outcome="success"}', values: 0+30x40}
      - {series: 'afterglow_callbacks_total{namespace="staging", job="shop", pod="shop-2", instance="10.0.0.2:8081", runner="default", callback="order.email", outcome="success"}', values: 0+30x40}
    promql_expr_test:
      - expr: count by (namespace) (ALERTS{alertname="AfterglowPanics", alertstate="firing"})
        eval_time: 15m
        exp_samples: [%s]
      - expr: runner:afterglow_callbacks_bad:rate5m > 0
        eval_time: 15m
        exp_samples: [%s]
`

func TestTwoNamespacesWithOneJobAreKeptApartByTheRulesOfEachFormat(t *testing.T) {
	for _, name := range []string{format.Files, format.PrometheusRule, format.Mixin} {
		dir := t.TempDir()
		for key, groups := range groupsOf(t, name) {
			text, err := json.Marshal(groups) // which is YAML, too
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(dir, key+".yml"), text, 0o600))
		}
		for panics, c := range map[int][2]string{
			3: {`{labels: '{namespace="staging"}', value: 1}`, `{labels: 'runner:afterglow_callbacks_bad:rate5m{namespace="staging", job="shop", runner="default"}', value: 0.1}`},
			0: {},
		} {
			path := filepath.Join(dir, "test.yml")
			require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, twoNamespaces, panics, c[0], c[1]), 0o600))
			out, err := command(t, "promtool", "test", "rules", path)
			require.NoError(t, err, "%s: %s", name, out)
		}
	}
}
