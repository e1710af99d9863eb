package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"html"
	"io"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/dashboards"
	"github.com/afterglow-go/afterglow/internal/tool"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// pages runs the program and returns what it writes, by the dashboard's name.
func pages(t *testing.T, args ...string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, run(t.Context(), append([]string{"-out", dir}, args...), io.Discard, io.Discard))
	written := make(map[string]string)
	for _, name := range []string{"overview", "callback", "slo", "runtime"} {
		page, err := os.ReadFile(filepath.Join(dir, name+".html"))
		require.NoError(t, err)
		written[name] = string(page)
	}
	return written
}

func TestWithoutAPrometheusEachPanelSaysWhatItAsks(t *testing.T) {
	for name, page := range pages(t) {
		text, err := fs.ReadFile(dashboards.Grafana, "grafana/"+name+".json")
		require.NoError(t, err)
		var b struct {
			Panels []struct{ Type, Title string }
		}
		require.NoError(t, json.Unmarshal(text, &b))
		panels := 0
		for _, p := range b.Panels {
			if p.Type != "row" {
				require.Contains(t, page, "<h2>"+html.EscapeString(p.Title)+"</h2>")
				panels++
			}
		}
		require.Equal(t, panels, strings.Count(page, `<div class="body"><code>`), name)
	}
}

func TestPanelsShowWhatPrometheusAnswers(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Prometheus")
	}
	base := monitored(t)
	var overview string
	require.Eventually(t, func() bool {
		overview = pages(t, "-prometheus", base, "-range", "1m", "-scrape", "1s")["overview"]
		return strings.Contains(overview, "50.00%")
	}, 30*time.Second, time.Second, "half of the callbacks fail")
	require.NotContains(t, overview, `class="failed"`, "Prometheus refuses no query")
	require.Contains(t, overview, "good: error</span>", "the legend of the callback that fails")
	require.Contains(t, overview, `</i>success</span>`)
}

func TestAnUnreachablePrometheusIsAnError(t *testing.T) {
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	var stderr bytes.Buffer
	require.Error(t, run(t.Context(), []string{"-out", t.TempDir(), "-prometheus", "http://127.0.0.1:" + ports[0]}, io.Discard, &stderr))
}

func TestTheDirectoryOfThePagesNeedNotExist(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "srv", "preview")
	require.NoError(t, run(t.Context(), []string{"-out", dir}, io.Discard, io.Discard))
	require.FileExists(t, filepath.Join(dir, "overview.html"))
}

func TestAMistakeSaysWhatToDoAndHelpIsNone(t *testing.T) {
	for _, c := range []struct{ flag, value, says string }{
		{"-prometheus", "localhost:9090", "write all of it, as in http://localhost:9090"},
		{"-in", t.TempDir(), "without -in"},
		{"-range", "0s", "use a duration above 0"},
		{"-scrape", "-15s", "use a duration above 0"},
		{"-range", "5", "-h lists the flags"},
		{"-grafana", "x", "-h lists the flags"},
	} {
		var stderr bytes.Buffer
		dir := t.TempDir()
		require.ErrorContains(t, run(t.Context(), []string{"-out", dir, c.flag, c.value}, io.Discard, &stderr), c.says)
		require.Empty(t, stderr.String(), "main tells it")
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	}
	var help bytes.Buffer
	require.ErrorIs(t, run(t.Context(), []string{"-h"}, io.Discard, &help), flag.ErrHelp)
	require.Contains(t, help.String(), "-prometheus URL")
}

// monitored starts a program whose runner always has something to do, half of
// which fails, and a Prometheus that scrapes it. It returns the latter's URL.
func monitored(t *testing.T) string {
	t.Helper()
	registry := prometheus.NewRegistry()
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: noop.NewTracerProvider(), Registerer: registry, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	require.NoError(t, err)
	program := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	t.Cleanup(func() {
		program.Close()
		_, err := r.Shutdown(context.WithoutCancel(t.Context()))
		require.NoError(t, err)
	})
	asked := make(chan struct{})
	t.Cleanup(func() { <-asked })
	go func() {
		defer close(asked)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-t.Context().Done():
				return
			case <-tick.C:
			}
			ends := func(err error) error {
				return r.Go(t.Context(), "good", func(context.Context) error { return err })
			}
			if err := errors.Join(ends(nil), ends(errors.New("no"))); err != nil && t.Context().Err() == nil {
				t.Error(err)
			}
		}
	}()

	at, err := url.Parse(program.URL)
	require.NoError(t, err)
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	rules, err := filepath.Abs("../../prometheus")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(config, []byte("global: {scrape_interval: 1s, evaluation_interval: 1s}\n"+
		"rule_files: ['"+filepath.ToSlash(rules)+"/*.rules.yml']\n"+
		"scrape_configs: [{job_name: program, static_configs: [{targets: ['"+at.Host+"']}]}]\n"), 0o600))
	ports, err := tool.FreePorts(1)
	require.NoError(t, err)
	base := "http://127.0.0.1:" + ports[0]
	process, err := tool.Start(t.Context(), tool.Command{Name: "prometheus", Ready: base + "/-/ready", Args: []string{
		"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:" + ports[0],
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, process.Stop()) })
	return base
}
