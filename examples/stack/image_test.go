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
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/internal/tool"
)

// The images are of the versions that the tests run, where these have a number
// of their own.
func TestTheImagesAreWhatTheTestsRun(t *testing.T) {
	project := loadCompose(t)
	version := func(tool, module string) string {
		m := regexp.MustCompile(`(?m)^\s(?:github\.com/` + module + `) v(\S+)`).FindStringSubmatch(readFile(t, "tools/"+tool+"/go.mod"))
		require.NotNil(t, m, module)
		return m[1]
	}
	require.Equal(t, "prom/alertmanager:v"+version("alertmanager", "prometheus/alertmanager"), project.Services["alertmanager"].Image)
	m := regexp.MustCompile(`^0\.(\d)(\d\d)\.(\d+)$`).FindStringSubmatch(version("prometheus", "prometheus/prometheus")) // 0.313.5 of the module is 3.13.5
	require.NotNil(t, m)
	require.Equal(t, fmt.Sprintf("prom/prometheus:v%s.%s.%s-busybox", m[1], m[2], m[3]), project.Services["prometheus"].Image)
	require.Regexp(t, `^postgres:15\.\d+$`, project.Services["postgres"].Image, "as in Debian")
	require.Contains(t, readFile(t, "docker-compose.yml"), project.Services["jaeger"].Image+" # tests run v"+version("jaeger", "jaegertracing/jaeger")+" of its module",
		"Jaeger has another number as a module: the file says which one is tested")
}

// A check that cannot run keeps its container unhealthy for ever, and each that
// waits for it from starting. These are the images that have the program in
// them, in every version that a test above allows.
func TestEachHealthCheckIsAProgramOfItsImage(t *testing.T) {
	has := map[string][]string{ // by image: programs
		"afterglow-shop":       {"/shop", "/alerts"},
		"prom/prometheus":      {"wget"}, // -busybox
		"prom/alertmanager":    {"wget"},
		"grafana/grafana":      {"wget"},
		"jaegertracing/jaeger": {"wget"},
		"grafana/loki":         {"/usr/bin/loki"}, // with -health, since 3.6.5
		"axllent/mailpit":      {"/mailpit"},
		"postgres":             {"pg_isready"},
	}
	for _, service := range loadCompose(t).Services {
		image, _, _ := strings.Cut(service.Image, ":")
		require.Contains(t, has[image], service.HealthCheck.Test[1], service.Name)
	}
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
	for _, m := range regexp.MustCompile(`(?m)^COPY ([\w/]+) [\w/]+$`).FindAllStringSubmatch(file, -1) {
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
			isInside := func(folder string) bool { return strings.HasPrefix(filepath.ToSlash(inside)+"/", folder+"/") }
			require.True(t, slices.ContainsFunc(copied, isInside), "%s is copied", inside)
		}
	}

	dir := t.TempDir()
	require.Equal(t, "-trimpath -ldflags='-s -w'", build[2])
	args := []string{"-C", build[1], "build", "-ldflags=-s -w"} // -trimpath would have all of it compiled anew
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
	ports, err := tool.FreePorts(4)
	require.NoError(t, err)
	start := func(service types.ServiceConfig, program, ready string, args ...string) {
		process, err := tool.Start(t.Context(), tool.Command{
			Path: filepath.Join(dir, program), Args: append(onThisMachine(t, service, t.TempDir()), args...), Ready: ready,
		})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, process.Stop()) })
	}
	at := func(i int) string { return "127.0.0.1:" + ports[i] }
	dsn := pgtest.DSN(t)
	start(project.Services["shop"], "shop", "http://"+at(1)+"/readyz", "-addr", at(0), "-ops", at(1), "-linger", "0s", "-durable", dsn, "-smtp", "")
	start(project.Services["worker1"], "shop", "http://"+at(3)+"/readyz", "-ops", at(3), "-linger", "0s", "-durable", dsn, "-smtp", "")
	start(project.Services["alerts"], "alerts", "http://"+at(2)+"/healthz", "-addr", at(2))
	for service, flag := range map[string]string{"shop": "-ops=" + at(1), "worker2": "-ops=" + at(3), "alerts": "-addr=" + at(2)} {
		test := project.Services[service].HealthCheck.Test
		check := exec.CommandContext(t.Context(), filepath.Join(dir, test[1]), append([]string{flag}, test[len(test)-1])...)
		out, err := check.CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	load := exec.CommandContext(t.Context(), filepath.Join(dir, "load"), "-url=http://"+at(0), "-n=5") // docker compose exec shop /load
	out, err = load.CombinedOutput()
	require.NoError(t, err, "%s", out)

	resp, err := http.Get("http://" + at(1) + "/metrics")
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	http.DefaultClient.CloseIdleConnections()
}
