package otelsetup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// The signals, as the environment's variables and the metric's label name them.
const (
	Traces  = "traces"
	Metrics = "metrics"
	Logs    = "logs"
)

// settings is what the environment says.
type settings struct {
	traces, metrics, logs bool // exported
	spans, records        int  // that may wait for it
	sampler               sdktrace.Sampler
}

// settings reads the environment, and starts nothing.
func (o *OTel) settings() (s settings, err error) {
	var env environment
	env.truth("OTEL_SDK_DISABLED")
	env.propagators()
	if disabled() {
		return s, env.err()
	}
	env.resource()
	env.limits("ATTRIBUTE_COUNT", "ATTRIBUTE_VALUE_LENGTH", "SPAN_ATTRIBUTE_COUNT", "SPAN_ATTRIBUTE_VALUE_LENGTH",
		"SPAN_EVENT_COUNT", "EVENT_ATTRIBUTE_COUNT", "SPAN_LINK_COUNT", "LINK_ATTRIBUTE_COUNT")
	s.sampler = env.sampler()
	if s.metrics = o.cfg.Gatherer != nil && o.wanted(Metrics); s.metrics {
		env.exporter(Metrics)
		env.number("OTEL_METRIC_EXPORT_INTERVAL", 1, 0)
		env.number("OTEL_METRIC_EXPORT_TIMEOUT", 1, 0)
		env.only("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based", asTheyAre)
		env.producers()
	}
	if s.logs = o.cfg.Logs && o.wanted(Logs); s.logs {
		env.exporter(Logs)
		env.limits("LOGRECORD_ATTRIBUTE_COUNT", "LOGRECORD_ATTRIBUTE_VALUE_LENGTH")
		s.records = env.queue("OTEL_BLRP_", 1)
	}
	if s.traces = o.wanted(Traces); s.traces {
		env.exporter(Traces)
		s.spans = env.queue("OTEL_BSP_", 0)
	}
	return s, env.err()
}

// exporters are those of the signals that are exported.
type exporters struct {
	metrics sdkmetric.Reader
	logs    sdklog.Exporter
	traces  sdktrace.SpanExporter
}

// newExporters makes all or none.
func (o *OTel) newExporters(ctx context.Context, s settings) (e exporters, err error) {
	var errs []error
	var undo []func(context.Context) error
	made := func(signal string, shutdown func(context.Context) error, err error) {
		if err == nil {
			undo = append(undo, shutdown)
		} else {
			errs = append(errs, fmt.Errorf("%s: %w", signal, err))
		}
	}
	if s.metrics {
		e.metrics, err = o.newReader(ctx)
		made(Metrics, func(ctx context.Context) error { return e.metrics.Shutdown(ctx) }, err)
	}
	if s.logs {
		e.logs, err = autoexport.NewLogExporter(ctx)
		made(Logs, func(ctx context.Context) error { return e.logs.Shutdown(ctx) }, err)
	}
	if s.traces {
		e.traces, err = autoexport.NewSpanExporter(ctx)
		made(Traces, func(ctx context.Context) error { return e.traces.Shutdown(ctx) }, err)
	}
	if len(errs) > 0 {
		for _, shutdown := range undo {
			errs = append(errs, shutdown(ctx))
		}
	}
	return e, errors.Join(errs...)
}

// spare are places of the SDK's queue of spans beyond ours: ForceFlush takes
// one, too.
const spare = 16

// export makes the providers, each with its exporter.
func (o *OTel) export(ctx context.Context, s settings) error {
	exporters, err := o.newExporters(ctx, s)
	if err != nil {
		return err
	}
	res := newResource(ctx, o.cfg)
	if s.metrics {
		metrics := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(exporters.metrics))
		o.ends = append(o.ends, end{signal: Metrics, shutdown: metrics.Shutdown})
	}
	if s.logs {
		queue := o.failures.queue(Logs, s.records)
		batches := sdklog.NewBatchProcessor(logExporter{exporters.logs, o.failures, queue})
		logs := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(recordQueue{batches, queue}))
		o.ends = append(o.ends, end{signal: Logs, shutdown: logs.Shutdown, queue: queue})
		o.Loggers = logs
	}
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithSampler(s.sampler)}
	for _, p := range o.cfg.SpanProcessors {
		opts = append(opts, sdktrace.WithSpanProcessor(p))
	}
	e := end{signal: Traces}
	if s.traces {
		e.queue = o.failures.queue(Traces, s.spans)
		e.spans = &spanExporter{SpanExporter: exporters.traces, failures: o.failures, queue: e.queue}
		batches := sdktrace.NewBatchSpanProcessor(e.spans, sdktrace.WithMaxQueueSize(s.spans+spare))
		opts = append(opts, sdktrace.WithSpanProcessor(spanQueue{batches, e.queue}))
	}
	traces := sdktrace.NewTracerProvider(opts...)
	e.shutdown = traces.Shutdown
	o.ends = append(o.ends, e)
	o.Tracers = traces
	return nil
}

// wanted reports whether a signal is exported, and notes where to.
func (o *OTel) wanted(signal string) bool {
	upper := strings.ToUpper(signal)
	exporter := os.Getenv("OTEL_" + upper + "_EXPORTER")
	endpoint := os.Getenv("OTEL_EXPORTER_OTLP_" + upper + "_ENDPOINT")
	if endpoint == "" {
		endpoint = os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT")
	}
	if o.cfg.OnlyIfNamed && exporter == "" && endpoint == "" {
		return false
	}
	if exporter == "" || exporter == "otlp" {
		if endpoint == "" {
			endpoint = "localhost"
			o.warnOfTLS(upper)
		}
		o.endpoints[signal] = endpoint
	}
	return exporter != "none"
}

// warnOfTLS says, once, that nobody has said where to export to: the exporters
// then speak TLS to localhost, and most collectors there take plain HTTP.
func (o *OTel) warnOfTLS(upper string) {
	if o.warned || os.Getenv("OTEL_EXPORTER_OTLP_INSECURE")+os.Getenv("OTEL_EXPORTER_OTLP_"+upper+"_INSECURE") != "" {
		return
	}
	o.warned = true
	o.cfg.ErrorLog.Warn("no endpoint is set: telemetry goes to localhost by TLS; a collector without it needs OTEL_EXPORTER_OTLP_ENDPOINT",
		"as_in", "OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318")
}

// fallback guards autoexport's producer, a setting of the whole process.
var fallback sync.Mutex

// newReader returns what reads the gatherer at intervals, and exports it.
func (o *OTel) newReader(ctx context.Context) (sdkmetric.Reader, error) {
	fallback.Lock()
	defer fallback.Unlock()
	autoexport.WithFallbackMetricProducer(func(context.Context) (sdkmetric.Producer, error) {
		return newProducer(o.cfg.Gatherer, o.failures), nil
	})
	return autoexport.NewMetricReader(ctx)
}

// newResource says what runs where. What the environment says goes first. What
// cannot be found out is reported and left out.
func newResource(ctx context.Context, cfg Config) *resource.Resource {
	version := cfg.ServiceVersion
	if info, ok := debug.ReadBuildInfo(); ok && version == "" {
		version = info.Main.Version
	}
	res, err := resource.New(ctx,
		resource.WithSchemaURL(semconv.SchemaURL),
		resource.WithAttributes(semconv.ServiceName(cfg.ServiceName), semconv.ServiceVersion(version)),
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		// Not the arguments, which may hold passwords.
		resource.WithProcessPID(), resource.WithProcessExecutableName(),
		resource.WithProcessRuntimeName(), resource.WithProcessRuntimeVersion(),
		resource.WithFromEnv())
	if err != nil {
		otel.Handle(fmt.Errorf("finding out what runs on this machine: %w", err))
	}
	return res
}
