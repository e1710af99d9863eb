package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// What differs between programs, and between runs of the tests.
var (
	buildLabels = regexp.MustCompile(`(?m)^(afterglow_build_info)\{.*\}`)
	misuses     = regexp.MustCompile(`(?m)^(afterglow_misuse_total\{.*\}) .*$`)
)

func golden(t *testing.T, name, got string) {
	got = buildLabels.ReplaceAllString(got, `$1{goversion="GO",version="VERSION"}`)
	got = misuses.ReplaceAllString(got, "$1 N")
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write it")
	require.Equal(t, string(want), got, "the names, types, help texts, labels and buckets are API; run with -update if the change is meant")
}

// busyShop drives a runner to a moment at which every metric has something to
// say: every outcome that needs no shutdown has happened, one callback hangs,
// and one waits. It is called in a bubble only.
func busyShop(t *testing.T, g *rig) *runner.Runner {
	r := g.runner(runner.Config{Name: "shop", Workers: 1, Queue: 5, Timeout: 2 * time.Second})
	ctx, _, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", takes(80*time.Millisecond)))
	require.NoError(t, r.After(ctx, "order.webhook", func(context.Context) error { return errors.New("503") }))
	require.NoError(t, r.After(ctx, "order.analytics", func(context.Context) error { panic("nil map") }))
	require.NoError(t, r.After(ctx, "cache.revalidate", hang, runner.Timeout(500*time.Millisecond)))
	require.NoError(t, r.After(ctx, "order.email", takes(8*time.Millisecond)))
	require.ErrorIs(t, r.After(ctx, "order.email", succeed), runner.ErrQueueFull)
	time.Sleep(30 * time.Millisecond)
	release(nil)
	time.Sleep(time.Second)
	require.NoError(t, r.Go(t.Context(), "activity.log", func(context.Context) error {
		<-time.After(time.Minute)
		return nil
	}, runner.Timeout(-1)))
	require.NoError(t, r.Go(t.Context(), "order.email", succeed))
	time.Sleep(1500 * time.Millisecond)
	return r
}

func TestTheExpositionOfABusyRunnerIsTheGoldenOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := busyShop(t, g)
		golden(t, "busy.golden", g.scrape(textFormat))
		g.shutdown(r)
	})
}

func TestTheExpositionAfterADrainThatLostWorkIsTheGoldenOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := busyShop(t, g)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := r.Shutdown(ctx)
		require.Error(t, err)
		require.ErrorIs(t, r.Go(t.Context(), "order.email", succeed), runner.ErrClosed)
		golden(t, "drained.golden", g.scrape(textFormat))
		time.Sleep(time.Minute) // The abandoned one ends before the bubble does.
	})
}

func TestTheMetricsFollowTheConventionsOfPrometheus(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	g.run(r, "order.email", succeed)
	problems, err := testutil.GatherAndLint(g.registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestUnitsAreSeconds(t *testing.T) {
	g := newRig(t, nil)
	g.run(g.runner(runner.Config{}), "order.email", succeed)
	families, err := g.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		want := ""
		if strings.HasSuffix(strings.TrimSuffix(f.GetName(), "_total"), "_seconds") {
			want = "seconds"
		}
		require.Equal(t, want, f.GetUnit(), f.GetName())
	}
}

func TestHistogramsAreClassicAndNative(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	require.NoError(t, r.After(ctx, "order.email", succeed))
	release(nil)
	g.shutdown(r)
	families, err := g.registry.Gather()
	require.NoError(t, err)
	seen := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			h := m.GetHistogram()
			if h == nil {
				continue
			}
			seen++
			require.NotNil(t, h.Schema, f.GetName())
			require.EqualValues(t, 3, h.GetSchema(), "a factor of 1.1 is schema 3")
			require.Contains(t, []int{15, 18}, len(h.GetBucket()), f.GetName())
			bounds := make(map[float64]bool)
			for _, b := range h.GetBucket() {
				bounds[b.GetUpperBound()] = true
			}
			require.True(t, bounds[1], "%s: one second is the objective and must be a bound", f.GetName())
			require.True(t, bounds[60], f.GetName())
		}
	}
	require.Equal(t, 4, seen, "queue wait, response delay, and duration by two results")
}

func TestNativeBucketsAreBounded(t *testing.T) {
	g := newRig(t, nil)
	started := g.tel.Observer().Started
	for wait := time.Duration(1); wait < 1<<60; wait += wait/20 + 1 { // a nanosecond to decades
		now := time.Now()
		started(t.Context(), runner.StartedInfo{
			Callback: runner.Callback{Runner: "web", Name: "a", Asked: now},
			Due:      now, Started: now.Add(wait),
		})
	}
	families, err := g.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() == names.MetricQueueWait {
			buckets := len(f.GetMetric()[0].GetHistogram().GetPositiveDelta())
			require.LessOrEqual(t, buckets, 160)
			require.Greater(t, buckets, 40)
		}
	}
}

func TestEverythingOfARunnerAndANameExistsAtZeroFromFirstSight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		for _, signal := range []string{"traces", "logs", "observer"} {
			require.Contains(t, g.series(), fmt.Sprintf(`afterglow_telemetry_errors_total{signal=%q}`, signal))
		}

		r := g.runner(runner.Config{Name: "web"})
		before := g.series()
		for _, name := range []string{
			`afterglow_rejected_total{reason="queue_full",runner="web"}`,
			`afterglow_rejected_total{reason="reserved_full",runner="web"}`,
			`afterglow_rejected_total{reason="held_full",runner="web"}`,
			`afterglow_rejected_total{reason="paused_full",runner="web"}`,
			`afterglow_rejected_total{reason="closed",runner="web"}`,
			`afterglow_rejected_total{reason="max_wait",runner="web"}`,
			`afterglow_rejected_total{reason="nested",runner="web"}`,
			`afterglow_rejected_total{reason="canceled",runner="web"}`,
			`afterglow_queue_wait_seconds_count{runner="web"}`,
			`afterglow_response_delay_seconds_count{runner="web"}`,
			`afterglow_shutdown_lost_total{runner="web"}`,
			`afterglow_names_folded_total{runner="web"}`,
			`afterglow_queue_places{runner="web",state="queued"}`,
			`afterglow_queue_places{runner="web",state="reserved"}`,
			`afterglow_queue_places{runner="web",state="held"}`,
			`afterglow_queue_places{runner="web",state="paused"}`,
			`afterglow_queue_oldest_timestamp_seconds{runner="web"}`,
			`afterglow_queue_oldest_seconds{runner="web"}`,
			`afterglow_longest_running_seconds{runner="web"}`,
			`afterglow_queue_stalled_seconds{runner="web"}`,
			`afterglow_workers_on_time{runner="web"}`,
		} {
			require.Contains(t, before, name)
			require.Zero(t, before[name], name)
		}
		require.NotContains(t, before, `afterglow_shutdown_duration_seconds{runner="web"}`)

		ctx, release := r.Scope(t.Context())
		require.NoError(t, r.After(ctx, "order.email", succeed))
		asked := g.series()
		for o := range runner.NumOutcomes {
			name := fmt.Sprintf(`afterglow_callbacks_total{callback="order.email",outcome=%q,runner="web"}`, o)
			require.Contains(t, asked, name)
			require.Zero(t, asked[name], name)
		}
		require.Contains(t, asked, `afterglow_callback_duration_seconds_count{callback="order.email",result="failure",runner="web"}`)
		require.InDelta(t, 1, asked[`afterglow_asked_total{callback="order.email",runner="web"}`], 0)
		require.NotContains(t, asked, `afterglow_last_success_timestamp_seconds{callback="order.email",runner="web"}`)
		release(nil)
		g.shutdown(r)
		require.InDelta(t, float64(time.Now().Unix()), g.series()[`afterglow_last_success_timestamp_seconds{callback="order.email",runner="web"}`], 1)
	})
}

// TestTheNumberOfSeriesFollowsTheFormula holds what doc.go says of R runners with C
// callback names each.
func TestTheNumberOfSeriesFollowsTheFormula(t *testing.T) {
	const ofName, ofRunner, ofProcess = 59, 73, 7
	b, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	require.Contains(t, strings.ReplaceAll(string(b), "\n// ", " "),
		fmt.Sprintf("R runners with C callback names each have at most %d R C + %d R + %d series", ofName, ofRunner, ofProcess+1))
	flight, err := telemetry.NewFlightRecorder(telemetry.FlightConfig{Dir: t.TempDir()})
	require.NoError(t, err)
	defer flight.Stop()

	for _, c := range []struct {
		runners, callbacks int
		recorder           *telemetry.FlightRecorder // a signal of its own
	}{
		{0, 0, nil}, {1, 0, nil}, {1, 1, nil}, {1, 100, nil}, {3, 7, nil}, {3, 7, flight},
	} {
		g := newRig(t, func(cfg *telemetry.Config) { cfg.FlightRecorder = c.recorder })
		for n := range c.runners {
			r := g.runner(runner.Config{Name: fmt.Sprintf("runner.%d", n)})
			for i := range c.callbacks {
				require.NoError(t, r.Go(t.Context(), fmt.Sprintf("callback.%d", i), succeed))
			}
			g.shutdown(r)
		}
		want := ofName*c.runners*c.callbacks + ofRunner*c.runners + ofProcess
		if c.recorder != nil {
			want++
		}
		require.Equal(t, want, len(g.series()), "%d runners, %d names", c.runners, c.callbacks) //nolint:testifylint // require.Len would print them all
	}
}

// A name that is declared has all of its series from the start but two, which a
// callback is needed for: its timeout and its last success.
func TestDeclaredNamesExistFromTheStart(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Names: []string{"order.email"}, Limits: map[string]int{"order.pdf": 1}})
	s := g.series()
	for _, name := range []string{"order.email", "order.pdf"} {
		require.Contains(t, s, fmt.Sprintf(`afterglow_callbacks_total{callback=%q,outcome="error",runner="default"}`, name))
	}
	require.Equal(t, (59-2)*2+73-1+7, len(s)) //nolint:testifylint // require.Len would print them all
	g.shutdown(r)
}
