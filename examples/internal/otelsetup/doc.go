// Package otelsetup sets up the OpenTelemetry SDK for a program with a runner:
// resource, sampler, propagators, exporters, and an end in the right order. It
// follows the SDK's environment variables; of the names of exporters and
// protocols, packages autoexport and autoprop take care.
//
//	OTEL_SDK_DISABLED            true: nothing is recorded or exported
//	OTEL_SERVICE_NAME            the service's name
//	OTEL_RESOURCE_ATTRIBUTES     key=value pairs, separated by commas
//	OTEL_TRACES_SAMPLER, _ARG    parentbased_traceidratio and its like
//	OTEL_PROPAGATORS             tracecontext, baggage, b3 ...
//	OTEL_{TRACES,METRICS,LOGS}_EXPORTER                  otlp, console or none
//	OTEL_EXPORTER_OTLP_{ENDPOINT,PROTOCOL,HEADERS,TIMEOUT,...}
//	OTEL_EXPORTER_OTLP_{TRACES,METRICS,LOGS}_{ENDPOINT,...}
//	OTEL_BSP_*, OTEL_BLRP_*, OTEL_METRIC_EXPORT_*, OTEL_SPAN_*_LIMIT
//
// Leave OTEL_METRICS_PRODUCERS unset. The registry of the Config is exported
// without it. What it names takes the place of that: prometheus is the bridge
// over the process's default registry, without what is put right here, so that
// one exemplar may cost an export; none exports no metrics.
//
// A value that cannot be used is an error of Start, which names the variable,
// the value and what to use.
//
// A backend that is down costs a program neither callbacks nor responses. What
// cannot be exported is lost, counted and, seldom, logged: exports that fail in
// otel_export_failures_total, and what finds the queue full, of which
// OTEL_BSP_MAX_QUEUE_SIZE and OTEL_BLRP_MAX_QUEUE_SIZE are the size, span by span
// and record by record in otel_export_dropped_total.
package otelsetup
