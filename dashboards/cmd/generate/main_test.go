package main

import (
	"bytes"
	"flag"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/dashboards"
	"github.com/afterglow-go/afterglow/internal/tool"
)

// generate runs the program and returns what it writes, by path.
func generate(t *testing.T, args ...string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, run(append([]string{"-out", dir}, args...), io.Discard))
	return files(t, os.DirFS(dir))
}

func files(t *testing.T, fsys fs.FS) map[string]string {
	t.Helper()
	found := make(map[string]string)
	require.NoError(t, fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, path)
		found[path] = string(text)
		return err
	}))
	return found
}

func TestTheEmbeddedFilesAreWhatTheDefaultsGenerate(t *testing.T) {
	written := generate(t)
	require.Equal(t, written, generate(t), "two runs differ")
	embedded := make(map[string]string)
	for _, fsys := range []fs.FS{dashboards.Grafana, dashboards.Prometheus, dashboards.Alertmanager} {
		for path, text := range files(t, fsys) {
			embedded[path] = text
		}
	}
	for path, text := range written {
		require.Equal(t, text, embedded[path], "%s: run go generate", path)
		delete(embedded, path)
	}
	require.Empty(t, embedded, "nobody generates these")
}

func TestEachFlagReachesTheFiles(t *testing.T) {
	plain := generate(t)
	overview, slo := "grafana/overview.json", "grafana/slo.json"
	provider := "grafana/provider.yml"
	recording, alerts, alertmanager := "prometheus/recording.rules.yml", "prometheus/alerts.rules.yml", "alertmanager/alertmanager.yml"
	for _, c := range []struct{ flag, value, file, contains string }{
		{"-datasource", "thanos", overview, `"value": "thanos"`},
		{"-matcher", `cluster="eu"`, overview, `afterglow_callbacks_total{cluster=\"eu\"`},
		{"-folder", "Shop", provider, "folder: Shop\n"},
		{"-metric-prefix", "jobs", overview, `jobs_callbacks_total{`},
		{"-slo", "0.95", slo, "95 % in 30 days"},
		{"-latency-slo", "0.95", slo, "95 % in 30 days"},
		{"-matcher", `cluster="eu"`, alerts, `afterglow_callbacks_total{cluster="eu",`},
		{"-metric-prefix", "jobs", alerts, `jobs_callbacks_total{`},
		{"-slo", "0.95", alerts, "95 % of the callbacks end well"},
		{"-latency-slo", "0.95", alerts, "95 % of the callbacks start within a second"},
		{"-runbook-url", "https://wiki/after", alerts, "runbook_url: https://wiki/after#afterglowpanics\n"},
		{"-runbook-url", "https://wiki/after", overview, `"url": "https://wiki/after#afterglowpanics"`},
		{"-dashboard-url", "https://grafana/", alerts, "dashboard_url: https://grafana/d/afterglow-overview\n"},
		{"-webhook-dir", "/run/hooks", alertmanager, "url_file: /run/hooks/page.url\n"},
		{"-receivers", "ticket=slack", "alertmanager/part.yml", "receiver: slack\n"},
		{"-traces", "tempo", overview, `"query": "tempo"`},
		{"-logs", "victorialogs", overview, `"query": "victoriametrics-logs-datasource"`},
		{"-log-selector", `{app="$job"}`, overview, `{app=\"$job\"} |~`},
		{"-may-be-silent", `report\..*|cleanup`, recording, `{callback!~"report\\..*|cleanup",outcome="success"} offset 3h`},
		{"-may-be-absent", `report|batch-.*`, alerts, `afterglow_build_info{job!~"report|batch-.*"}[1d]`},
		{"-may-be-absent", `report|batch-.*`, alerts, `up{job!~"report|batch-.*"}[5m]`},
		{"-compress", "300", alerts, "lost_total[5s]"},
		{"-compress", "300", alertmanager, "repeat_interval: 12s"},
	} {
		t.Run(c.flag, func(t *testing.T) {
			require.NotContains(t, plain[c.file], c.contains)
			require.Contains(t, generate(t, c.flag, c.value)[c.file], c.contains)
		})
	}
}

// Readers paste the example into a shell.
func TestTheCommandOfTheReadmeWorksWordByWord(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	commands := regexp.MustCompile("(?s)```sh\n(cd dashboards\ngo run ./cmd/generate.*?)```").FindAllStringSubmatch(string(readme), -1)
	require.Len(t, commands, 2)
	pasted := func(command string) map[string]string {
		dir := t.TempDir()
		require.Contains(t, command, "-out monitoring ")
		sh := exec.CommandContext(t.Context(), "sh", "-ec", strings.Replace(command, "-out monitoring ", "-out '"+dir+"' ", 1))
		sh.Dir, sh.Env = "../../..", append(os.Environ(), "GOFLAGS="+strings.Join(tool.BuildFlags(), " "))
		said, err := sh.CombinedOutput()
		require.NoError(t, err, "%s", said)
		return files(t, os.DirFS(dir))
	}
	objects := pasted(commands[1][1])
	require.Len(t, objects, 9)
	require.Contains(t, objects["kubernetes/podmonitor.yaml"], "  namespace: monitoring\n  labels:\n    app.kubernetes.io/part-of: afterglow\n    release: kube-prometheus-stack\n")
	require.Contains(t, objects["kubernetes/podmonitor.yaml"], "app.kubernetes.io/name: shop\n")
	require.Contains(t, objects["kubernetes/podmonitor.yaml"], "matchNames: [shop]\n")
	require.Contains(t, objects["kubernetes/dashboard-callback.yaml"], "resource.service.name")
	written := pasted(commands[0][1])
	require.Len(t, written, len(generate(t)))
	alerts := written["prometheus/alerts.rules.yml"]
	require.Contains(t, alerts, "dashboard_url: https://grafana.example.com/d/afterglow-callback?")
	require.Contains(t, alerts, "runbook_url: https://wiki.example.com/afterglow/runbook#afterglowpanics\n")
	require.Contains(t, alerts, `{cluster="eu",outcome="panic"}`)
	require.Contains(t, written["grafana/overview.json"], `"value": "thanos"`)
}

func TestWhatCannotBeUsedIsSaid(t *testing.T) {
	for _, args := range [][]string{
		{"-slo", "99.9"}, {"-slo", "0.5"}, {"-compress", "0"}, {"-may-be-silent", "report.(*"}, {"-runbook-url", ""}, {"-matcher", "cluster=eu"}, {"-metric-prefix", "a-b"},
		{"-datasource", ""}, {"-nonsense"}, {"more"}, {"-traces", "zipkin"}, {"-logs", "elastic"}, {"-log-selector", "app"}, {"-format", "helm"}, {"-format", "files,"},
		{"-receivers", "pagerduty"}, {"-receivers", "pager=x"}, {"-kube-labels", "a b=c"}, {"-kube-namespace", "A"}, {"-monitor", "probe"}, {"-merge", "/nonexistent"},
	} {
		var stderr bytes.Buffer
		dir := t.TempDir()
		require.Error(t, run(append([]string{"-out", dir}, args...), &stderr))
		require.Empty(t, files(t, os.DirFS(dir)), "nothing is half written")
	}
}

func TestTheOldNameOfAFlagIsToldWithTheNew(t *testing.T) {
	for _, args := range [][]string{{"-namespace", "jobs"}, {"--namespace=jobs"}} {
		err := run(append(args, "-out", t.TempDir()), io.Discard)
		require.ErrorContains(t, err, "-namespace is called -metric-prefix now")
		require.ErrorContains(t, err, `-matcher 'namespace="shop"'`)
		require.NotContains(t, err.Error(), "flag provided but not defined")
	}
}

func TestAConfigurationIsMergedAndLeftAsItIs(t *testing.T) {
	const theirs = "route:\n  receiver: slack\nreceivers:\n  - name: slack\n"
	file := filepath.Join(t.TempDir(), "alertmanager.yml")
	require.NoError(t, os.WriteFile(file, []byte(theirs), 0o600))
	merged := generate(t, "-merge", file, "-receivers", "page=slack")["alertmanager/merged.yml"]
	require.Contains(t, merged, "- name: slack\n")
	require.Contains(t, merged, "- name: afterglow-ticket\n")
	require.NotContains(t, merged, "afterglow-page")
	still, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, theirs, string(still))
}

func TestFormatsAreWrittenSideBySide(t *testing.T) {
	all := generate(t, "-format", "files, prometheusrule,configmap,mixin", "-monitor", "service", "-cluster", "eu", "-monitor-port", "web")
	for _, name := range []string{"files", "prometheusrule", "configmap", "mixin"} {
		for path := range generate(t, "-format", name, "-monitor", "service") {
			require.Contains(t, all, path)
			delete(all, path)
		}
	}
	require.Empty(t, all)
}

// The table of the README, and the help, have each flag.
func TestEachFlagIsInTheReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	var help bytes.Buffer
	require.ErrorIs(t, run([]string{"-h"}, &help), flag.ErrHelp)
	flags := regexp.MustCompile(`(?m)^  (-[a-z-]+) `).FindAllStringSubmatch(help.String(), -1)
	require.Greater(t, len(flags), 20)
	for _, m := range flags {
		require.Regexp(t, "(?m)^\\| [^|]*`"+m[1]+"`[^|]* \\|", string(readme))
	}
	for _, name := range []string{"files", "prometheusrule", "configmap", "mixin"} {
		require.Contains(t, help.String(), "  "+name)
		require.Contains(t, string(readme), "| `"+name+"` |")
	}
}

func TestHelpIsNoMistakeAndAMistakeIsToldOnceWithTheWayToHelp(t *testing.T) {
	var help bytes.Buffer
	require.ErrorIs(t, run([]string{"-h"}, &help), flag.ErrHelp)
	require.Contains(t, help.String(), "-datasource name")
	for _, args := range [][]string{{"-job", "shop"}, {"-slo", "0,995"}, {"shop"}} {
		var stderr bytes.Buffer
		require.ErrorContains(t, run(args, &stderr), "(-h lists the flags)")
		require.Empty(t, stderr.String(), "main tells it")
	}
}
