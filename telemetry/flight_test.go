package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/trace"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// newFlight starts a flight recorder and a rig that has it.
func newFlight(t *testing.T, cfg telemetry.FlightConfig) (*rig, *telemetry.FlightRecorder) {
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	flight, err := telemetry.NewFlightRecorder(cfg)
	require.NoError(t, err)
	t.Cleanup(flight.Stop)
	return newRig(t, func(c *telemetry.Config) { c.FlightRecorder = flight }), flight
}

func explode(context.Context) error { panic("no") }

func files(t *testing.T, dir string) (found []string) {
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		found = append(found, e.Name())
	}
	return found
}

// requireTrace requires a file that begins as execution traces do.
func requireTrace(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(b, []byte("go 1.")), "%.20q", b)
	require.Contains(t, string(b[:20]), " trace\x00")
}

func TestAPanicATimeoutAndAStuckCallbackLeaveASnapshotThatRecordAndSpanName(t *testing.T) {
	for name, c := range map[string]struct {
		cfg     runner.Config
		fn      func(release <-chan struct{}) func(context.Context) error
		level   slog.Level
		message string
	}{
		"panic": {
			runner.Config{},
			func(<-chan struct{}) func(context.Context) error { return explode }, slog.LevelError, names.LogPanicked,
		},
		// However late it wakes up, it must not be found stuck before: only
		// the first one to be told in an interval has a snapshot.
		"timeout": {
			runner.Config{Timeout: time.Millisecond, StuckAfter: time.Hour},
			func(<-chan struct{}) func(context.Context) error { return hang }, slog.LevelWarn, names.LogTimedOut,
		},
		"stuck": {
			runner.Config{Timeout: time.Millisecond, StuckAfter: time.Millisecond},
			hangsFor, slog.LevelError, names.LogStuck,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "made", "by", "us")
			g, flight := newFlight(t, telemetry.FlightConfig{Dir: dir})
			r := g.runner(c.cfg)
			release := make(chan struct{})
			require.NoError(t, r.Go(t.Context(), "order.email", c.fn(release)))
			require.Eventually(t, func() bool { return len(g.records(c.message)) == 1 }, 10*time.Second, time.Millisecond)
			close(release)
			g.shutdown(r)
			flight.Stop()

			path := g.record(c.level, c.message)["snapshot"].(string)
			require.Equal(t, []string{filepath.Base(path)}, files(t, dir))
			require.Equal(t, dir, filepath.Dir(path))
			requireTrace(t, path)
			require.Equal(t, path, attrs(g.span("process order.email").Attributes)["afterglow.snapshot"])
			require.InDelta(t, 0, g.series()[`afterglow_telemetry_errors_total{signal="flight"}`], 0)
		})
	}
}

func TestOrdinaryEndsLeaveNoSnapshot(t *testing.T) {
	dir := t.TempDir()
	g, flight := newFlight(t, telemetry.FlightConfig{Dir: dir})
	r := g.runner(runner.Config{})
	require.NoError(t, r.Go(t.Context(), "a", succeed))
	require.NoError(t, r.Go(t.Context(), "a", fail))
	g.shutdown(r)
	flight.Stop()
	require.Empty(t, files(t, dir))
	require.NotContains(t, g.record(slog.LevelError, names.LogFailed), "snapshot")
}

func TestAFloodOfPanicsTakesOneSnapshotAnInterval(t *testing.T) {
	dir := t.TempDir()
	g, flight := newFlight(t, telemetry.FlightConfig{Dir: dir})
	r := g.runner(runner.Config{})
	for range 500 {
		require.NoError(t, r.Go(t.Context(), "a", explode))
	}
	g.shutdown(r)
	flight.Stop()
	require.Len(t, files(t, dir), 1)
	named := 0
	for _, record := range g.records(names.LogPanicked) {
		if _, ok := record["snapshot"]; ok {
			named++
		}
	}
	require.Equal(t, 1, named)
}

// All but the first ten would be left out.
func TestTheRecordThatNamesASnapshotIsNotLeftOut(t *testing.T) {
	g, flight := newFlight(t, telemetry.FlightConfig{Interval: time.Nanosecond, MaxFiles: 1000})
	r := g.runner(runner.Config{Workers: 1})
	const all = 100
	for range all {
		require.NoError(t, r.Go(t.Context(), "a", explode))
	}
	g.shutdown(r)
	flight.Stop()
	named := make(map[string]bool)
	for _, record := range g.records(names.LogPanicked) {
		if path, ok := record["snapshot"].(string); ok {
			named[path] = true
			require.FileExists(t, path)
		}
	}
	require.NotEmpty(t, named)
	for _, span := range g.exporter.GetSpans() {
		if path, ok := attrs(span.Attributes)["afterglow.snapshot"]; ok {
			require.Contains(t, named, path)
		}
	}
	require.Equal(t, all, len(g.records(names.LogPanicked))+
		sumSuppressed(g.records(names.LogPanicked))+g.leftOut("a: callback panicked"))
}

func TestTheOldestSnapshotsAreRemovedAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, age time.Duration) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		then := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(path, then, then))
	}
	for i := range 5 { // of processes before this one
		write(fmt.Sprintf("afterglow-2020010%dT000000.000Z-1-1.trace", i+1), 0)
	}
	write("afterglow-20200101T000000.000Z-1-9.trace.tmp", 2*time.Hour)
	write("afterglow-20200101T000000.000Z-2-9.trace.tmp", time.Minute) // may still be written
	strangers := []string{
		"afterglow-20200101.trace", "afterglow-20200101T000000.000Z-1-1.trace.gz", "xafterglow-20200101T000000.000Z-1-1.trace",
		"mine.trace", "mine.trace.tmp", "afterglow-20200101T000000Z-1-1.trace", "afterglow-20200101T000000.000Z-1-1.trace\n",
	}
	for _, name := range strangers {
		write(name, 3*time.Hour)
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, "afterglow-20200101T000000.000Z-7-7.trace"), 0o700))

	g, flight := newFlight(t, telemetry.FlightConfig{Dir: dir, MaxFiles: 3})
	g.run(g.runner(runner.Config{}), "a", explode)
	flight.Stop()
	path := g.record(slog.LevelError, names.LogPanicked)["snapshot"].(string)
	require.ElementsMatch(t, append(strangers,
		"afterglow-20200101T000000.000Z-7-7.trace", // a directory
		"afterglow-20200101T000000.000Z-2-9.trace.tmp",
		"afterglow-20200104T000000.000Z-1-1.trace",
		"afterglow-20200105T000000.000Z-1-1.trace",
		filepath.Base(path),
	), files(t, dir))
	require.InDelta(t, 0, g.series()[`afterglow_telemetry_errors_total{signal="flight"}`], 0)
}

func TestADirectoryThatFailsIsCountedAndToldOnceAnIntervalAndHurtsNoCallback(t *testing.T) {
	for name, breakIt := range map[string]func(t *testing.T, dir string){
		"a file": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(dir))
			require.NoError(t, os.WriteFile(dir, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "flight")
			g, flight := newFlight(t, telemetry.FlightConfig{Dir: dir})
			breakIt(t, dir)
			r := g.runner(runner.Config{})
			ctx, request, release := g.request(r)
			for range 50 {
				require.NoError(t, r.After(ctx, "a", explode))
			}
			release(nil)
			g.shutdown(r)
			flight.Stop()
			s := g.series()
			require.InDelta(t, 1, s[`afterglow_telemetry_errors_total{signal="flight"}`], 0)
			require.InDelta(t, 50, s[`afterglow_callbacks_total{callback="a",outcome="panic",runner="default"}`], 0)
			record := g.record(slog.LevelWarn, names.LogSnapshotFailed)
			require.Contains(t, record["error"], dir)
			require.Equal(t, dir, filepath.Dir(record["snapshot"].(string)))
			require.Equal(t, "a", record["callback"])
			require.Equal(t, request.SpanContext().TraceID().String(), record["request.trace_id"])
		})
	}
}

func TestAHandlerThatPanicsOverAFailedSnapshotIsCounted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "flight")
	flight, err := telemetry.NewFlightRecorder(telemetry.FlightConfig{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(flight.Stop)
	g := newRig(t, func(c *telemetry.Config) {
		c.FlightRecorder = flight
		c.Logger = slog.New(brokenHandler{})
	})
	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	g.run(g.runner(runner.Config{}), "a", explode)
	flight.Stop()
	require.InDelta(t, 4, g.errors()[names.SignalLogs], 0, "panicked, drain started, drain finished, snapshot not written")
}

// dirWithSnapshotThatStays has an old snapshot that cannot be removed: with its
// long name the path is too long for the system, which that of a new one is not.
func dirWithSnapshotThatStays(t *testing.T) string {
	const deep, longest = 3900, 4096
	dir := t.TempDir()
	for len(dir) < deep {
		dir = filepath.Join(dir, strings.Repeat("d", min(200, deep-len(dir))))
	}
	require.NoError(t, os.MkdirAll(dir, 0o700))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	old, err := root.Create("afterglow-20200101T000000.000Z-1-" + strings.Repeat("1", longest-deep) + ".trace")
	require.NoError(t, err)
	require.NoError(t, errors.Join(old.Close(), root.Close()))
	return dir
}

func TestOldSnapshotsThatCannotBeRemovedAreToldApartFromOneThatIsNotWritten(t *testing.T) {
	g, flight := newFlight(t, telemetry.FlightConfig{Dir: dirWithSnapshotThatStays(t), MaxFiles: 1})
	g.run(g.runner(runner.Config{}), "a", explode)
	flight.Stop()
	requireTrace(t, g.record(slog.LevelError, names.LogPanicked)["snapshot"].(string))
	require.Empty(t, g.records(names.LogSnapshotFailed))
	require.Contains(t, g.record(slog.LevelWarn, names.LogPruneFailed)["error"], "remove ")
	require.InDelta(t, 0, g.series()[`afterglow_telemetry_errors_total{signal="flight"}`], 0)
}

func TestADirectoryThatIsRemovedIsMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "flight")
	g, flight := newFlight(t, telemetry.FlightConfig{Dir: dir})
	require.NoError(t, os.Remove(dir))
	g.run(g.runner(runner.Config{}), "a", explode)
	flight.Stop()
	requireTrace(t, g.record(slog.LevelError, names.LogPanicked)["snapshot"].(string))
}

func TestARelativeDirectoryStaysWhereItWas(t *testing.T) {
	from := t.TempDir()
	t.Chdir(from)
	g, flight := newFlight(t, telemetry.FlightConfig{Dir: "flight"})
	t.Chdir(t.TempDir())
	g.run(g.runner(runner.Config{}), "a", explode)
	flight.Stop()
	path := g.record(slog.LevelError, names.LogPanicked)["snapshot"].(string)
	require.True(t, filepath.IsAbs(path), path)
	require.Equal(t, []string{filepath.Base(path)}, files(t, filepath.Join(from, "flight")))
}

func TestTheWriterSurvivesAHandlerThatEndsItsGoroutine(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "flight")
	g, flight := newFlight(t, telemetry.FlightConfig{Dir: dir, Interval: time.Nanosecond})
	require.NoError(t, os.Remove(dir))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	logger := slog.New(departingOver{slog.NewJSONHandler(g.logs, nil), names.LogSnapshotFailed})
	tel := newRig(t, func(c *telemetry.Config) { c.FlightRecorder, c.Logger = flight, logger })
	r := tel.runner(runner.Config{})
	require.NoError(t, r.Go(t.Context(), "a", explode))
	require.Eventually(t, func() bool { return tel.errors()[names.SignalLogs] == 1 }, 10*time.Second, time.Millisecond)
	require.NoError(t, os.Remove(dir))
	require.NoError(t, r.Go(t.Context(), "a", explode))
	tel.shutdown(r)
	flight.Stop()
	require.Len(t, files(t, dir), 1)
}

func TestStopIsForAllWhoCallItAndEndsTheSnapshots(t *testing.T) {
	dir := t.TempDir()
	g, flight := newFlight(t, telemetry.FlightConfig{Dir: dir, Interval: time.Nanosecond})
	r := g.runner(runner.Config{})
	require.NoError(t, r.Go(t.Context(), "a", explode))
	require.Eventually(t, func() bool { return len(g.records(names.LogPanicked)) == 1 }, 10*time.Second, time.Millisecond)
	var stops sync.WaitGroup
	for range 3 {
		stops.Go(flight.Stop)
	}
	stops.Wait()
	require.Len(t, files(t, dir), 1, "the one that was under way is whole")
	requireTrace(t, filepath.Join(dir, files(t, dir)[0]))

	require.NoError(t, r.Go(t.Context(), "a", explode))
	g.shutdown(r)
	require.NotContains(t, g.records(names.LogPanicked)[1], "snapshot")
	require.Len(t, files(t, dir), 1)
	require.False(t, trace.IsEnabled())
}

func TestAProcessHasOneFlightRecorderAtATime(t *testing.T) {
	g, flight := newFlight(t, telemetry.FlightConfig{})
	require.NotNil(t, g)
	_, err := telemetry.NewFlightRecorder(telemetry.FlightConfig{Dir: t.TempDir()})
	require.ErrorContains(t, err, "share one FlightRecorder between the Telemetries, and stop any other one first")
	flight.Stop()
	again, err := telemetry.NewFlightRecorder(telemetry.FlightConfig{Dir: t.TempDir()})
	require.NoError(t, err)
	again.Stop()
}

func TestAFlightRecorderThatRecordsNothingIsAnErrorOfNew(t *testing.T) {
	_, flight := newFlight(t, telemetry.FlightConfig{})
	flight.Stop()
	_, err := telemetry.New(telemetry.Config{Registerer: prometheus.NewRegistry(), FlightRecorder: flight})
	require.ErrorContains(t, err, "Config.FlightRecorder has been stopped")

	zero := new(telemetry.FlightRecorder)
	_, err = telemetry.New(telemetry.Config{Registerer: prometheus.NewRegistry(), FlightRecorder: zero})
	require.ErrorContains(t, err, "use what NewFlightRecorder returns")
	zero.Stop()
}

func TestAnotherConsumerOfTracesIsNotInTheWay(t *testing.T) {
	var other bytes.Buffer
	require.NoError(t, trace.Start(&other))
	g, flight := newFlight(t, telemetry.FlightConfig{})
	g.run(g.runner(runner.Config{}), "a", explode)
	trace.Stop()
	flight.Stop()
	requireTrace(t, g.record(slog.LevelError, names.LogPanicked)["snapshot"].(string))
	require.Contains(t, other.String(), "process a", "another recording has the callbacks as tasks")
}

func TestAFlightRecorderNamesEveryFieldItCannotUse(t *testing.T) {
	_, err := telemetry.NewFlightRecorder(telemetry.FlightConfig{Interval: -1, MaxFiles: -1, MinAge: -1})
	for _, field := range []string{"Dir is empty: name a directory", "Interval is -1ns", "MaxFiles is -1", "MinAge is -1ns"} {
		require.ErrorContains(t, err, "FlightConfig."+field)
	}
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = telemetry.NewFlightRecorder(telemetry.FlightConfig{Dir: file})
	require.ErrorContains(t, err, fmt.Sprintf("FlightConfig.Dir is %q, which cannot be written to", file))
	require.ErrorContains(t, err, "name a directory that this process may make files in")
	require.False(t, trace.IsEnabled(), "nothing was started")
	var pathError *os.PathError
	require.ErrorAs(t, err, &pathError)
}

func TestWithoutAFlightRecorderItsSignalIsAbsent(t *testing.T) {
	require.NotContains(t, newRig(t, nil).series(), `afterglow_telemetry_errors_total{signal="flight"}`)
	g, _ := newFlight(t, telemetry.FlightConfig{})
	require.Contains(t, g.series(), `afterglow_telemetry_errors_total{signal="flight"}`)
}
