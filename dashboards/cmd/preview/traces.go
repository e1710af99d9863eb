package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// traceColumns are those that Grafana makes of a search in Jaeger.
var traceColumns = []string{"Trace ID", "Trace name", "Start time", "Duration"}

// traces searches Jaeger as Grafana does.
func (s *source) traces(ctx context.Context, q target) ([]row, error) {
	tags := make(map[string]string)
	for _, pair := range strings.Fields(q.Tags) {
		name, value, _ := strings.Cut(pair, "=")
		tags[name] = value
	}
	text, err := json.Marshal(tags)
	if err != nil {
		return nil, err
	}
	form := url.Values{
		"service": {q.Service}, "tags": {string(text)}, "limit": {"20"}, "lookback": {"custom"},
		"start": {strconv.FormatInt(s.start.UnixMicro(), 10)}, "end": {strconv.FormatInt(s.end.UnixMicro(), 10)},
	}
	for name, value := range map[string]string{"operation": q.Operation, "minDuration": q.MinDuration} {
		if value != "" {
			form.Set(name, value)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.jaeger+"/api/traces?"+form.Encode(), http.NoBody)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data []struct {
			TraceID string
			Spans   []struct {
				OperationName       string
				StartTime, Duration int64 // microseconds
				References          []struct{ RefType string }
				ProcessID           string
			}
			Processes map[string]struct{ ServiceName string }
		}
	}
	if err := s.get(req, &answer); err != nil {
		return nil, err
	}
	var rows []row
	for _, trace := range answer.Data {
		first, last, name := int64(1<<62), int64(0), ""
		for _, span := range trace.Spans {
			if span.StartTime < first {
				first, name = span.StartTime, trace.Processes[span.ProcessID].ServiceName+": "+span.OperationName
			}
			last = max(last, span.StartTime+span.Duration)
		}
		rows = append(rows, row{
			"Trace ID": {word: trace.TraceID}, "Trace name": {word: name},
			"Start time": {word: time.UnixMicro(first).Format("2006-01-02 15:04:05.000")},
			"Duration":   {word: format(float64(last-first)/1e6, "s", nil)},
		})
	}
	return rows, nil
}
