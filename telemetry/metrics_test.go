package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
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

// finishedAndAsked sums the outcomes of each callback in a scrape, and finds
// what was asked for.
func finishedAndAsked(series map[string]float64) (finished, asked map[string]float64) {
	finished, asked = make(map[string]float64), make(map[string]float64)
	for name, v := range series {
		switch {
		case strings.HasPrefix(name, names.MetricCallbacks+"{"):
			finished[labelOf(name, "callback")] += v
		case strings.HasPrefix(name, names.MetricAsked+"{"):
			asked[labelOf(name, "callback")] += v
		}
	}
	return finished, asked
}

func labelOf(series, label string) string {
	_, rest, _ := strings.Cut(series, label+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// scrapeUnderLoad scrapes while two goroutines call ask with 0, 1, 2 and so on.
// It returns what was finished more often than asked for, and how often a
// scrape found the opposite, without which it has seen nothing.
func scrapeUnderLoad(g *rig, ask func(i int)) (wrong []string, moving int) {
	var askers sync.WaitGroup
	defer askers.Wait()
	asking, stop := context.WithCancel(context.Background())
	defer stop()
	for range 2 {
		askers.Go(func() {
			for i := 0; asking.Err() == nil; i++ {
				ask(i)
			}
		})
	}
	for scrapes := 0; scrapes < 15 || moving == 0 && scrapes < 1000; scrapes++ {
		finished, asked := finishedAndAsked(g.series())
		for name := range finished {
			if finished[name] > asked[name] {
				wrong = append(wrong, fmt.Sprintf("scrape %d: %s: %v finished of %v", scrapes, name, finished[name], asked[name]))
			}
			if finished[name] < asked[name] {
				moving++
			}
		}
	}
	return wrong, moving
}

func TestAScrapeUnderLoadNeverShowsMoreFinishedThanAskedFor(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = noop.NewTracerProvider() })
	r := g.runner(runner.Config{Workers: 4, Queue: 64})
	outcomes := []func(context.Context) error{
		succeed,
		func(context.Context) error { return errors.New("no") },
		func(context.Context) error { panic("no") },
	}
	wrong, moving := scrapeUnderLoad(g, func(i int) {
		// A full queue rejects some; that is an outcome as well.
		_ = r.Go(context.Background(), fmt.Sprintf("callback.%d", i%5), outcomes[i%3])
	})
	require.Empty(t, wrong)
	require.NotZero(t, moving, "no scrape saw the runner in motion")

	g.shutdown(r)
	finished, asked := finishedAndAsked(g.series())
	require.Equal(t, asked, finished, "at rest the books balance")
	var sum float64
	for _, n := range asked {
		sum += n
	}
	require.InDelta(t, float64(r.Stats().Asked), sum, 0)
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
	require.Len(t, s, 57*(kept+1)-1+59+7)
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
