package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/internal/alerts"
	"github.com/afterglow-go/afterglow/examples/internal/jaeger"
)

func TestThePartsOfTheStackReachEachOther(t *testing.T) {
	t.Parallel()
	t.Cleanup(http.DefaultClient.CloseIdleConnections) // by which Jaeger is asked
	ts := startStack(t, func(*options) {}, "-load", "10", "-smtp-delay", "5ms")

	ts.eventually(func() bool {
		up := ts.query(`up{job="afterglow-shop"}`)
		return len(up) == 1 && up[0].number(t) == 1
	}, "Prometheus scrapes the shop")
	// A histogram is scraped both ways.
	ts.eventually(func() bool {
		return len(ts.query(`histogram_count(afterglow_callback_duration_seconds{callback="order.webhook"}) > 0`)) == 1
	}, "a native histogram")
	require.NotEmpty(t, ts.query(`afterglow_callback_duration_seconds_bucket{callback="order.webhook",le="1.0"} > 0`), "a classic bucket")

	t.Run("the rules are sound", func(t *testing.T) {
		var rules struct {
			Data struct {
				Groups []struct {
					Name  string
					Rules []struct{ Name, Health, LastError string }
				}
			}
		}
		ts.eventually(func() bool {
			ts.get(ts.prometheusURL+"/api/v1/rules", &rules)
			for _, g := range rules.Data.Groups {
				for _, r := range g.Rules {
					if r.Health == "unknown" { // not evaluated yet
						return false
					}
				}
			}
			return true
		}, "all rules are evaluated")
		require.NotEmpty(t, rules.Data.Groups)
		for _, g := range rules.Data.Groups {
			for _, r := range g.Rules {
				require.Equal(t, "ok", r.Health, "%s: %s", r.Name, r.LastError)
			}
		}
	})

	t.Run("an exemplar leads to the trace and to the request", func(t *testing.T) {
		var series exemplar
		ts.eventually(func() bool {
			found := ts.exemplars("afterglow_callback_duration_seconds_bucket")
			if len(found) > 0 {
				series = found[0]
			}
			return len(found) > 0
		}, "Prometheus stores exemplars")
		server := &jaeger.Server{Query: ts.jaegerURL}
		var process jaeger.Span
		ts.eventually(func() bool {
			trace, err := server.Trace(t.Context(), series.Labels["trace_id"])
			process, _ = trace.Span(series.Labels["span_id"])
			return err == nil && process.SpanID != ""
		}, "Jaeger has the span of %v", series)
		require.Equal(t, "process "+series.series["callback"], process.OperationName)
		require.Len(t, process.References, 1)
		require.Equal(t, "FOLLOWS_FROM", process.References[0].RefType)
		ts.eventually(func() bool {
			trace, err := server.Trace(t.Context(), process.References[0].TraceID)
			request, found := trace.Span(process.References[0].SpanID)
			return err == nil && found && request.Tag("span.kind") == "server"
		}, "Jaeger has the request")
	})

	t.Run("alerts arrive", func(t *testing.T) {
		var found struct {
			Data struct{ ActiveAlertmanagers []struct{ URL string } }
		}
		ts.get(ts.prometheusURL+"/api/v1/alertmanagers", &found)
		require.Len(t, found.Data.ActiveAlertmanagers, 1)
		require.Equal(t, ts.alertmanagerURL+"/api/v2/alerts", found.Data.ActiveAlertmanagers[0].URL)
		ts.eventually(func() bool { return ts.told(alerts.Firing)["AfterglowWatchdog"].Name() != "" }, "the watchdog barks")
	})

	t.Run("the log that alerts and runbook speak of is where the greeting says", func(t *testing.T) {
		var greeting bytes.Buffer
		ts.greet(&greeting)
		require.Contains(t, greeting.String(), "its log       "+ts.first.log)
		ts.breaks("order.webhook=panic:1")
		ts.eventually(func() bool {
			log, err := os.ReadFile(ts.first.log)
			return err == nil && bytes.Contains(log, []byte(`"msg":"callback panicked"`))
		}, "a panic is in the log")

		query := regexp.MustCompile(`curl (\S+)/select/logsql/query -d limit=3 -d 'query=(.+)'`).FindStringSubmatch(greeting.String())
		require.NotNil(t, query)
		require.Equal(t, ts.victoriaLogsURL, query[1])
		ts.eventually(func() bool {
			found := ts.logsQL(query[2])
			return len(found) > 0 && strings.Contains(found[0]["exception.stacktrace"], "faults.go:")
		}, "VictoriaLogs has it, too, with its line")
	})
}

func TestTheStackStartsGreetsAndEndsInTime(t *testing.T) {
	if testing.Short() {
		t.Skip("the servers take minutes to build; make test builds them")
	}
	var out, errs bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-for", "5s", "-load", "5", "-compress"}, &out, &errs))
	require.Contains(t, out.String(), "The stack is up")
	require.Contains(t, out.String(), "One fault at a time")
	require.Contains(t, out.String(), "ending")
	require.NotContains(t, out.String(), "AfterglowTelemetryAbsent", "the shop is there before Prometheus")
	require.Regexp(t, `^((still )?building .*\n)*$`, errs.String())
}

func TestAServerThatEndsByItselfEndsTheStackAndIsNamed(t *testing.T) {
	t.Parallel()
	ts := startStack(t, func(o *options) { o.metricsOnly = true })
	// The shop, on a machine that kills it as soon as this file is there.
	now := filepath.Join(t.TempDir(), "now")
	shop := fmt.Sprintf("#!/bin/sh\n%%s\n%s \"$@\" &\ntrap 'kill -KILL $!; exit' TERM\nuntil [ -e %s ]; do sleep 0.1; done\nkill -KILL $!\n%%s\n", filepath.Join(programs, "shop"), now)
	for says, script := range map[string]string{
		`^shop has ended by itself: exit status 3; the last it said:\n(?s:.*)killed by the machine$`: fmt.Sprintf(shop,
			"", "echo killed by the machine; exit 3"),
		`^shop has ended by itself: signal: killed$`: fmt.Sprintf(shop,
			"exec >/dev/null 2>&1", "kill -KILL $$"),
	} {
		ts.programs = t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(ts.programs, "shop"), []byte(script), 0o700))
		ts.shops()
		require.NoError(t, os.WriteFile(now, nil, 0o600))
		require.Regexp(t, says, (<-ts.crashed).Error())
		require.NoError(t, os.Remove(now))
	}
}

func TestTheStackEndsAsItIsToldTo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.EqualError(t, run(ctx, nil, new(bytes.Buffer), new(bytes.Buffer)), "ended before it was up")
	require.ErrorContains(t, run(t.Context(), []string{"now"}, new(bytes.Buffer), new(bytes.Buffer)), "-h lists")
	for says, args := range map[string][]string{
		"-for -3s: use a duration": {"-for", "-3s"},
		"-load -3: use a number":   {"-load", "-3"},
	} {
		require.ErrorContains(t, run(ctx, args, new(bytes.Buffer), new(bytes.Buffer)), says, "before it has built anything")
	}
}

func TestAServerThatNeverBecomesReadyDoesNotHoldUpTheEnd(t *testing.T) {
	programs := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(programs, "shop"), []byte("#!/bin/sh\nexec sleep 1000\n"), 0o700))
	s := &stack{options: options{programs: programs}, files: files{dir: t.TempDir()}, crashed: make(chan error, 1)}
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := s.startShop(ctx)
	require.ErrorContains(t, err, "shop did not become ready")
	require.Less(t, time.Since(began), 30*time.Second, "long before it is given up")
	require.Empty(t, s.servers)
	require.Empty(t, s.crashed, "it did not end by itself")
}

func TestWhatIsMissingIsNamedWithWhatToDo(t *testing.T) {
	fails := func() error { return run(t.Context(), nil, new(bytes.Buffer), new(bytes.Buffer)) }
	t.Run("a directory", func(t *testing.T) {
		t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "none"))
		require.ErrorContains(t, fails(), "set TMPDIR to")
	})
	t.Run("go", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		require.ErrorContains(t, fails(), "the go command is not in PATH")
	})
}

func TestABuildTellsHowLongItHasTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		require.NoError(t, report(&out, 10*time.Second, "the shop", func() error {
			time.Sleep(25 * time.Second)
			return nil
		}))
		require.Equal(t, "still building the shop, 10s so far\nstill building the shop, 20s so far\n", out.String())
		require.ErrorIs(t, report(&out, time.Second, "it", func() error { return os.ErrExist }), os.ErrExist)
	})
}
