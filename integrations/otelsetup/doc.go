// Package otelsetup sets up the OpenTelemetry SDK for a program with a runner:
// resource, sampler, propagators, exporters, and an end in the right order.
//
//	otel, err := otelsetup.Start(ctx, otelsetup.Config{ServiceName: "shop", Gatherer: registry, Logs: true})
//	…
//	err = otel.Shutdown(ctx, after) // after the server has shut down
//
// # What it adds
//
// Package autoexport (v0.72.0) makes the exporters that the environment names, package
// autoprop the propagators, and the SDK reads its limits. Use these alone if you need
// nothing of the following:
//
//   - The sampler keeps both ends of the link between a request and its callback, or
//     none. The SDK's own ratio decides twice, so half of the links lead nowhere.
//   - Exemplars reach the collector. OpenTelemetry's bridge from Prometheus (v0.72.0)
//     passes on the text of their ids, and a collector refuses the whole export.
//     Histograms with classic and native buckets are exported as classic ones, because
//     the bridge leaves out the exemplars of native ones.
//   - Exports that fail are counted for each signal and logged at a bounded rate, and so
//     is each span and record that finds the queue full. The SDK drops those in silence.
//   - Shutdown drains the runners, and then exports metrics, records and spans, in this
//     order. So the last counts, and the records about them, are exported too. Its error says
//     which signal's last export has failed.
//   - A variable that cannot be used is an error of Start. The SDK goes on with
//     a default, exports to nowhere, or panics.
//
// Package otelconf (v0.27.0) does none of these: it reads a YAML file in place of the
// variables, cannot export a Prometheus registry, and replaces a sampler that a program gives it.
//
// # Variables
//
//	OTEL_SDK_DISABLED            true: nothing is recorded or exported
//	OTEL_SERVICE_NAME            the service's name
//	OTEL_RESOURCE_ATTRIBUTES     key=value pairs, separated by commas
//	OTEL_TRACES_SAMPLER          parentbased_traceidratio and its like
//	OTEL_TRACES_SAMPLER_ARG      the ratio, from 0 to 1
//	OTEL_PROPAGATORS             tracecontext, baggage, b3 ...
//	OTEL_TRACES_EXPORTER         otlp, console or none
//	OTEL_METRICS_EXPORTER        the same, or prometheus, at
//	OTEL_EXPORTER_PROMETHEUS_HOST, OTEL_EXPORTER_PROMETHEUS_PORT
//	OTEL_LOGS_EXPORTER           otlp, console or none
//
// How OTLP is spoken, by all signals, or with TRACES_, METRICS_ or LOGS_ after
// OTLP_ by one of them:
//
//	OTEL_EXPORTER_OTLP_ENDPOINT            a URL with its scheme
//	OTEL_EXPORTER_OTLP_PROTOCOL            grpc or http/protobuf
//	OTEL_EXPORTER_OTLP_HEADERS             key=value pairs, separated by commas
//	OTEL_EXPORTER_OTLP_TIMEOUT             milliseconds
//	OTEL_EXPORTER_OTLP_COMPRESSION         gzip or none
//	OTEL_EXPORTER_OTLP_INSECURE            true or false
//	OTEL_EXPORTER_OTLP_CERTIFICATE         a file, as the next two
//	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_KEY
//
// How much is kept, and when it is exported:
//
//	OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_EXPORT_TIMEOUT       of spans, in milliseconds
//	OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE
//	OTEL_BLRP_SCHEDULE_DELAY, OTEL_BLRP_EXPORT_TIMEOUT     of log records
//	OTEL_BLRP_MAX_QUEUE_SIZE, OTEL_BLRP_MAX_EXPORT_BATCH_SIZE
//	OTEL_METRIC_EXPORT_INTERVAL, OTEL_METRIC_EXPORT_TIMEOUT
//	OTEL_ATTRIBUTE_COUNT_LIMIT, OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT
//	OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT
//	OTEL_SPAN_EVENT_COUNT_LIMIT, OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT
//	OTEL_SPAN_LINK_COUNT_LIMIT, OTEL_LINK_ATTRIBUTE_COUNT_LIMIT
//	OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT, OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT
//
// A value that cannot be used is an error of Start, which names the variable,
// the value and what to use. Of headers it shows no value, as that may be a
// secret. The variables of a signal that is not exported are not read.
//
// The metrics are those of a Prometheus registry, exported as they are. So these
// three have one value each that is true, and others are refused:
//
//	OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE          cumulative
//	OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION   explicit_bucket_histogram
//	OTEL_METRICS_EXEMPLAR_FILTER                               trace_based
//
// Leave OTEL_METRICS_PRODUCERS unset. The registry of the Config is exported
// without it. What it names takes the place of that: prometheus is the bridge
// over the process's default registry, without what is put right here, so that
// one exemplar may cost an export; none exports no metrics.
//
// A backend that is down costs a program neither callbacks nor responses. What
// cannot be exported is lost, counted and, seldom, logged: exports that fail in
// otel_export_failures_total, and what finds the queue full, of which
// OTEL_BSP_MAX_QUEUE_SIZE and OTEL_BLRP_MAX_QUEUE_SIZE are the size, span by span
// and record by record in otel_export_dropped_total.
package otelsetup
