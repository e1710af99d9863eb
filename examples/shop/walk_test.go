package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type spansBody struct {
	Spans, Linked []spanJSON
}

func (s *testShop) spans(query string) spansBody {
	s.t.Helper()
	return decode[spansBody](s.t, s.get(s.ops+"/traces?"+query).body)
}

// A person sees a slow bucket, and wants the very run, the request that asked
// for it, and what was logged.
func TestExemplarLeadsToTheTraceTheRequestAndTheLog(t *testing.T) {
	s := startShop(t, "-smtp-delay", "5ms", "-faults", "order.email.admin=error:1")
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
		var process spanJSON
		for _, span := range s.spans("trace_id=" + exemplar["trace_id"]).Spans {
			if span.Name == "process "+callback {
				process = span
			}
		}
		require.Equal(t, exemplar["span_id"], process.SpanID)
		require.Equal(t, "consumer", process.Kind)
		require.Empty(t, process.ParentID, "the root of its own trace")

		// From its link to the request.
		require.Len(t, process.Links, 1)
		request := s.spans("trace_id=" + process.Links[0].TraceID)
		require.Equal(t, got.TraceID, process.Links[0].TraceID, "as the answer told")
		var server spanJSON
		for _, span := range request.Spans {
			if span.SpanID == process.Links[0].SpanID {
				server = span
			}
		}
		require.Equal(t, "POST /api/orders", server.Name)
		require.Equal(t, "server", server.Kind)
		require.Equal(t, "/api/orders", server.Attributes["http.route"])
		require.Len(t, request.Linked, 6, "and from the request back to its callbacks")

		// To the log line, by the id of the callback's trace.
		line := s.logLine("trace_id", exemplar["trace_id"])
		require.Equal(t, callback, line["callback"])
		require.Equal(t, exemplar["span_id"], line["span_id"])
		require.Equal(t, got.TraceID, line["request.trace_id"])
		if result == "failure" {
			require.Equal(t, "callback failed", line["msg"])
		} else {
			require.Equal(t, "callback done", line["msg"])
		}
	}
	require.Equal(t, got.ID, s.logLine("trace_id", got.TraceID)["id"], "the request's own line")

	// The webhook's trace goes on in the receiver.
	webhook := s.spans("name=process+order.webhook").Spans[0]
	kinds := []string{}
	for _, span := range s.spans("trace_id=" + webhook.TraceID).Spans {
		kinds = append(kinds, span.Kind)
	}
	require.ElementsMatch(t, []string{"consumer", "client", "server"}, kinds)
}

// A person has an answer, or a mail, and wants all that was done for it.
func TestAFailureLeavesTheLastSecondsOfTheExecutionTrace(t *testing.T) {
	dir := t.TempDir()
	s := startShop(t, "-smtp-delay", "0s", "-flight", dir, "-faults", "order.analytics=panic:1")
	s.complete(s.order().ID)
	require.NoError(t, s.stop(), "by which it is written")
	snapshot, ok := s.logLine("msg", "callback panicked")["snapshot"].(string)
	require.True(t, ok, "the record names it")
	trace, err := os.ReadFile(snapshot)
	require.NoError(t, err)
	require.Contains(t, string(trace), "process order.analytics", "the callback is a task of it")
	require.Equal(t, dir, filepath.Dir(snapshot))
}

func TestTraceIDOfAnAnswerFindsItsLogAndIsInItsMails(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s", "-faults", "order.analytics=error:1")
	for _, mode := range []placeMode{modeAfter, modeInline} {
		t.Run(string(mode), func(t *testing.T) {
			a := s.post("/api/orders?mode="+string(mode), adasOrder)
			got := decode[placed](t, a.body)
			s.complete(got.ID)
			key, records := "request.trace_id", make(map[any]int)
			if mode == modeInline {
				key = "trace_id" // nothing has a trace of its own
			}
			for line := range strings.Lines(s.stderr.String()) {
				if record := decode[map[string]any](t, line); record[key] == got.TraceID {
					records[record["msg"]]++
				}
			}
			want := map[any]int{"callback done": 5, "callback failed": 1}
			if mode == modeInline {
				want = map[any]int{"order placed": 1, "inline job done": 5, "inline job failed": 1}
			}
			require.Equal(t, want, records)
			for _, to := range []string{"ada@example.org", "admin@shop.example"} {
				require.Contains(t, s.get(s.url+"/inbox?to="+to).body, `href="`+s.ops+"/traces?trace_id="+got.TraceID+`"`, to)
			}
		})
	}
}

// logLine returns the record of the JSON log that has the attribute.
func (s *testShop) logLine(key, value string) (found map[string]any) {
	s.t.Helper()
	for line := range strings.Lines(s.stderr.String()) {
		var record map[string]any
		require.NoError(s.t, json.Unmarshal([]byte(line), &record), line)
		if record[key] == value {
			require.Nil(s.t, found, "one record with %s %s", key, value)
			require.Equal(s.t, 1, strings.Count(line, `"trace_id"`), line)
			found = record
		}
	}
	require.NotNil(s.t, found, "a record with %s %s", key, value)
	return found
}
