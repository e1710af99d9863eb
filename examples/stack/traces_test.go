package main

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/internal/jaeger"
)

// search asks Jaeger what Grafana's data source would for a target, over the
// time since the stack was started.
func (ts *testStack) search(tg target) []jaeger.Trace {
	ts.t.Helper()
	require.Equal(ts.t, "search", tg.QueryType)
	at := func(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }
	values := url.Values{
		"service": {tg.Service}, "operation": {tg.Operation}, "limit": {strconv.Itoa(tg.Limit)},
		"start": {at(ts.began)}, "end": {at(time.Now())}, "lookback": {"custom"},
	}
	if tg.MinDuration != "" {
		values.Set("minDuration", tg.MinDuration)
	}
	if tg.Tags != "" { // in logfmt; the API takes them in JSON, each a string
		tags := make(map[string]string)
		for _, field := range strings.Fields(tg.Tags) {
			key, value, _ := strings.Cut(field, "=")
			tags[key] = value
		}
		text, err := json.Marshal(tags)
		require.NoError(ts.t, err)
		values.Set("tags", string(text))
	}
	var body struct{ Data []jaeger.Trace }
	ts.get(ts.jaegerURL+"/api/traces?"+values.Encode(), &body)
	return body.Data
}

// exemplar is a point of a series that has the ids of its trace.
type exemplar struct {
	Labels map[string]string
	Value  string

	series map[string]string // its labels
}

// exemplars asks Prometheus for those of a query since the stack was started.
func (ts *testStack) exemplars(expr string) (found []exemplar) {
	ts.t.Helper()
	var body struct {
		Data []struct {
			SeriesLabels map[string]string
			Exemplars    []exemplar
		}
	}
	ts.get(ts.prometheusURL+"/api/v1/query_exemplars?"+url.Values{
		"query": {expr},
		"start": {strconv.FormatInt(ts.began.Unix(), 10)}, "end": {strconv.FormatInt(time.Now().Add(patience).Unix(), 10)},
	}.Encode(), &body)
	for _, s := range body.Data {
		for _, e := range s.Exemplars {
			e.series = s.SeriesLabels
			found = append(found, e)
		}
	}
	return found
}

// failures counts the spans of an operation that ended in an error, and the
// others.
func failures(traces []jaeger.Trace, operation string) (failed, others int) {
	for _, trace := range traces {
		for _, span := range trace.Spans {
			switch {
			case span.OperationName != operation:
			case span.Tag("otel.status_code") == "ERROR":
				failed++
			default:
				others++
			}
		}
	}
	return failed, others
}

func TestThePanelOfFailedTracesShowsThemAndNoOthers(t *testing.T) {
	t.Parallel()
	// A share of two callbacks fails, the panel is about one.
	ts := startStack(t, func(*options) {}, "-load", "10", "-smtp-delay", "5ms", "-faults", "order.webhook=panic:0.3,activity.log=error:0.3")
	tg := targetOf(t, "afterglow-callback", "Its failed traces", "order.webhook")

	var found []jaeger.Trace
	ts.eventually(func() bool {
		found = ts.search(tg)
		return len(found) == tg.Limit
	}, "Jaeger has as many failed traces as the panel shows")
	failed, others := failures(found, "process order.webhook")
	require.Equal(t, len(found), failed, "each has the callback's failure")
	require.Zero(t, others)

	tg.Tags, tg.Limit = "", 1000
	_, others = failures(ts.search(tg), "process order.webhook")
	require.Positive(t, others, "there are runs that did not fail")
	tg.Service = "another"
	require.Empty(t, ts.search(tg))
}
