package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// onThisMachine turns a container's command into one for this machine: what is
// mounted is where it is mounted from, and what is kept goes to dir.
func onThisMachine(t *testing.T, service types.ServiceConfig, dir string) []string {
	t.Helper()
	var args []string
	for _, arg := range service.Command {
		for _, volume := range service.Volumes {
			target := dir
			if volume.Type == types.VolumeTypeBind {
				target = volume.Source
			}
			before, path, found := strings.Cut(arg, volume.Target)
			if found && (path == "" || path[0] == '/') {
				arg = before + target + path
				break
			}
		}
		args = append(args, arg)
	}
	return args
}

// mounted is the file of this repository that a container sees at a path.
func mounted(t *testing.T, service types.ServiceConfig, path string) string {
	t.Helper()
	for _, volume := range service.Volumes {
		if rest, found := strings.CutPrefix(path, volume.Target); found && volume.Type == types.VolumeTypeBind {
			file := volume.Source + rest
			_, err := os.Stat(file)
			require.NoError(t, err)
			return file
		}
	}
	require.Fail(t, "not mounted", "%s: %s", service.Name, path)
	return ""
}

func TestTheServersTakeWhatTheirContainersAreGiven(t *testing.T) {
	if testing.Short() {
		t.Skip("the servers take minutes to build; make test builds them")
	}
	project := loadCompose(t)
	check := func(name string, args ...string) {
		path, err := tool.Binary(t.Context(), name, os.Stderr)
		require.NoError(t, err)
		out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	check("promtool", "check", "config", "--lint=all", "--lint-fatal", filepath.Join(repository, prometheusFile))
	check("amtool", "check-config", filepath.Join(repository, alertmanagerFile))

	ports, err := tool.FreePorts(2)
	require.NoError(t, err)
	for i, name := range []string{"prometheus", "alertmanager"} {
		args := append(onThisMachine(t, project.Services[name], t.TempDir()), "--web.listen-address=127.0.0.1:"+ports[i])
		process, err := tool.Start(t.Context(), tool.Command{Name: name, Args: args, Ready: "http://127.0.0.1:" + ports[i] + "/-/ready"})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, process.Stop()) })
	}
	ts := &testStack{stack: &stack{prometheusURL: "http://127.0.0.1:" + ports[0]}, t: t, client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	var targets struct {
		Data struct {
			ActiveTargets []struct{ ScrapeURL string }
		}
	}
	ts.eventually(func() bool {
		ts.get(ts.prometheusURL+"/api/v1/targets", &targets)
		return len(targets.Data.ActiveTargets) == 3
	}, "Prometheus finds its targets")
	var urls []string
	for _, target := range targets.Data.ActiveTargets {
		urls = append(urls, target.ScrapeURL)
	}
	require.ElementsMatch(t, []string{"http://shop:8081/metrics", "http://worker1:8081/metrics", "http://worker2:8081/metrics"}, urls)

	// Alertmanager reads where to post to when it posts.
	var config struct {
		Receivers []struct {
			WebhookConfigs []struct {
				URLFile string `yaml:"url_file"`
			} `yaml:"webhook_configs"`
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, alertmanagerFile)), &config))
	require.Len(t, config.Receivers, len(receivers))
	for _, r := range config.Receivers {
		require.Len(t, r.WebhookConfigs, 1)
		url, err := os.ReadFile(mounted(t, project.Services["alertmanager"], r.WebhookConfigs[0].URLFile))
		require.NoError(t, err)
		require.Regexp(t, `^http://alerts:9095/`, string(url))
	}
}
