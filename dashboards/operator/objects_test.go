package operator_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/afterglow-go/afterglow/dashboards/internal/format"
	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// written are the files of a format.
func written(t *testing.T, name string, o format.Options) map[string][]byte {
	t.Helper()
	q, err := query.New(query.DefaultOptions())
	require.NoError(t, err)
	c, err := format.New(q, grafana.DefaultOptions(), rules.DefaultOptions())
	require.NoError(t, err)
	files, err := c.Write(name, o)
	require.NoError(t, err)
	return files
}

// decoded is an object as its own type reads it. A field that the type does not have is an error.
func decoded[T any](t *testing.T, text []byte) T {
	t.Helper()
	var o T
	require.NoError(t, yaml.UnmarshalStrict(text, &o, yaml.DisallowUnknownFields), "%s", text)
	return o
}

func named() format.Options {
	o := format.DefaultOptions()
	o.Namespace, o.Cluster, o.Labels = "monitoring", "eu", map[string]string{"release": "kube-prometheus-stack"}
	return o
}

func TestTheOperatorReadsTheRules(t *testing.T) {
	files := written(t, format.PrometheusRule, named())
	count := 0
	for _, name := range []string{"recording-rules", "alerts"} {
		r := decoded[monitoringv1.PrometheusRule](t, files["kubernetes/"+name+".yaml"])
		require.Equal(t, "PrometheusRule", r.Kind)
		require.Equal(t, monitoringv1.SchemeGroupVersion.String(), r.APIVersion)
		require.Equal(t, "monitoring", r.Namespace)
		require.Equal(t, "kube-prometheus-stack", r.Labels["release"])
		require.NotEmpty(t, r.Spec.Groups)
		for _, g := range r.Spec.Groups {
			require.NotEmpty(t, g.Name)
			for _, rule := range g.Rules {
				require.NotEmpty(t, rule.Expr.String())
				require.NotEqual(t, rule.Alert == "", rule.Record == "")
				count++
			}
		}
	}
	require.Greater(t, count, 40)
}

func TestTheOperatorReadsTheMonitors(t *testing.T) {
	o := named()
	o.Namespaces = []string{"shop", "mail"}
	pods := decoded[monitoringv1.PodMonitor](t, written(t, format.PrometheusRule, o)["kubernetes/podmonitor.yaml"])
	require.Equal(t, "PodMonitor", pods.Kind)
	require.Equal(t, "ops", *pods.Spec.PodMetricsEndpoints[0].Port)
	require.Equal(t, "cluster", pods.Spec.PodMetricsEndpoints[0].RelabelConfigs[0].TargetLabel)
	require.Equal(t, "eu", *pods.Spec.PodMetricsEndpoints[0].RelabelConfigs[0].Replacement)
	require.Equal(t, o.Selector, pods.Spec.Selector.MatchLabels)
	require.True(t, *pods.Spec.ScrapeClassicHistograms)
	require.True(t, *pods.Spec.ScrapeNativeHistograms)
	require.Equal(t, monitoringv1.PrometheusProto, pods.Spec.ScrapeProtocols[0], "no other protocol has native histograms")
	require.Contains(t, pods.Spec.ScrapeProtocols, monitoringv1.OpenMetricsText1_0_0)

	require.Equal(t, monitoringv1.NamespaceSelector{MatchNames: []string{"shop", "mail"}}, pods.Spec.NamespaceSelector)

	o.Monitor, o.Namespaces = format.MonitorServices, []string{"*"}
	services := decoded[monitoringv1.ServiceMonitor](t, written(t, format.PrometheusRule, o)["kubernetes/servicemonitor.yaml"])
	require.Equal(t, "ServiceMonitor", services.Kind)
	require.Equal(t, "ops", services.Spec.Endpoints[0].Port)
	require.Equal(t, o.Selector, services.Spec.Selector.MatchLabels)
	require.True(t, services.Spec.NamespaceSelector.Any)
	require.True(t, *services.Spec.ScrapeClassicHistograms)
	require.True(t, *services.Spec.ScrapeNativeHistograms)
}

func TestTheMonitorsScrapeAsThePodMonitorOfTheExampleDoes(t *testing.T) {
	text, err := os.ReadFile("../../deploy/kubernetes/components/pod-monitor/podmonitor.yaml")
	require.NoError(t, err)
	example := decoded[monitoringv1.PodMonitor](t, text).Spec
	want := example.PodMetricsEndpoints[0]
	require.NotEmpty(t, want.Interval)
	require.NotEmpty(t, want.ScrapeTimeout)

	o := named()
	pods := decoded[monitoringv1.PodMonitor](t, written(t, format.PrometheusRule, o)["kubernetes/podmonitor.yaml"]).Spec
	require.Equal(t, want.Interval, pods.PodMetricsEndpoints[0].Interval)
	require.Equal(t, want.ScrapeTimeout, pods.PodMetricsEndpoints[0].ScrapeTimeout)
	require.Equal(t, example.ScrapeNativeHistograms, pods.ScrapeNativeHistograms)
	require.Equal(t, example.ScrapeClassicHistograms, pods.ScrapeClassicHistograms)

	o.Monitor = format.MonitorServices
	services := decoded[monitoringv1.ServiceMonitor](t, written(t, format.PrometheusRule, o)["kubernetes/servicemonitor.yaml"]).Spec
	require.Equal(t, want.Interval, services.Endpoints[0].Interval)
	require.Equal(t, want.ScrapeTimeout, services.Endpoints[0].ScrapeTimeout)
}

func TestTheOperatorReadsTheAlertmanagerConfig(t *testing.T) {
	c := decoded[monitoringv1alpha1.AlertmanagerConfig](t, written(t, format.PrometheusRule, named())["kubernetes/alertmanagerconfig.yaml"])
	require.Equal(t, "AlertmanagerConfig", c.Kind)
	require.Equal(t, monitoringv1alpha1.SchemeGroupVersion.String(), c.APIVersion)
	receivers := make(map[string]string) // their keys in the Secret
	for _, r := range c.Spec.Receivers {
		require.Len(t, r.WebhookConfigs, 1)
		require.Equal(t, "afterglow-webhooks", r.WebhookConfigs[0].URLSecret.Name)
		receivers[r.Name] = r.WebhookConfigs[0].URLSecret.Key
	}
	require.Equal(t, map[string]string{"afterglow-page": "page", "afterglow-ticket": "ticket", "afterglow-deadman": "deadman"}, receivers)
	require.Equal(t, []monitoringv1alpha1.Matcher{{Name: "alertname", Value: "Afterglow.+", MatchType: "=~"}}, c.Spec.Route.Matchers)
	below, err := c.Spec.Route.ChildRoutes()
	require.NoError(t, err)
	require.Len(t, below, 3)
	for _, r := range append(below, *c.Spec.Route) {
		require.Contains(t, receivers, r.Receiver)
		for _, m := range r.Matchers {
			require.NoError(t, m.Validate())
		}
	}
	// The children are JSON to the type of the route: here they are read strictly, too.
	for _, raw := range c.Spec.Route.Routes {
		decoded[monitoringv1alpha1.Route](t, raw.Raw)
	}
	require.Len(t, c.Spec.InhibitRules, 8)
	for _, i := range c.Spec.InhibitRules {
		for _, m := range append(slices.Clone(i.SourceMatch), i.TargetMatch...) {
			require.NoError(t, m.Validate())
			require.NotEmpty(t, m.MatchType)
		}
		require.True(t, strings.HasPrefix(i.SourceMatch[0].Value, "Afterglow") && i.SourceMatch[0].Name == "alertname")
		require.True(t, strings.HasPrefix(i.TargetMatch[0].Value, "Afterglow") && i.TargetMatch[0].Name == "alertname", "only ours are held back")
	}
}

func TestKubernetesReadsTheConfigMaps(t *testing.T) {
	files := written(t, format.ConfigMap, named())
	require.Len(t, files, 5)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		m := decoded[corev1.ConfigMap](t, files[path])
		require.Equal(t, "1", m.Labels["grafana_dashboard"])
		require.Len(t, m.Data, 1)
		for _, text := range m.Data {
			require.True(t, json.Valid([]byte(text)), path)
		}
	}
}

func TestAFieldThatATypeDoesNotHaveIsFound(t *testing.T) {
	text := string(written(t, format.PrometheusRule, named())["kubernetes/alerts.yaml"])
	wrong := strings.Replace(text, "keep_firing_for:", "keepFiringFor:", 1)
	require.NotEqual(t, text, wrong)
	var r monitoringv1.PrometheusRule
	require.ErrorContains(t, yaml.UnmarshalStrict([]byte(wrong), &r, yaml.DisallowUnknownFields), "keepFiringFor")
}
