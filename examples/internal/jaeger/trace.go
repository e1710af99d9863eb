package jaeger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// ErrNotFound says that Jaeger does not have the trace, or not yet.
var ErrNotFound = errors.New("jaeger: no such trace")

// Trace is a trace as Jaeger's HTTP API tells it.
type Trace struct {
	TraceID   string
	Spans     []Span
	Processes map[string]struct{ ServiceName string }
}

// Span is one of its spans.
type Span struct {
	TraceID, SpanID string
	OperationName   string
	Duration        int64 // in microseconds
	References      []Reference
	Tags            []Tag
	ProcessID       string // in Trace.Processes
}

// Reference is a span's parent (CHILD_OF) or a link (FOLLOWS_FROM).
type Reference struct{ RefType, TraceID, SpanID string }

// Tag is an attribute.
type Tag struct {
	Key   string
	Value any
}

// Tag returns the value of an attribute, nil if the span does not have it.
func (s Span) Tag(key string) any {
	for _, t := range s.Tags {
		if t.Key == key {
			return t.Value
		}
	}
	return nil
}

// Span returns the span with the id.
func (t Trace) Span(id string) (Span, bool) {
	for _, s := range t.Spans {
		if s.SpanID == id {
			return s, true
		}
	}
	return Span{}, false
}

// Trace returns what Jaeger has of a trace by now.
func (s *Server) Trace(ctx context.Context, id string) (Trace, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Query+"/api/traces/"+url.PathEscape(id), http.NoBody)
	if err != nil {
		return Trace{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Trace{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return Trace{}, ErrNotFound
	}
	if resp.StatusCode != http.StatusOK {
		return Trace{}, fmt.Errorf("jaeger: %s answers %s", req.URL, resp.Status)
	}
	var body struct{ Data []Trace }
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return Trace{}, fmt.Errorf("jaeger: %w", err)
	}
	if len(body.Data) == 0 {
		return Trace{}, ErrNotFound
	}
	return body.Data[0], nil
}
