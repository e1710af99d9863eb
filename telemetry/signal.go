package telemetry

import (
	"context"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// signals are the parts of the telemetry, each of which may fail alone.
type signals struct {
	traces, logs, flight signal

	hasFlight bool // not written after New
}

func newSignals(cfg Config) *signals {
	return &signals{
		traces: signal{name: names.SignalTraces},
		logs:   signal{name: names.SignalLogs}, flight: signal{name: names.SignalFlight},
		hasFlight: cfg.FlightRecorder != nil,
	}
}

// all lists those that there are.
func (s *signals) all() []*signal {
	all := []*signal{&s.traces, &s.logs}
	if s.hasFlight {
		all = append(all, &s.flight)
	}
	return all
}

// tellTo has their failures recorded.
func (s *signals) tellTo(l *logging) {
	for _, one := range s.all() {
		one.logging = l
	}
}

// signal counts the failures of one part of the telemetry.
type signal struct {
	name     string   // as the label says it
	logging  *logging // not written after New
	failures atomic.Uint64
	told     limiter
}

// shield calls f and counts that it did not come to its end, be it for a panic,
// which goes no further, or for runtime.Goexit, which does. f does not outlive
// the call, so the closures passed here cost no allocation.
func (s *signal) shield(ctx context.Context, f func()) {
	completed := false
	defer func() {
		if !completed {
			s.recovered(ctx, recover())
		}
	}()
	f()
	completed = true
}

// recovered counts a panic with that value, or runtime.Goexit if it is nil. It is
// called by what has recovered it, so that the stack still tells where it was.
func (s *signal) recovered(ctx context.Context, value any) {
	s.failed(ctx, func() []slog.Attr {
		if value == nil {
			return []slog.Attr{slog.String(names.KeyError, "runtime.Goexit was called")}
		}
		return []slog.Attr{
			slog.String(names.KeyExceptionType, typeOf(value)),
			slog.String(names.KeyExceptionMessage, textOf(value, maxError)),
			slog.String(names.KeyExceptionStacktrace, stackOf(debug.Stack())),
		}
	})
}

// failed counts a failure, and may write a record of it.
func (s *signal) failed(ctx context.Context, why func() []slog.Attr) {
	s.failures.Add(1)
	// If it is the logger that is broken, it may fail once more over this record.
	// That is not counted, nor told: there is nobody left to tell.
	defer func() { _ = recover() }()
	s.logging.ownFailure(ctx, s, why)
}

// aMinute is the rate of records of one signal's failures. What is broken fails
// at each callback, and mostly in the same way.
func aMinute() rate { return rate{every: time.Minute} }

// ownFailure writes a record of a failure of the telemetry itself.
func (l *logging) ownFailure(ctx context.Context, s *signal, why func() []slog.Attr) {
	if !l.logger.Enabled(ctx, slog.LevelError) {
		return
	}
	l.limited(&s.told, aMinute(), "", func(notes []slog.Attr) {
		attrs := append(l.traceOf(ctx), slog.String(names.KeySignal, s.name))
		attrs = append(attrs, notes...)
		l.logger.LogAttrs(ctx, slog.LevelError, names.LogTelemetryFailed, append(attrs, why()...)...) //nolint:sloglint // it is a constant, of package names
	})
}
