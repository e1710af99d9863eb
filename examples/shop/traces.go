package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/integrations/otelsetup"
)

// maxSpans bounds the spans kept in memory, about 2 KB each: some ten seconds
// of 50 orders a second.
const maxSpans = 8192

// startOTel follows the environment variables of OpenTelemetry. Spans are kept
// in the ring, and exported if the environment says where to. Metrics are
// scraped. Records are printed, and exported only if the environment speaks of
// them: many backends for traces take nothing else.
func startOTel(ctx context.Context, ring *spanRing, registry *prometheus.Registry, logger *slog.Logger) (*otelsetup.OTel, error) {
	return otelsetup.Start(ctx, otelsetup.Config{
		ServiceName:    "afterglow-shop",
		Logs:           os.Getenv("OTEL_LOGS_EXPORTER")+os.Getenv("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT") != "",
		OnlyIfNamed:    true,
		SpanProcessors: []sdktrace.SpanProcessor{sdktrace.NewSimpleSpanProcessor(ring)},
		Registerer:     registry,
		ErrorLog:       logger,
	})
}

// traceIDOf is the trace id of a span that is kept, "" for others: there is
// nothing to be found by it.
func traceIDOf(sc trace.SpanContext) string {
	if !sc.IsSampled() {
		return ""
	}
	return sc.TraceID().String()
}

// spanRing keeps the last spans that ended. It is an exporter.
type spanRing struct {
	mu    sync.Mutex
	spans []sdktrace.ReadOnlySpan // guarded by mu
	next  int                     // guarded by mu: where the next one goes once it is full
}

func (r *spanRing) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range spans {
		if len(r.spans) < maxSpans {
			r.spans = append(r.spans, s)
			continue
		}
		r.spans[r.next] = s
		r.next = (r.next + 1) % maxSpans
	}
	return nil
}

func (r *spanRing) Shutdown(context.Context) error { return nil }

// newest returns up to limit of the spans that want accepts, newest first.
func (r *spanRing) newest(limit int, want func(sdktrace.ReadOnlySpan) bool) []sdktrace.ReadOnlySpan {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []sdktrace.ReadOnlySpan
	for i := range r.spans {
		s := r.spans[(r.next+len(r.spans)-1-i)%len(r.spans)]
		if len(found) == limit {
			break
		}
		if want(s) {
			found = append(found, s)
		}
	}
	return found
}

// spanJSON is a span as /traces shows it.
type spanJSON struct {
	Name       string         `json:"name"`
	Kind       string         `json:"kind"`
	TraceID    string         `json:"trace_id"`
	SpanID     string         `json:"span_id"`
	ParentID   string         `json:"parent_span_id,omitempty"`
	Links      []linkJSON     `json:"links,omitempty"`
	Start      time.Time      `json:"start"`
	DurationMS float64        `json:"duration_ms"`
	Status     string         `json:"status"`
	StatusText string         `json:"status_text,omitempty"`
	Attributes map[string]any `json:"attributes"`
	Events     []eventJSON    `json:"events,omitempty"`
}

type linkJSON struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

type eventJSON struct {
	Name       string         `json:"name"`
	Time       time.Time      `json:"time"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// tracesBody is the answer of /traces.
type tracesBody struct {
	Spans  []spanJSON `json:"spans"`
	Linked []spanJSON `json:"linked,omitempty"`
	Hint   string     `json:"hint,omitempty"`
}

// getTraces is GET /traces: the last spans, newest first. ?trace_id= shows one
// trace, and under "linked" the spans that link to it; ?name= those of one
// name; ?limit= how many. Browsers get a page, unless there is ?json.
func (s *shop) getTraces(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := 100
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxSpans {
			http.Error(w, fmt.Sprintf("limit: use 1 to %d", maxSpans), http.StatusBadRequest)
			return
		}
		limit = n
	}
	body := s.spans.look(q.Get("trace_id"), q.Get("name"), limit)
	w.Header().Set("Vary", "Accept")
	if strings.Contains(r.Header.Get("Accept"), "text/html") && !q.Has("json") {
		data := s.page()
		data.Shop, data.Title, data.Traces = s.url, "Traces", newTracesData(q, body)
		s.render(w, r, http.StatusOK, "traces.html", data)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(body) // a reader that left needs no answer
}

// look finds up to limit spans of a trace and of a name, if not "", and as many
// that link to the trace.
func (r *spanRing) look(traceID, name string, limit int) tracesBody {
	body := tracesBody{Spans: []spanJSON{}}
	for _, s := range r.newest(limit, func(s sdktrace.ReadOnlySpan) bool {
		return (traceID == "" || s.SpanContext().TraceID().String() == traceID) && (name == "" || s.Name() == name)
	}) {
		body.Spans = append(body.Spans, newSpanJSON(s))
	}
	if traceID == "" {
		return body
	}
	for _, s := range r.newest(limit, func(s sdktrace.ReadOnlySpan) bool { return linksTo(s, traceID) }) {
		body.Linked = append(body.Linked, newSpanJSON(s))
	}
	if len(body.Spans)+len(body.Linked) == 0 {
		body.Hint = fmt.Sprintf("not kept: only the last %d spans are", maxSpans)
	}
	return body
}

func linksTo(s sdktrace.ReadOnlySpan, traceID string) bool {
	for _, l := range s.Links() {
		if l.SpanContext.TraceID().String() == traceID {
			return true
		}
	}
	return false
}

func newSpanJSON(s sdktrace.ReadOnlySpan) spanJSON {
	j := spanJSON{
		Name: s.Name(), Kind: trace.ValidateSpanKind(s.SpanKind()).String(),
		TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(),
		Start: s.StartTime(), DurationMS: milliseconds(s.EndTime().Sub(s.StartTime())),
		Status: s.Status().Code.String(), StatusText: s.Status().Description,
		Attributes: attributesJSON(s.Attributes()),
	}
	if s.Parent().IsValid() {
		j.ParentID = s.Parent().SpanID().String()
	}
	for _, l := range s.Links() {
		j.Links = append(j.Links, linkJSON{l.SpanContext.TraceID().String(), l.SpanContext.SpanID().String()})
	}
	for _, e := range s.Events() {
		j.Events = append(j.Events, eventJSON{e.Name, e.Time, attributesJSON(e.Attributes)})
	}
	return j
}

func attributesJSON(attrs []attribute.KeyValue) map[string]any {
	m := make(map[string]any, len(attrs))
	for _, a := range attrs {
		m[string(a.Key)] = a.Value.AsInterface()
	}
	return m
}
