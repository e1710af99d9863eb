package telemetry

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// describe says what a process span says of its callback, or the attempt, beside
// the names that it was started with.
func (t *tracing) describe(p *process, info *runner.StartedInfo, outcome runner.Outcome) []attribute.KeyValue {
	attrs := append(make([]attribute.KeyValue, 0, 18),
		attribute.String(names.AttrOutcome, outcome.String()),
		attribute.Float64(names.AttrQueueWait, info.QueueWait().Seconds()))
	if info.AskedAfter {
		attrs = append(attrs, attribute.Float64(names.AttrResponseDelay, info.ResponseDelay().Seconds()))
	}
	if info.Timeout > 0 {
		attrs = append(attrs, attribute.Float64(names.AttrTimeout, info.Timeout.Seconds()))
	}
	if info.Attempt > 1 {
		attrs = append(attrs, attribute.Int(names.AttrAttempt, info.Attempt))
	}
	if info.Ref != "" {
		attrs = append(attrs, attribute.String(names.AttrRef, info.Ref))
	}
	if p.request.IsValid() {
		attrs = append(attrs, attribute.String(names.AttrRequestTrace, p.request.String()))
	}
	if req, ok := runner.RequestFrom(p); ok {
		attrs = appendRequest(attrs, req)
	}
	attrs = append(attrs, t.functions.of(&info.Callback).attrs...)
	return append(attrs, t.sites.attrs(p.site)...)
}

// appendRequest adds what is bounded about a request: the route that matched,
// not the path, and the method if it is one that HTTP knows. An RPC has its own words.
func appendRequest(attrs []attribute.KeyValue, req runner.Request) []attribute.KeyValue {
	if req.RPC != "" {
		return appendRPC(attrs, req)
	}
	if route := routeOf(req.Pattern); route != "" {
		attrs = append(attrs, semconv.HTTPRoute(bounded(route, maxRoute)))
	}
	switch req.Method {
	case "":
	case "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE":
		attrs = append(attrs, semconv.HTTPRequestMethodKey.String(req.Method))
	default: // A client may send any word.
		attrs = append(attrs, semconv.HTTPRequestMethodOther)
	}
	return attrs
}

// appendRPC is appendRequest for an RPC.
func appendRPC(attrs []attribute.KeyValue, req runner.Request) []attribute.KeyValue {
	attrs = append(attrs, semconv.RPCSystemNameKey.String(bounded(req.RPC, maxRoute)))
	if method := strings.TrimPrefix(req.Pattern, "/"); method != "" {
		attrs = append(attrs, semconv.RPCMethod(bounded(method, maxRoute)))
	}
	if req.Code != "" {
		attrs = append(attrs, semconv.RPCResponseStatusCode(bounded(req.Code, maxRoute)))
	}
	return attrs
}

// routeOf is the path of a pattern such as "POST example.com/orders/{id}".
func routeOf(pattern string) string {
	if i := strings.IndexByte(pattern, '/'); i >= 0 {
		return pattern[i:]
	}
	return ""
}
