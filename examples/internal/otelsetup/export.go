package otelsetup

import (
	"context"
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

// export makes the providers, each with its exporter.
func (o *OTel) export(ctx context.Context) error {
	res := newResource(ctx, o.cfg)
	if o.cfg.Gatherer != nil && o.wanted(Metrics) {
		reader, err := newReader(ctx, o.cfg)
		if err != nil {
			return fmt.Errorf("OTEL_METRICS_EXPORTER: %w", err)
		}
		metrics := sdkmetric.NewMeterProvider(sdkmetric.WithResource(res), sdkmetric.WithReader(reader))
		o.ends = append(o.ends, end{Metrics, metrics.Shutdown, nil})
	}
	if o.cfg.Logs && o.wanted(Logs) {
		exporter, err := autoexport.NewLogExporter(ctx)
		if err != nil {
			return fmt.Errorf("OTEL_LOGS_EXPORTER: %w", err)
		}
		logs := sdklog.NewLoggerProvider(sdklog.WithResource(res), sdklog.WithProcessor(sdklog.NewBatchProcessor(logExporter{exporter})))
		o.ends = append(o.ends, end{Logs, logs.Shutdown, nil})
		o.Loggers = logs
	}
	sampler, err := newSampler()
	if err != nil {
		return err
	}
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res), sdktrace.WithSampler(sampler)}
	for _, p := range o.cfg.SpanProcessors {
		opts = append(opts, sdktrace.WithSpanProcessor(p))
	}
	var spans *spanExporter
	if o.wanted(Traces) {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return fmt.Errorf("OTEL_TRACES_EXPORTER: %w", err)
		}
		spans = &spanExporter{SpanExporter: exporter}
		opts = append(opts, sdktrace.WithBatcher(spans))
	}
	traces := sdktrace.NewTracerProvider(opts...)
	o.ends = append(o.ends, end{Traces, traces.Shutdown, spans})
	o.Tracers = traces
	return nil
}

// wanted tells whether a signal is exported, and notes where to.
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
func newReader(ctx context.Context, cfg Config) (sdkmetric.Reader, error) {
	fallback.Lock()
	defer fallback.Unlock()
	autoexport.WithFallbackMetricProducer(func(context.Context) (sdkmetric.Producer, error) {
		return newProducer(cfg.Gatherer), nil
	})
	return autoexport.NewMetricReader(ctx)
}

// newResource says what runs where. What the environment says goes first. What
// cannot be found out, or read, is reported and left out.
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
		otel.Handle(fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES, or this machine: %w", err))
	}
	return res
}
