package signals_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	exptrace "golang.org/x/exp/trace"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// snapshots keeps the paths that records name.
type snapshots struct {
	slog.Handler
	mu    sync.Mutex
	paths []string
}

func (s *snapshots) Handle(_ context.Context, r slog.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == names.KeySnapshot {
			s.paths = append(s.paths, a.Value.String())
		}
		return true
	})
	return nil
}

// told is what the execution trace says of the callbacks.
type told struct {
	task       exptrace.TaskID
	goroutines map[exptrace.GoID]bool // that began the task
	logs       map[string]string      // of the task, by category
	running    map[exptrace.GoID]bool // went from running to waiting within the window
}

// read reads a whole file with the standard reader of traces.
func read(t *testing.T, path, task string) told {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	reader, err := exptrace.NewReader(bytes.NewReader(b))
	require.NoError(t, err)
	found := told{goroutines: map[exptrace.GoID]bool{}, logs: map[string]string{}, running: map[exptrace.GoID]bool{}}
	for {
		e, err := reader.ReadEvent()
		if errors.Is(err, io.EOF) {
			return found
		}
		require.NoError(t, err)
		switch e.Kind() {
		case exptrace.EventTaskBegin:
			if e.Task().Type == task {
				found.task = e.Task().ID
				found.goroutines[e.Goroutine()] = true
			}
		case exptrace.EventLog:
			if e.Log().Task == found.task {
				found.logs[e.Log().Category] = e.Log().Message
			}
		case exptrace.EventStateTransition:
			st := e.StateTransition()
			if st.Resource.Kind != exptrace.ResourceGoroutine {
				continue
			}
			if from, to := st.Goroutine(); from == exptrace.GoRunning && to == exptrace.GoWaiting {
				found.running[st.Resource.Goroutine()] = true
			}
		}
	}
}

func TestASnapshotShowsTheCallbackThatFailed(t *testing.T) {
	flight, err := telemetry.NewFlightRecorder(telemetry.FlightConfig{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(flight.Stop)
	seen := &snapshots{Handler: slog.DiscardHandler}
	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: sdktrace.NewTracerProvider(), Registerer: prometheus.NewRegistry(),
		Logger: slog.New(enabled{seen}), FlightRecorder: flight,
	})
	require.NoError(t, err)
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	require.NoError(t, err)
	var process trace.SpanContext
	require.NoError(t, r.Go(t.Context(), "order.email", func(ctx context.Context) error {
		process = trace.SpanContextFromContext(ctx)
		<-ctx.Done()
		return ctx.Err()
	}, runner.Timeout(20*time.Millisecond)))
	_, err = r.Shutdown(t.Context())
	require.NoError(t, err)
	flight.Stop()

	require.Len(t, seen.paths, 1)
	found := read(t, seen.paths[0], "process order.email")
	require.Len(t, found.goroutines, 1, "the task has begun on the worker's goroutine")
	for g := range found.goroutines {
		require.True(t, found.running[g], "which is seen waiting for its context")
	}
	require.Equal(t, map[string]string{
		"trace_id":  process.TraceID().String(),
		"afterglow": "timeout order.email",
	}, found.logs)
}

// enabled is enabled for everything.
type enabled struct{ slog.Handler }

func (enabled) Enabled(context.Context, slog.Level) bool { return true }
