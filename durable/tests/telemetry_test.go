package durable_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// seen is what telemetry sends.
type seen struct {
	t        *testing.T
	tel      *telemetry.Telemetry
	tracer   trace.Tracer
	spans    *tracetest.InMemoryExporter
	registry *prometheus.Registry

	mu      sync.Mutex
	records bytes.Buffer // guarded by mu
}

func newSeen(t *testing.T) *seen {
	s := &seen{t: t, spans: tracetest.NewInMemoryExporter(), registry: prometheus.NewRegistry()}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans))
	s.tracer = provider.Tracer("test")
	var err error
	s.tel, err = telemetry.New(telemetry.Config{TracerProvider: provider, Registerer: s.registry, Logger: slog.New(slog.NewJSONHandler(s, nil))})
	require.NoError(t, err)
	return s
}

// Write implements [io.Writer].
func (s *seen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.records.Write(p)
}

// span waits for the nth span of a name.
func (s *seen) span(name string, n int) (found tracetest.SpanStub) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		i := 0
		for _, span := range s.spans.GetSpans() {
			if span.Name == name {
				if i++; i == n {
					found = span
					return true
				}
			}
		}
		return false
	}, patience, 10*time.Millisecond, name)
	return found
}

// record returns the first record with a message.
func (s *seen) record(message string) (found map[string]any) {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for line := range bytes.Lines(s.records.Bytes()) {
			var r map[string]any
			if json.Unmarshal(line, &r) == nil && r["msg"] == message {
				found = r
				return true
			}
		}
		return false
	}, patience, 10*time.Millisecond, message)
	return found
}

// value returns a metric's value, summed over the series that have the labels.
func (s *seen) value(name string, labels map[string]string) (sum float64) {
	s.t.Helper()
	families, err := s.registry.Gather()
	require.NoError(s.t, err)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	series:
		for _, m := range f.GetMetric() {
			has := make(map[string]string)
			for _, l := range m.GetLabel() {
				has[l.GetName()] = l.GetValue()
			}
			for label, value := range labels {
				if has[label] != value {
					continue series
				}
			}
			switch {
			case m.Counter != nil:
				sum += m.GetCounter().GetValue()
			case m.Gauge != nil:
				sum += m.GetGauge().GetValue()
			case m.Histogram != nil:
				sum += float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return sum
}

// count is value, of what counts.
func (s *seen) count(name string, labels map[string]string) int {
	s.t.Helper()
	return int(s.value(name, labels))
}

// requireCount waits for a count. A task's end is counted a moment after the database has it.
func (s *seen) requireCount(n int, name string, labels map[string]string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.count(name, labels) >= n }, patience, time.Millisecond, name)
	require.Equal(s.t, n, s.count(name, labels), name)
}

func attributeOf(span tracetest.SpanStub, key string) attribute.Value {
	for _, a := range span.Attributes {
		if string(a.Key) == key {
			return a.Value
		}
	}
	return attribute.Value{}
}

func TestTheSpanOfEachAttemptLinksToTheSpanThatEnqueued(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		web, work := newSeen(t), newSeen(t) // two processes
		users := make(chan string, 10)
		var failed bool
		task := durable.Define("order.mail", durable.Options{Backoff: soon}, func(ctx context.Context, _ mail) error {
			users <- baggage.FromContext(ctx).Member("user").Value()
			if !failed {
				failed = true
				return errors.New("mail server down")
			}
			return nil
		})
		enqueuer := s.queue(durable.Config{Role: durable.EnqueueOnly, Telemetry: web.tel})
		worker := s.queue(durable.Config{Telemetry: work.tel}, task)

		ctx, request := web.tracer.Start(t.Context(), "POST /order")
		member, err := baggage.NewMember("user", "ada")
		require.NoError(t, err)
		bag, err := baggage.New(member)
		require.NoError(t, err)
		e, err := task.Enqueue(baggage.ContextWithBaggage(ctx, bag), enqueuer, mail{}, durable.Ref("order 7"))
		require.NoError(t, err)
		request.End()
		require.Equal(t, "ada", receive(t, users))

		for attempt := 1; attempt <= 2; attempt++ {
			span := work.span("process order.mail", attempt)
			require.Len(t, span.Links, 1)
			require.Equal(t, request.SpanContext().TraceID(), span.Links[0].SpanContext.TraceID())
			require.Equal(t, request.SpanContext().SpanID(), span.Links[0].SpanContext.SpanID())
			require.NotEqual(t, request.SpanContext().TraceID(), span.SpanContext.TraceID())
			require.Equal(t, "order 7", attributeOf(span, names.AttrRef).AsString())
		}
		require.Len(t, web.span("POST /order", 1).Events, 1, "the request notes what it asked for")
		r := work.record(names.LogRetried)
		require.Equal(t, "order 7", r[names.KeyRef])
		require.Equal(t, request.SpanContext().TraceID().String(), r[names.KeyRequestTraceID])
		require.Equal(t, "mail server down", r[names.KeyError])

		info := s.await(worker, e.ID, durable.StateDone)
		require.Equal(t, request.SpanContext().TraceID().String(), info.TraceID)
		labels := map[string]string{names.LabelCallback: "order.mail"}
		require.Equal(t, 1, web.count(names.MetricAsked, labels))
		require.Equal(t, 0, work.count(names.MetricAsked, labels))
		work.requireCount(1, names.MetricRetries, labels)
		labels[names.LabelOutcome] = "success"
		work.requireCount(1, names.MetricCallbacks, labels)
		require.Equal(t, 2, work.count(names.MetricQueueWait, nil))
	})
}

func TestADeadLetterIsOneFailureAndARecord(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		work := newSeen(t)
		task := durable.Define("fails", durable.Options{MaxAttempts: 2, Backoff: soon}, func(context.Context, int) error { return errors.New("down") })
		q := s.queue(durable.Config{Telemetry: work.tel}, task)
		e, err := task.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		s.await(q, e.ID, durable.StateDead)
		r := work.record(names.LogFailed)
		require.EqualValues(t, 2, r[names.KeyAttempt])
		require.Contains(t, r[names.KeyFunction], "TestADeadLetterIsOneFailureAndARecord")
		work.requireCount(1, names.MetricCallbacks, map[string]string{names.LabelOutcome: "error"})
	})
}

func TestAStuckTaskIsLoggedWithItsStack(t *testing.T) {
	work, release := newSeen(t), make(chan struct{})
	s := store{t, sqliteDSN(t), enginetest.SQLite}
	task := durable.Define("hangs", durable.Options{Timeout: 50 * time.Millisecond}, func(context.Context, int) error {
		<-release
		return nil
	})
	q := s.queue(durable.Config{Telemetry: work.tel}, task)
	_, err := task.Enqueue(t.Context(), q, 1)
	require.NoError(t, err)
	require.Contains(t, work.record(names.LogStuck)[names.KeyStack], "TestAStuckTaskIsLoggedWithItsStack")
	require.Equal(t, 1, q.Snapshot().Stuck)
	close(release)
}

func TestTheDatabasesFiguresAreShownByOneProcess(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		first, second := newSeen(t), newSeen(t)
		task := durable.Define("fails", durable.Options{MaxAttempts: 1}, func(context.Context, int) error { return errors.New("down") })
		q := s.queue(durable.Config{Telemetry: first.tel}, task)
		s.queue(durable.Config{Telemetry: second.tel}, task)
		e, err := task.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		_, err = idle.Enqueue(t.Context(), q, mail{}) // which nobody works
		require.NoError(t, err)
		s.await(q, e.ID, durable.StateDead)
		require.Eventually(t, func() bool {
			stats, err := q.Stats(context.Background())
			return err == nil && stats.Leader != ""
		}, patience, 20*time.Millisecond)

		// A slow machine may show what was read before.
		dead := map[string]string{names.LabelState: names.StateDead}
		due := map[string]string{names.LabelState: names.StateDue, names.LabelQueue: "default"}
		require.EventuallyWithT(t, func(c *assert.CollectT) {
			assert.Equal(c, 1, first.count(names.MetricDurableTasks, dead)+second.count(names.MetricDurableTasks, dead))
			assert.Equal(c, 1, first.count(names.MetricDurableTasks, due)+second.count(names.MetricDurableTasks, due))
			assert.Equal(c, 2, first.count(names.MetricDurableProcesses, nil)+second.count(names.MetricDurableProcesses, nil))
			assert.Positive(c, first.value(names.MetricDurableOldestDue, nil)+second.value(names.MetricDurableOldestDue, nil))
		}, patience, 50*time.Millisecond)
		durableOnly := map[string]string{names.LabelMode: names.ModeDurable, names.LabelCallback: "fails", names.LabelOutcome: "error"}
		require.Eventually(t, func() bool {
			return first.count(names.MetricCallbacks, durableOnly)+second.count(names.MetricCallbacks, durableOnly) == 1
		}, patience, time.Millisecond)
	})
}
