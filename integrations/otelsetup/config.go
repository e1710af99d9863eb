package otelsetup

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Config says what is set up. The environment says where it goes.
type Config struct {
	// ServiceName and ServiceVersion tell what runs, unless the environment
	// does. Empty version: that of the program's module, if it has one.
	ServiceName, ServiceVersion string

	// Gatherer has the metrics that are exported. Histograms with classic
	// buckets are exported with these and their exemplars.
	// nil: none are, they are scraped.
	Gatherer prometheus.Gatherer

	// Logs has log records exported that are written to OTel.LogHandler.
	// false: they are not, who runs the program collects what it prints.
	Logs bool

	// OnlyIfNamed exports a signal only if the environment names its exporter
	// or an endpoint.
	// false: to localhost then, as the specification has it, but by TLS, which
	// is where the exporters differ from it and few collectors there take. A
	// record says so, and what to set.
	OnlyIfNamed bool

	// SpanProcessors get all spans, beside the exporter.
	SpanProcessors []sdktrace.SpanProcessor

	// Registerer gets the counter of what went wrong with exports.
	// nil: prometheus.DefaultRegisterer.
	Registerer prometheus.Registerer

	// ErrorLog writes about that, too. It should not be exported itself.
	// nil: slog.Default(), as it is when Start is called.
	ErrorLog *slog.Logger

	// FlushTime is how long each signal may take at the end.
	// 0: 2 seconds.
	FlushTime time.Duration
}

const defaultFlushTime = 2 * time.Second

func (c Config) withDefaults() Config {
	if c.Registerer == nil {
		c.Registerer = prometheus.DefaultRegisterer
	}
	if c.ErrorLog == nil {
		c.ErrorLog = slog.Default()
	}
	if c.FlushTime == 0 {
		c.FlushTime = defaultFlushTime
	}
	return c
}
