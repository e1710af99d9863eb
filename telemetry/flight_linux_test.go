package telemetry_test

import (
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// A file that may not grow fails as one on a full disk does: in the middle of
// writing it. The limit is that of a process, so the test runs itself in one.
func TestAFileThatCannotBeWrittenWholeIsNotLeftBehind(t *testing.T) {
	const limited = "AFTERGLOW_TEST_FILES_ARE_LIMITED"
	if os.Getenv(limited) == "" {
		again := exec.CommandContext(t.Context(), "sh", "-c", `ulimit -f 1 && exec "$0" "$@"`, os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
		again.Env = append(again.Environ(), limited+"=1")
		out, err := again.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "--- PASS: "+t.Name())
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	dir := t.TempDir()
	g, flight := newFlight(t, telemetry.FlightConfig{Dir: dir})
	g.run(g.runner(runner.Config{}), "a", explode)
	flight.Stop()
	require.Empty(t, files(t, dir))
	require.Contains(t, g.record(slog.LevelWarn, names.LogSnapshotFailed)["error"], syscall.EFBIG.Error())
	require.InDelta(t, 1, g.series()[`afterglow_telemetry_errors_total{signal="flight"}`], 0)
}
