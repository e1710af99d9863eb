package operator_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-jsonnet"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards/internal/format"
)

// evaluated is what jsonnet makes of a text beside the mixin.
func evaluated(t *testing.T, text string) (found map[string]any) {
	t.Helper()
	dir := t.TempDir()
	for path, content := range written(t, format.Mixin, format.DefaultOptions()) {
		file := filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o700))
		require.NoError(t, os.WriteFile(file, content, 0o600))
	}
	vm := jsonnet.MakeVM()
	vm.Importer(&jsonnet.FileImporter{JPaths: []string{filepath.Join(dir, "mixin")}})
	out, err := vm.EvaluateAnonymousSnippet("main.jsonnet", text)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(out), &found))
	return found
}

func TestTheMixinEvaluatesToWhatTheFilesHave(t *testing.T) {
	found := evaluated(t, `
		local mixin = import 'mixin.libsonnet';
		{ boards: mixin.grafanaDashboards, alerts: mixin.prometheusAlerts, rules: mixin.prometheusRules }
	`)
	boards := found["boards"].(map[string]any)
	require.Len(t, boards, 5)
	files := written(t, format.Files, format.DefaultOptions())
	for _, name := range []string{"overview", "callback", "slo", "runtime", "durable"} {
		got, err := json.Marshal(boards["afterglow-"+name+".json"])
		require.NoError(t, err)
		require.JSONEq(t, string(files["grafana/"+name+".json"]), string(got), name)
	}
	objects := written(t, format.PrometheusRule, format.DefaultOptions())
	for key, file := range map[string]string{"alerts": "alerts", "rules": "recording-rules"} {
		spec := decoded[map[string]any](t, objects["kubernetes/"+file+".yaml"])["spec"]
		require.Equal(t, spec, found[key])
	}
}

// A user adds the mixin to others, and can change it.
func TestTheMixinIsAddedToOthersAndCanBeChanged(t *testing.T) {
	found := evaluated(t, `
		local other = { grafanaDashboards+:: { 'other.json': {} }, prometheusAlerts+:: { groups+: [{ name: 'other' }] } };
		local mine = { grafanaDashboards+:: { 'afterglow-slo.json'+: { title: 'Shop / SLO' } } };
		local all = other + (import 'mixin.libsonnet') + mine;
		{ boards: std.objectFields(all.grafanaDashboards), first: all.prometheusAlerts.groups[0].name,
		  count: std.length(all.prometheusAlerts.groups), title: all.grafanaDashboards['afterglow-slo.json'].title }
	`)
	require.Equal(t, []any{"afterglow-callback.json", "afterglow-durable.json", "afterglow-overview.json", "afterglow-runtime.json", "afterglow-slo.json", "other.json"}, found["boards"])
	require.Equal(t, "other", found["first"])
	require.InDelta(t, 7, found["count"], 0)
	require.Equal(t, "Shop / SLO", found["title"])
}
