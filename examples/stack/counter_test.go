package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// A callback that is asked for the first time, and panics, is exposed at 1 by
// the first scrape that shows it at all. That alone has increased by nothing.
func TestThePanicOfACallbackThatIsNewIsTold(t *testing.T) {
	if testing.Short() {
		t.Skip("the servers take minutes to build; make test builds them")
	}
	const feature = ",created-timestamp-zero-ingestion"
	for name, c := range map[string]struct {
		without string // of the container's command
		told    bool
	}{
		"as the container is started":               {told: true},
		"without the times at which counters began": {without: feature},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newProcess(t, runner.Config{})
			ts := startPrometheus(t, shop.address, func(arg string) string {
				if strings.HasPrefix(arg, "--enable-feature=") {
					require.Contains(t, arg, feature)
				}
				return strings.ReplaceAll(arg, c.without, "")
			})
			ts.eventually(func() bool { return len(ts.query(names.MetricBuildInfo)) == 1 }, "the process is scraped")
			require.NoError(t, shop.runner.Go(t.Context(), "order.email", func(context.Context) error { panic("new") }))
			ts.eventually(func() bool {
				return len(ts.query(names.MetricCallbacks+`{outcome="panic"} == 1`)) == 1
			}, "the panic is scraped")
			if c.told {
				ts.eventually(func() bool { return slices.Contains(ts.fired(), "AfterglowPanics") }, "the alert fires")
				return
			}
			ts.lasts(5)
			require.NotContains(t, ts.fired(), "AfterglowPanics")
		})
	}
}

const namesFolded = "AfterglowNamesFolded"

// No scenario has this alert: the shop's names are constants.
func TestTooManyNamesOfCallbacksAreTold(t *testing.T) {
	if testing.Short() {
		t.Skip("the servers take minutes to build; make test builds them")
	}
	t.Parallel()
	process := newProcess(t, runner.Config{MaxNames: 1})
	ts := startPrometheus(t, process.address, func(arg string) string { return arg })
	ask := func(name string) {
		require.NoError(t, process.runner.Go(t.Context(), name, func(context.Context) error { return nil }))
	}
	ask("order.email")
	ts.eventually(func() bool {
		return len(ts.query(names.MetricCallbacks+`{callback="order.email",outcome="success"} == 1`)) == 1
	}, "the first is scraped")
	ts.lasts(5)
	require.NotContains(t, ts.fired(), namesFolded)
	ask("order.email.7")
	ts.eventually(func() bool { return slices.Contains(ts.fired(), namesFolded) }, "the alert fires")
}

// process is one that has a runner and is scraped.
type process struct {
	runner  *runner.Runner
	address string
}

func newProcess(t *testing.T, config runner.Config) process {
	t.Helper()
	registry := prometheus.NewRegistry()
	tel, err := telemetry.New(telemetry.Config{Registerer: registry, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	config.Observers = []runner.Observer{tel.Observer()}
	r, err := runner.New(config)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := r.Shutdown(context.Background())
		require.NoError(t, err)
	})
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	t.Cleanup(server.Close)
	return process{r, strings.TrimPrefix(server.URL, "http://")}
}

// startPrometheus starts Prometheus with the command of its container, each
// argument changed, and the committed rules. It scrapes and evaluates once a second.
func startPrometheus(t *testing.T, target string, change func(arg string) string) *testStack {
	t.Helper()
	f, err := newFiles(t.TempDir(), compression, 0)
	require.NoError(t, err)
	require.NoError(t, f.prometheus())
	require.NoError(t, f.targets(shopTargets, []string{target}))
	require.NoError(t, f.targets(alertTargets, nil))
	rules := "dashboards/prometheus"
	require.NoError(t, os.CopyFS(f.path(rules), os.DirFS(filepath.Join(repository, rules))))
	service := loadCompose(t).Services["prometheus"]
	for i, v := range service.Volumes {
		service.Volumes[i].Source = strings.Replace(v.Source, f.root, f.dir, 1)
	}
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	args := []string{"--web.listen-address=127.0.0.1:" + ports[0]}
	for _, arg := range onThisMachine(t, service, t.TempDir()) {
		args = append(args, change(arg))
	}
	url := "http://127.0.0.1:" + ports[0]
	server, err := tool.Start(t.Context(), tool.Command{Name: "prometheus", Args: args, Ready: url + "/-/ready"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	return &testStack{
		stack: &stack{prometheusURL: url}, t: t, began: time.Now(),
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	}
}
