package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

func labelOf(series, label string) string {
	_, rest, _ := strings.Cut(series, label+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

func TestTheBooksAgreeWithStatsForEveryOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "shop", Workers: 2, Queue: 3, Timeout: time.Minute, Overflow: runner.DropOldest})
		deaf := func(context.Context) error {
			<-time.After(time.Hour)
			return nil
		}
		for _, fn := range []func(context.Context) error{
			succeed, deaf, hang, succeed, succeed, succeed, succeed,
		} {
			require.NoError(t, r.Go(t.Context(), "a", fn))
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := r.Shutdown(ctx)
		require.Error(t, err)
		require.Error(t, r.Go(t.Context(), "a", succeed))

		s, st := g.series(), r.Stats()
		for o, n := range st.Outcomes {
			name := fmt.Sprintf(`afterglow_callbacks_total{callback="a",outcome=%q,runner="shop"}`, runner.Outcome(o))
			require.InDelta(t, float64(n), s[name], 0, name)
		}
		for _, o := range []runner.Outcome{runner.OutcomeSuccess, runner.OutcomeCanceled, runner.OutcomeRejected, runner.OutcomeDropped, runner.OutcomeAbandoned} {
			require.NotZero(t, st.Outcomes[o], o)
		}
		require.InDelta(t, float64(st.Asked), s[`afterglow_asked_total{callback="a",runner="shop"}`], 0)
		require.InDelta(t, 10, s[`afterglow_shutdown_duration_seconds{runner="shop"}`], 1e-3)
		require.InDelta(t, 5, s[`afterglow_shutdown_lost_total{runner="shop"}`], 0, "one canceled, one abandoned, three waiting ones")
		time.Sleep(time.Hour)
	})
}

func TestOnlyWhatHadToWaitForTheResponseHasAResponseDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{})
		ctx, _, release := g.request(r)
		require.NoError(t, r.After(ctx, "a", succeed))
		time.Sleep(300 * time.Millisecond)
		release(nil)
		require.NoError(t, r.After(ctx, "late", succeed))
		require.NoError(t, r.Go(t.Context(), "direct", succeed))
		g.shutdown(r)
		s := g.series()
		require.InDelta(t, 1, s[`afterglow_response_delay_seconds_count{runner="default"}`], 0)
		require.InDelta(t, 0.3, s[`afterglow_response_delay_seconds_sum{runner="default"}`], 1e-9)
		require.InDelta(t, 3, s[`afterglow_queue_wait_seconds_count{runner="default"}`], 0)
	})
}

func TestTheTimeoutIsAbsentWhereThereIsNone(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Timeout: -1})
	require.NoError(t, r.Go(t.Context(), "free", succeed))
	require.NoError(t, r.Go(t.Context(), "bound", succeed, runner.Timeout(time.Second)))
	g.shutdown(r)
	s := g.series()
	require.NotContains(t, s, `afterglow_callback_timeout_seconds{callback="free",runner="default"}`)
	require.Contains(t, s, `afterglow_callback_timeout_seconds{callback="bound",runner="default"}`)
}

var exemplar = regexp.MustCompile(`# \{[^}]*\}`)

func TestAnExemplarLeadsToTheProcessSpan(t *testing.T) {
	g := newRig(t, nil)
	g.run(g.runner(runner.Config{}), "order.email", succeed)
	found := exemplar.FindAllString(g.scrape(openMetrics), -1)
	require.Len(t, found, 1)
	sc := g.span("process order.email").SpanContext
	require.Equal(t, sc.TraceID().String(), labelOf(found[0], "trace_id"))
	require.Equal(t, sc.SpanID().String(), labelOf(found[0], "span_id"))
	require.NotContains(t, g.scrape(textFormat), sc.TraceID().String())
}

func TestOnlySampledSpansHaveExemplars(t *testing.T) {
	for name, provider := range map[string]trace.TracerProvider{
		"unsampled": sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())),
		"no SDK":    noop.NewTracerProvider(),
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = provider })
			g.run(g.runner(runner.Config{}), "order.email", succeed)
			scraped := g.scrape(openMetrics)
			require.Contains(t, scraped, `afterglow_callback_duration_seconds_count{callback="order.email",result="success",runner="default"} 1`)
			require.NotRegexp(t, exemplar, scraped)
		})
	}
}

func TestNamesBeyondTheLimitFoldIntoOther(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = noop.NewTracerProvider() })
	r := g.runner(runner.Config{Queue: 20_000})
	const many, kept = 10_000, 100
	for i := range many {
		require.NoError(t, r.Go(t.Context(), fmt.Sprintf("callback.%05d", i), succeed))
	}
	g.shutdown(r)

	s := g.series()
	// The shared one has no timeout: it would be that of one of them at random.
	require.Len(t, s, 59*(kept+1)-1+73+7)
	require.InDelta(t, many-kept, s[`afterglow_names_folded_total{runner="default"}`], 0)
	require.InDelta(t, many-kept, s[`afterglow_callbacks_total{callback="other",outcome="success",runner="default"}`], 0)
	require.InDelta(t, 1, s[`afterglow_callbacks_total{callback="callback.00099",outcome="success",runner="default"}`], 0)

	record := g.record(slog.LevelWarn, names.LogNamesFolded)
	require.Equal(t, "callback.00100", record["callback"], "the first that did not fit")
}

func TestACallbackThatIsCalledOtherSharesItsSeriesWithFoldedOnes(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{MaxNames: 1})
	require.NoError(t, r.Go(t.Context(), "other", func(context.Context) error { return errors.New("no") }))
	require.NoError(t, r.Go(t.Context(), "a", succeed))
	require.NoError(t, r.Go(t.Context(), "b", succeed))
	g.shutdown(r)
	s := g.series()
	require.InDelta(t, 3, s[`afterglow_asked_total{callback="other",runner="default"}`], 0)
	require.InDelta(t, 2, s[`afterglow_names_folded_total{runner="default"}`], 0)
	require.Contains(t, s, `afterglow_last_success_timestamp_seconds{callback="other",runner="default"}`)
}

func TestFoldedNamesStayWholeInSpansAndRecords(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{MaxNames: 1})
	require.NoError(t, r.Go(t.Context(), "first", succeed))
	require.NoError(t, r.Go(t.Context(), "second", func(context.Context) error { return errors.New("no") }))
	g.shutdown(r)
	require.Equal(t, "second", attrs(g.span("process second").Attributes)["afterglow.callback.name"])
	require.Equal(t, "second", g.record(slog.LevelError, names.LogFailed)["callback"])
}

// A goroutine that leaked once must not look like work that hangs now, for ever after.
func TestWorkersAndRunsCountWithoutThoseThatAreReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "web", Workers: 1, Timeout: 10 * time.Second})
		release := make(chan struct{})
		hold := func(context.Context) error { <-release; return nil }
		require.NoError(t, r.Go(t.Context(), "leaks", hold))
		time.Sleep(5 * time.Second)
		require.InDelta(t, 1, g.series()[`afterglow_workers_on_time{runner="web"}`], 0)
		require.InDelta(t, 5, g.series()[`afterglow_longest_running_seconds{runner="web"}`], 1e-9)
		time.Sleep(time.Hour)
		s := g.series()
		require.Zero(t, s[`afterglow_workers_on_time{runner="web"}`])
		require.Zero(t, s[`afterglow_longest_running_seconds{runner="web"}`])
		require.InDelta(t, 1, s[`afterglow_callbacks_stuck{callback="leaks",runner="web"}`], 0)
		close(release)
		g.shutdown(r)
	})
}

// An age that a reader computes from a time is wrong by what its clock differs.
func TestTheAgeOfTheOldestIsMeasuredByTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, nil)
		r := g.runner(runner.Config{Name: "web", Workers: 1, Timeout: -1})
		release := make(chan struct{})
		hold := func(context.Context) error { <-release; return nil }
		require.NoError(t, r.Go(t.Context(), "order.email", hold))
		require.NoError(t, r.Go(t.Context(), "order.email", hold))
		time.Sleep(90 * time.Second)
		require.InDelta(t, 90, g.series()[`afterglow_queue_oldest_seconds{runner="web"}`], 1e-9)
		require.InDelta(t, 90, g.series()[`afterglow_queue_stalled_seconds{runner="web"}`], 1e-9)
		close(release)
		synctest.Wait()
		require.Zero(t, g.series()[`afterglow_queue_oldest_seconds{runner="web"}`], "none waits")
		require.Zero(t, g.series()[`afterglow_queue_stalled_seconds{runner="web"}`], "none waits")
		g.shutdown(r)
	})
}
