package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/examples/internal/alerts"
	"github.com/afterglow-go/afterglow/examples/internal/jaeger"
	"github.com/afterglow-go/afterglow/internal/tool"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// durableBoard shows durable tasks, which no scenario's shop has: this test is about it.
const durableBoard = "afterglow-durable"

// The alerts on durable tasks, each of which fires in this test.
const (
	deadLetters = "AfterglowDurableDeadLetters"
	noWorker    = "AfterglowDurableNoWorker"
	dueTooLong  = "AfterglowDurableOldestTooOld"
	returned    = "AfterglowDurableTasksReturned"
	storeUnread = "AfterglowDurableStoreUnread"
)

var durableAlerts = []string{deadLetters, noWorker, dueTooLong, returned, storeUnread}

// member is a process of the test, beside the stack's own.
type member struct {
	*server
	ts            *testStack
	url, instance string
}

// member starts one, has it scraped, and gives it a name of its own in traces, unless it does the work: those are
// looked up by the job.
func (ts *testStack) member(role string) *member {
	ts.t.Helper()
	ports, err := tool.FreePorts(1)
	require.NoError(ts.t, err)
	m := &member{ts: ts, instance: "127.0.0.1:" + ports[0]}
	m.url = "http://" + m.instance
	service := shopJob
	if role == webChild {
		service = webService
	}
	binary, err := os.Executable()
	require.NoError(ts.t, err)
	m.server, err = ts.startServer(ts.t.Context(), tool.Command{
		Name: role, Path: binary, Ready: m.url + "/readyz",
		Env: []string{
			childRole + "=" + role, childOps + "=" + m.instance, childDSN + "=" + ts.tasks(),
			"OTEL_SERVICE_NAME=" + service,
			"OTEL_EXPORTER_OTLP_ENDPOINT=" + ts.otlp, "OTEL_BSP_SCHEDULE_DELAY=200",
			"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=" + ts.victoriaLogsURL + "/insert/opentelemetry/v1/logs", "OTEL_BLRP_SCHEDULE_DELAY=200",
		},
	})
	require.NoError(ts.t, err)
	ts.scraped = append(ts.scraped, m.instance)
	require.NoError(ts.t, ts.files.targets(shopTargets, ts.scraped))
	return m
}

// tasks is the DSN of the store.
func (ts *testStack) tasks() string { return sqlite.Scheme + filepath.Join(ts.dir, "tasks.db") }

// webService is what the process that enqueues is called in traces.
const webService = "afterglow-web"

// post asks for something, and returns the trace of that request.
func (m *member) post(what string) (traceID string) {
	m.ts.t.Helper()
	resp, err := m.ts.client.Post(m.url+"/"+what, "", http.NoBody)
	require.NoError(m.ts.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(m.ts.t, err)
	require.Equal(m.ts.t, http.StatusOK, resp.StatusCode, "%s", body)
	return string(body)
}

// die ends it as the kernel would.
func (m *member) die() {
	m.ts.t.Helper()
	if resp, err := m.ts.client.Post(m.url+"/die", "", http.NoBody); err == nil {
		resp.Body.Close()
	}
	<-m.process.Ended()
	require.Equal(m.ts.t, "signal: killed", m.process.End())
}

// followed waits for the span that the only link of a span leads to, and returns it with the name of its process.
func (ts *testStack) followed(from jaeger.Span) (span jaeger.Span, service string) {
	ts.t.Helper()
	require.Len(ts.t, from.References, 1, "no parent, one link")
	require.Equal(ts.t, "FOLLOWS_FROM", from.References[0].RefType)
	return ts.spanOf(from.References[0].TraceID, from.References[0].SpanID)
}

func (ts *testStack) spanOf(traceID, spanID string) (span jaeger.Span, service string) {
	ts.t.Helper()
	server := &jaeger.Server{Query: ts.jaegerURL}
	ts.eventually(func() bool {
		trace, err := server.Trace(ts.t.Context(), traceID)
		found := false
		span, found = trace.Span(spanID)
		service = trace.Processes[span.ProcessID].ServiceName
		return err == nil && found
	}, "Jaeger has span %s of trace %s", spanID, traceID)
	return span, service
}

// From a request by way of the store to a worker in another process, and back: by the links of the spans, by
// the metric of the dashboard, and by the record. Then processes die.
func TestDurableWorkIsSeenFromTheRequestToTheWorkerInAnotherProcess(t *testing.T) {
	t.Parallel()
	t.Cleanup(http.DefaultClient.CloseIdleConnections) // by which Jaeger is asked
	ts := startStack(t, func(*options) {}, "-load", "1", "-smtp-delay", "5ms")
	web, worker := ts.member(webChild), ts.member(workerChild)
	board, err := openPage(t, dashboards(t), "/d/"+durableBoard)
	require.NoError(t, err)
	request := web.post("order")

	// From the query of a panel, by its exemplar, to the span of the attempt, and to that of the request.
	latency := board.filled(board.find("Run time p99, by task").Targets[0])
	var kept exemplar
	ts.eventually(func() bool {
		found := ts.exemplars(latency.Expr)
		i := slices.IndexFunc(found, func(e exemplar) bool {
			return e.series["callback"] == "order.receipt" && e.series["result"] == names.ResultSuccess
		})
		if i >= 0 {
			kept = found[i]
		}
		return i >= 0
	}, "the panel has an exemplar of the task")
	require.Equal(t, worker.instance, kept.series["instance"])
	require.Equal(t, names.ModeDurable, kept.series["mode"])
	attempt, service := ts.spanOf(kept.Labels["trace_id"], kept.Labels["span_id"])
	require.Equal(t, "process order.receipt", attempt.OperationName)
	require.Equal(t, shopJob, service)
	require.EqualValues(t, 2, attempt.Tag(names.AttrAttempt))
	require.Equal(t, "order 7", attempt.Tag(names.AttrRef))
	asker, service := ts.followed(attempt)
	require.Equal(t, "POST /order", asker.OperationName)
	require.Equal(t, webService, service, "in another process")
	require.Equal(t, request, asker.TraceID)

	// What a callback has enqueued after the response is two links away from the request, and names its trace.
	var after []jaeger.Trace
	ts.eventually(func() bool {
		after = ts.search(target{QueryType: "search", Service: shopJob, Operation: "process order.stock", Limit: 20})
		return len(after) == 1
	}, "Jaeger has the attempt")
	attempt = after[0].Spans[0]
	require.Equal(t, request, attempt.Tag(names.AttrRequestTrace))
	callback, service := ts.followed(attempt)
	require.Equal(t, "process order.stock", callback.OperationName)
	require.Equal(t, webService, service)
	asker, _ = ts.followed(callback)
	require.Equal(t, request, asker.TraceID)

	// The record of a dead letter leads to both traces.
	request = web.post("broken")
	failures := board.filled(board.find("Failures' logs").Targets[0])
	var failed record
	ts.eventually(func() bool {
		_, found := ts.records(failures.Expr)
		i := slices.IndexFunc(found, func(r record) bool { return r[names.KeyCallback] == "order.broken" })
		if i >= 0 {
			failed = found[i]
		}
		return i >= 0
	}, "the panel has the record")
	stored := &coverage{boards: dashboards(t), stored: victoriaBoards(t)}
	stored.saysTheSame(ts, durableBoard, "Failures' logs", "order.broken")
	require.Equal(t, request, failed[names.KeyRequestTraceID])
	require.Equal(t, "order 8", failed[names.KeyRef])
	attempt, _ = ts.spanOf(failed[names.KeyTraceID], failed[names.KeySpanID])
	require.Equal(t, "ERROR", attempt.Tag("otel.status_code"))
	asker, _ = ts.followed(attempt)
	require.Equal(t, request, asker.TraceID)
	ts.fires(deadLetters)

	ts.processesDie(web, worker)
	ts.covers(board)
	ts.hidesTheStore()
}

// fires waits for the notification of an alert.
func (ts *testStack) fires(alert string) {
	ts.t.Helper()
	ts.eventually(func() bool { return ts.told(alerts.Firing)[alert].Name() != "" }, "%s is told; fired: %v", alert, ts.fired())
}

// processesDie kills the worker and then the process that enqueues. Alerts name both troubles.
func (ts *testStack) processesDie(web, worker *member) {
	ts.t.Helper()
	web.post("hanging")
	ts.eventually(func() bool {
		return len(ts.query(`afterglow_workers_busy{mode="durable",instance="`+worker.instance+`"} == 1`)) == 1
	}, "it hangs")
	worker.die()
	web.post("order")
	ts.fires(noWorker)
	ts.eventually(func() bool { return ts.inhibits(noWorker, dueTooLong) }, "%s holds %s back", noWorker, dueTooLong)

	next := ts.member(workerChild)
	ts.fires(returned)
	ts.eventually(func() bool {
		return len(ts.query(`afterglow_durable_returned_total{callback="order.hanging",instance="`+next.instance+`"} == 1`)) == 1
	}, "the next one has taken what hung")

	shown := func() (by []string) {
		for _, s := range ts.query(`count by (instance) (afterglow_durable_tasks)`) {
			by = append(by, s.Metric["instance"])
		}
		return by
	}
	ts.eventually(func() bool { return slices.Equal(shown(), []string{web.instance}) }, "one process shows the store")
	web.die()
	ts.eventually(func() bool { return slices.Equal(shown(), []string{next.instance}) }, "another one does")
}

// hidesTheStore breaks what a process needs to show the store.
func (ts *testStack) hidesTheStore() {
	ts.t.Helper()
	db, err := sqlite.OpenDB(ts.tasks())
	require.NoError(ts.t, err)
	_, err = db.ExecContext(ts.t.Context(), "ALTER TABLE afterglow_reader RENAME TO away")
	require.NoError(ts.t, err)
	require.NoError(ts.t, db.Close())
	ts.fires(storeUnread)
}

// covers asks each query of the dashboard: each must return something.
func (ts *testStack) covers(p page) {
	ts.t.Helper()
	asked := 0
	each(p.board.Panels, func(v panel) {
		for _, tg := range v.Targets {
			filled := p.filled(tg)
			ts.eventually(func() bool {
				n, _ := ts.asks(v.Datasource.Type, filled)
				return n > 0
			}, "%s: %v", v.Title, filled)
			asked++
		}
	})
	require.Greater(ts.t, asked, 35)
	require.True(ts.t, slices.ContainsFunc(p.board.Links, func(l struct {
		URL         string
		IncludeVars bool
	}) bool {
		return strings.HasPrefix(l.URL, "/d/afterglow-callback")
	}), "it leads to a task's own page")
}
