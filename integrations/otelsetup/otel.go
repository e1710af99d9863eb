package otelsetup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/propagators/autoprop"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/log"
	lognoop "go.opentelemetry.io/otel/log/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
)

// OTel is what has been set up.
type OTel struct {
	Tracers    trace.TracerProvider
	Loggers    log.LoggerProvider // exports nothing without Config.Logs
	Propagator propagation.TextMapPropagator

	cfg       Config
	endpoints map[string]string // by signal; only of those that are exported by OTLP
	warned    bool              // that no endpoint is set
	failures  *failures
	ends      []end // in the order of Shutdown
}

// end flushes and ends the export of one signal.
type end struct {
	signal   string
	shutdown func(context.Context) error
	spans    *spanExporter // nil unless they are exported here
	queue    *queue        // nil: none
}

// Start sets everything up, and makes it what the process uses where nothing
// else is given: tracers, loggers, propagators and the handler of errors. No
// backend is asked, so it does not fail if there is none. It fails, and names
// all of them, if variables of the environment cannot be used; then nothing has
// been started.
func Start(ctx context.Context, cfg Config) (*OTel, error) {
	o := &OTel{
		Tracers: tracenoop.NewTracerProvider(),
		Loggers: lognoop.NewLoggerProvider(),
		cfg:     cfg.withDefaults(), endpoints: make(map[string]string),
	}
	s, err := o.settings()
	if err != nil {
		return nil, fmt.Errorf("OpenTelemetry: %w", err)
	}
	if o.failures, err = newFailures(o.cfg.Registerer, o.cfg.ErrorLog); err != nil {
		return nil, fmt.Errorf("OpenTelemetry: %w", err)
	}
	otel.SetErrorHandler(o.failures) // before all that may call it
	// A service whose own signals are off still passes on those of others.
	o.Propagator = autoprop.NewTextMapPropagator()
	if !disabled() {
		if err := o.export(ctx, s); err != nil {
			o.failures.unregister(o.cfg.Registerer)
			return nil, fmt.Errorf("OpenTelemetry: %w", err)
		}
	}
	otel.SetTextMapPropagator(o.Propagator)
	otel.SetTracerProvider(o.Tracers)
	otel.SetLoggerProvider(o.Loggers)
	return o, nil
}

// disabled is what the SDKs of other languages do by themselves.
func disabled() bool {
	return strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true")
}

// LogHandler exports log records, with the trace and span of their context,
// from a level on: by itself the bridge takes debugging, too, and a callback
// that succeeds is a record for that. The handlers of slog take level nil as
// [slog.LevelInfo], and so does this one.
func (o *OTel) LogHandler(name string, level slog.Leveler) slog.Handler {
	if level == nil {
		level = slog.LevelInfo
	}
	return leveled{otelslog.NewHandler(name, otelslog.WithLoggerProvider(o.Loggers)), level}
}

// Endpoint says where a signal is exported to: Traces, Metrics or Logs. It is
// empty if the signal is not, or not by OTLP.
func (o *OTel) Endpoint(signal string) string { return o.endpoints[signal] }

// Shutdown ends it all in the order that loses nothing: the runners are
// drained, within ctx, then the metrics with their last increments are
// exported, then the log records, those about the metrics included, and last
// the spans. Each of the three may take Config.FlushTime more, so that a
// backend that hangs does not hold up the end. Do not use the context that a server's
// Shutdown had: an open request may have used it up.
func (o *OTel) Shutdown(ctx context.Context, runners ...*runner.Runner) error {
	var errs []error
	for _, r := range runners {
		_, err := r.Shutdown(ctx)
		errs = append(errs, err)
	}
	for _, e := range o.ends {
		flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.cfg.FlushTime)
		if e.spans != nil {
			e.spans.begin()
		}
		if err := e.shutdown(flush); err != nil {
			if export := (*exportError)(nil); !errors.As(err, &export) {
				err = &exportError{o.failures, e.signal, err}
			}
			otel.Handle(err) // the SDK returns it and does not tell the handler
			errs = append(errs, err)
		}
		if e.spans != nil {
			errs = append(errs, e.spans.lost()) // the SDK tells the handler and does not return it
		}
		if e.queue != nil {
			e.queue.end()
		}
		cancel()
	}
	o.ends = nil
	if o.failures != nil {
		o.failures.end()
	}
	return errors.Join(errs...)
}
