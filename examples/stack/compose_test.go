package main

import (
	"debug/elf"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/internal/tool"
)

const repository = "../.."

// loadCompose reads docker-compose.yml as docker compose does; keys that it
// does not know are errors.
func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join(repository, "docker-compose.yml")}, cli.WithWorkingDirectory(repository))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(b)
}

func TestTheComposeFileIsCompleteAndSafe(t *testing.T) {
	project := loadCompose(t)
	for _, service := range project.Services {
		t.Run(service.Name, func(t *testing.T) {
			_, tag, _ := strings.Cut(service.Image, ":")
			require.Regexp(t, `^(v?\d+\.\d+\.\d+|local)$`, tag, "a version, or built here")
			// Two builds of one image at a time make one of them fail.
			require.Equal(t, service.Name == "shop", service.Build != nil, "one service builds")
			require.Equal(t, service.Image == project.Services["shop"].Image, tag == "local", service.Image)

			require.NotNil(t, service.HealthCheck)
			require.Equal(t, "CMD", service.HealthCheck.Test[0], "without a shell: not all images have one")
			require.NotNil(t, service.HealthCheck.Interval)
			require.Positive(t, service.MemLimit)
			require.NotEmpty(t, service.Restart)
			require.False(t, service.Privileged)
			require.NotEqual(t, "host", service.NetworkMode)

			for _, port := range service.Ports {
				require.Equal(t, "127.0.0.1", port.HostIP, "%v", port)
			}
			for _, volume := range service.Volumes {
				if volume.Type == types.VolumeTypeBind {
					require.NotEmpty(t, filesBelow(t, volume.Source))
					require.True(t, volume.ReadOnly, "%s", volume.Source)
				} else {
					require.Contains(t, project.Volumes, volume.Source)
				}
			}
			for name, dependency := range service.DependsOn {
				require.Contains(t, project.Services, name)
				require.Equal(t, types.ServiceConditionHealthy, dependency.Condition, name)
			}
			for name, value := range service.Environment {
				require.NotRegexp(t, `(?i)password|secret|token`, name, "%v", value)
			}
		})
	}
}

// filesBelow lists the files of a directory, or the file itself.
func filesBelow(t *testing.T, path string) (files []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(path, func(file string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, file)
		}
		return err
	}))
	return files
}

// listens says on which ports each container listens, by its configuration or,
// where that says nothing, by what its program does.
func listens(t *testing.T, project *types.Project) map[string][]string {
	t.Helper()
	find := func(text, pattern string) []string {
		var ports []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			ports = append(ports, m[1])
		}
		require.NotEmpty(t, ports, pattern)
		return ports
	}
	flags := func(service string) string { return strings.Join(project.Services[service].Command, "\n") }
	return map[string][]string{
		"shop":         find(flags("shop"), `(?m)^-(?:addr|ops)=0\.0\.0\.0:(\d+)$`),
		"alerts":       find(flags("alerts"), `(?m)^-addr=0\.0\.0\.0:(\d+)$`),
		"jaeger":       find(readFile(t, jaegerFile), `_PORT:-(\d+)\}`),
		"loki":         find(readFile(t, "deploy/loki/loki.yaml"), `http_listen_port: (\d+)`),
		"prometheus":   {"9090"},
		"alertmanager": {"9093"},
		"grafana":      {"3000"},
		"mailpit":      {"1025", "8025"},
	}
}

var (
	address = regexp.MustCompile(`\b([a-z]+):(\d{4,5})\b`)
	local   = regexp.MustCompile(`(?:127\.0\.0\.1|localhost):(\d{4,5})`)
)

func TestTheContainersFindEachOther(t *testing.T) {
	project := loadCompose(t)
	ports := listens(t, project)
	text := make(map[string]string) // of what a container is given, by service
	for _, service := range project.Services {
		for _, port := range service.Ports {
			require.Contains(t, ports[service.Name], strconv.Itoa(int(port.Target)), "%s publishes a port on which it listens", service.Name)
		}
		check := local.FindStringSubmatch(strings.Join(service.HealthCheck.Test, " "))
		if check != nil {
			require.Contains(t, ports[service.Name], check[1], "%s is asked where it listens", service.Name)
		}
		given := strings.Join(service.Command, "\n")
		for _, value := range service.Environment {
			given += "\n" + *value
		}
		for _, volume := range service.Volumes {
			if volume.Type == types.VolumeTypeBind {
				for _, file := range filesBelow(t, volume.Source) {
					if name := filepath.ToSlash(file); !strings.Contains(name, "dashboards/grafana") && !strings.Contains(name, "/tests/") {
						b, err := os.ReadFile(file)
						require.NoError(t, err)
						given += "\n" + string(b)
					}
				}
			}
		}
		text[service.Name] = given
	}
	found := 0
	for name, given := range text {
		for _, m := range address.FindAllStringSubmatch(given, -1) {
			if m[1] == "localhost" {
				continue
			}
			require.Contains(t, ports[m[1]], m[2], "%s is told of %s", name, m[0])
			found++
		}
	}
	require.GreaterOrEqual(t, found, 10, "addresses are found at all")
	for name, needs := range map[string][]string{
		"shop": {"jaeger", "loki", "mailpit"}, "load": {"shop"}, "prometheus": {"shop", "alertmanager"},
		"alertmanager": {"alerts"}, "grafana": {"prometheus", "alertmanager", "jaeger", "loki"},
	} {
		for _, other := range needs {
			require.Contains(t, project.Services[name].DependsOn, other, name)
			if name != "load" {
				require.Contains(t, names(text[name]), other, "%s knows the address of %s", name, other)
			}
		}
	}
	require.Equal(t, "service:shop", project.Services["load"].NetworkMode, "load goes to its own machine only")
}

// names lists the hosts of the addresses in a text.
func names(text string) (hosts []string) {
	for _, m := range address.FindAllStringSubmatch(text, -1) {
		hosts = append(hosts, m[1])
	}
	return hosts
}

// The images are of the versions that the tests run, where these have a number
// of their own.
func TestTheImagesAreWhatTheTestsRun(t *testing.T) {
	project := loadCompose(t)
	version := func(module string) string {
		m := regexp.MustCompile(`(?m)^\s(?:github\.com/prometheus/` + module + `) v(\S+)`).FindStringSubmatch(readFile(t, "tools/"+module+"/go.mod"))
		require.NotNil(t, m, module)
		return m[1]
	}
	require.Equal(t, "prom/alertmanager:v"+version("alertmanager"), project.Services["alertmanager"].Image)
	m := regexp.MustCompile(`^0\.(\d)(\d\d)\.(\d+)$`).FindStringSubmatch(version("prometheus")) // 0.313.5 of the module is 3.13.5
	require.NotNil(t, m)
	require.Equal(t, fmt.Sprintf("prom/prometheus:v%s.%s.%s", m[1], m[2], m[3]), project.Services["prometheus"].Image)
}

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
		return len(targets.Data.ActiveTargets) == 1
	}, "Prometheus finds its targets")
	require.Equal(t, "http://shop:8081/metrics", targets.Data.ActiveTargets[0].ScrapeURL)

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

func TestGrafanaIsProvisionedWithWhatItsDashboardsNeed(t *testing.T) {
	grafana := loadCompose(t).Services["grafana"]
	var sources struct {
		Datasources []struct {
			Name, UID, Type string
			JSONData        map[string]any `yaml:"jsonData"`
			IsDefault       bool           `yaml:"isDefault"`
		}
	}
	text := readFile(t, "deploy/grafana/provisioning/datasources/datasources.yml")
	if strings.Contains(text, "matcherType: label") {
		require.Regexp(t, `:(11\.([5-9]|\d\d)|1[2-9]\.\d+)\.\d+$`, grafana.Image, "its matcherRegex is a regexp since 11.5")
	}
	require.NoError(t, yaml.Unmarshal([]byte(text), &sources))
	var uids, types []string
	for _, s := range sources.Datasources {
		uids, types = append(uids, s.UID), append(types, s.Type)
		require.Equal(t, s.Type == "prometheus", s.IsDefault, s.Name)
	}
	for _, m := range regexp.MustCompile(`datasourceUid: (\w+)`).FindAllStringSubmatch(text, -1) {
		require.Contains(t, uids, m[1])
	}
	for _, board := range dashboards(t) {
		for _, v := range board.Templating.List {
			if v.Type == "datasource" {
				require.Contains(t, types, v.Query, "%s: %s", board.UID, v.Name)
			}
		}
	}

	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	require.NoError(t, yaml.Unmarshal([]byte(readFile(t, "deploy/grafana/provisioning/dashboards/dashboards.yml")), &providers))
	require.Len(t, providers.Providers, 1)
	found, err := filepath.Glob(filepath.Join(mounted(t, grafana, providers.Providers[0].Options.Path), "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	home := mounted(t, grafana, *grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
	b, err := os.ReadFile(home)
	require.NoError(t, err)
	require.Contains(t, string(b), `"uid": "afterglow-overview"`)
}

// What the panels say of a job must hold for its spans and records, too.
func TestTheJobIsCalledAsTheService(t *testing.T) {
	m := regexp.MustCompile(`job_name: (\S+)`).FindAllStringSubmatch(readFile(t, prometheusFile), -1)
	require.Len(t, m, 1)
	require.Contains(t, readFile(t, "examples/shop/traces.go"), fmt.Sprintf("ServiceName:    %q", m[0][1]))
	require.Contains(t, readFile(t, "deploy/grafana/provisioning/datasources/datasources.yml"), fmt.Sprintf("service_name=%q", m[0][1]))
}

// The image cannot be built here, but all that its Dockerfile does can be.
func TestTheImageIsSmallStaticAndNobodysRoot(t *testing.T) {
	if testing.Short() {
		t.Skip("builds three programs")
	}
	file := readFile(t, "Dockerfile")
	for _, m := range regexp.MustCompile(`(?m)^FROM (\S+)`).FindAllStringSubmatch(file, -1) {
		require.Regexp(t, `^(golang:\d+\.\d+\.\d+-\w+|scratch)$`, m[1])
	}
	require.Regexp(t, `(?m)^USER [1-9]\d*:[1-9]\d*$`, file)
	require.Regexp(t, `(?m)^HEALTHCHECK .*CMD \["/shop", "-healthcheck"\]$`, file)

	build := regexp.MustCompile(`go -C (\S+) build (.*) -o /out/ (.*)`).FindStringSubmatch(file)
	require.NotNil(t, build)
	packages := strings.Fields(build[3])
	var copied []string
	for _, m := range regexp.MustCompile(`(?m)^COPY (\w+) \w+$`).FindAllStringSubmatch(file, -1) {
		copied = append(copied, m[1])
		require.Regexp(t, `(?m)^!`+m[1]+`$`, readFile(t, ".dockerignore"))
	}
	environment := append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	list := exec.CommandContext(t.Context(), "go", append([]string{"-C", build[1], "list", "-deps", "-f", "{{.Dir}}"}, packages...)...)
	list.Dir, list.Env = repository, environment
	out, err := list.Output()
	require.NoError(t, err)
	root, err := tool.Root()
	require.NoError(t, err)
	for dir := range strings.Lines(string(out)) {
		if inside, ok := strings.CutPrefix(strings.TrimSpace(dir), root+string(filepath.Separator)); ok {
			require.True(t, slices.Contains(copied, strings.SplitN(filepath.ToSlash(inside), "/", 2)[0]), "%s is copied", inside)
		}
	}

	dir := t.TempDir()
	args := append([]string{"-C", build[1], "build"}, strings.Fields(strings.ReplaceAll(build[2], "'-s -w'", "-s"))...)
	cmd := exec.CommandContext(t.Context(), "go", append(append(args, "-o", dir+"/"), packages...)...)
	cmd.Dir, cmd.Env = repository, environment
	said, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	for _, name := range []string{"shop", "load", "alerts"} {
		binary, err := elf.Open(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Nil(t, binary.Section(".interp"), "%s is static", name)
		require.NoError(t, binary.Close())
	}

	// The programs take the containers' commands, and answer their health checks.
	project := loadCompose(t)
	ports, err := tool.FreePorts(3)
	require.NoError(t, err)
	shop, alerts := project.Services["shop"], project.Services["alerts"]
	start := func(service types.ServiceConfig, ready string, args ...string) {
		process, err := tool.Start(t.Context(), tool.Command{
			Path: filepath.Join(dir, service.Name), Args: append(onThisMachine(t, service, t.TempDir()), args...), Ready: ready,
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, process.Stop()) })
	}
	at := func(i int) string { return "127.0.0.1:" + ports[i] }
	start(shop, "http://"+at(1)+"/readyz", "-addr", at(0), "-ops", at(1), "-linger", "0s")
	start(alerts, "http://"+at(2)+"/healthz", "-addr", at(2))
	for service, flag := range map[string]string{"shop": "-ops=" + at(1), "alerts": "-addr=" + at(2)} {
		test := project.Services[service].HealthCheck.Test
		check := exec.CommandContext(t.Context(), filepath.Join(dir, test[1]), append([]string{flag}, test[len(test)-1])...)
		out, err := check.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	load := exec.CommandContext(t.Context(), filepath.Join(dir, project.Services["load"].Entrypoint[0]),
		append(project.Services["load"].Command, "-url=http://"+at(0), "-n=5")...)
	out, err = load.CombinedOutput()
	require.NoError(t, err, "%s", out)

	resp, err := http.Get("http://" + at(1) + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	http.DefaultClient.CloseIdleConnections()
}
