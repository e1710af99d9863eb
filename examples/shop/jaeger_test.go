package main

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/internal/jaeger"
	"github.com/afterglow-go/afterglow/examples/internal/jaeger/jaegertest"
)

// startJaeger starts a real Jaeger, and has the shops of this test export to it.
func startJaeger(t *testing.T) *jaeger.Server {
	t.Helper()
	config, err := os.ReadFile("../otlp/jaeger.yaml")
	require.NoError(t, err)
	server := jaegertest.Start(t, string(config), nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.OTLP)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50") // milliseconds; five seconds are long for a test
	return server
}

// fetch waits for a trace until it has a span.
func fetch(t *testing.T, server *jaeger.Server, traceID, spanID string) (jaeger.Trace, jaeger.Span) {
	t.Helper()
	var trace jaeger.Trace
	var span jaeger.Span
	var err error
	require.Eventually(t, func() bool {
		trace, err = server.Trace(t.Context(), traceID)
		found := false
		span, found = trace.Span(spanID)
		return found
	}, patience, 50*time.Millisecond, "span %s of trace %s", spanID, traceID)
	require.NoError(t, err)
	return trace, span
}

// The same walk as with the traces that the shop keeps itself, as it is done
// with a backend: from a metric by way of two traces to the log.
func TestExemplarLeadsThroughJaegerToTheRequestAndTheLog(t *testing.T) {
	server := startJaeger(t)
	s := startShop(t, "-smtp-delay", "5ms", "-faults", "order.email.admin=error:1")
	require.Contains(t, s.stdout.String(), "exported to "+server.OTLP)
	got := s.order()
	s.complete(got.ID)

	for callback, result := range map[string]string{"order.webhook": "success", "order.email.admin": "failure"} {
		// From the metric to a trace id.
		var exemplar map[string]string
		for _, m := range s.metrics() {
			if m.name == "afterglow_callback_duration_seconds_bucket" && m.exemplar != nil &&
				m.labels["callback"] == callback && m.labels["result"] == result {
				exemplar = m.exemplar
			}
		}
		require.NotEmpty(t, exemplar["trace_id"], "%s has an exemplar", callback)

		// From the trace id to the callback's span.
		trace, process := fetch(t, server, exemplar["trace_id"], exemplar["span_id"])
		require.Equal(t, "process "+callback, process.OperationName)
		require.Equal(t, "consumer", process.Tag("span.kind"))
		require.Equal(t, "shop", process.Tag("afterglow.runner"))
		require.Equal(t, "/api/orders", process.Tag("http.route"))
		require.Equal(t, "afterglow-shop", trace.Processes[process.ProcessID].ServiceName)
		if result == "failure" {
			require.Equal(t, "ERROR", process.Tag("otel.status_code"))
		}

		// From its link to the request.
		require.Len(t, process.References, 1, "no parent, one link")
		link := process.References[0]
		require.Equal(t, "FOLLOWS_FROM", link.RefType)
		require.NotEqual(t, exemplar["trace_id"], link.TraceID, "a trace of its own")
		require.Equal(t, got.TraceID, link.TraceID, "as the answer told")
		_, request := fetch(t, server, link.TraceID, link.SpanID)
		require.Equal(t, "POST /api/orders", request.OperationName)
		require.Equal(t, "server", request.Tag("span.kind"))
		require.Empty(t, request.References, "the root")

		// To the log line, by the id of the callback's trace.
		line := s.logLine("trace_id", exemplar["trace_id"])
		require.Equal(t, callback, line["callback"])
		require.Equal(t, exemplar["span_id"], line["span_id"])
		require.Equal(t, got.TraceID, line["request.trace_id"])
	}
	require.Equal(t, "order placed", s.logLine("trace_id", got.TraceID)["msg"], "the request's own line")
	for _, m := range s.metrics() {
		if m.name == "otel_export_failures_total" {
			require.Zero(t, m.value, "%v", m.labels)
		}
	}
}
