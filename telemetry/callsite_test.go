package telemetry_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

const testPackage = "github.com/afterglow-go/afterglow/telemetry_test."

// site is where a span says that its callback was asked for; the zero value if
// it does not say.
type site struct {
	function string
	line     int64
}

func siteOf(t *testing.T, span tracetest.SpanStub) site {
	t.Helper()
	got := attrs(span.Attributes)
	if _, ok := got["code.function.name"]; !ok {
		require.NotContains(t, got, "code.file.path")
		require.NotContains(t, got, "code.line.number")
		return site{}
	}
	require.True(t, filepath.IsAbs(got["code.file.path"].(string)))
	require.Equal(t, "callsite_test.go", filepath.Base(got["code.file.path"].(string)))
	return site{strings.TrimPrefix(got["code.function.name"].(string), testPackage), got["code.line.number"].(int64)}
}

// sendMail is a wrapper of a user's own.
func sendMail(ctx context.Context, r *runner.Runner) (at int64, err error) {
	return line(), r.After(ctx, "wrapped", succeed)
}

func TestASpanTellsTheLineThatAskedForIt(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	at := make(map[string]int64)
	at["function"] = line() + 1
	require.NoError(t, runner.After(ctx, "function", succeed))
	at["method"] = line() + 1
	require.NoError(t, r.After(ctx, "method", succeed))
	at["go"] = line() + 1
	require.NoError(t, r.Go(ctx, "go", succeed, runner.Timeout(time.Minute)))
	at["do"] = line() + 1
	require.NoError(t, r.Do(ctx, "do", succeed))
	at["all"] = line() + 1
	require.NoError(t, runner.AfterAll(ctx, runner.Call{Name: "all", Func: succeed}))
	var err error
	at["wrapped"], err = sendMail(ctx, r)
	require.NoError(t, err)
	func() {
		at["deferred"] = line() + 2
		defer func() { require.NoError(t, err) }()
		defer func() { err = r.After(ctx, "deferred", succeed) }()
	}()
	release(nil)
	g.shutdown(r)

	const test = "TestASpanTellsTheLineThatAskedForIt"
	for name, function := range map[string]string{
		"function": test, "method": test, "go": test, "do": test, "all": test, "wrapped": "sendMail",
	} {
		require.Equal(t, site{function, at[name]}, siteOf(t, g.span("process "+name)))
	}
	require.Equal(t, at["deferred"], siteOf(t, g.span("process deferred")).line)
}

func TestACallbackThatAPanicsDeferredCallAskedForHasNoLine(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	require.Panics(t, func() {
		defer r.After(ctx, "a", succeed) //nolint:errcheck // its span is awaited
		panic("mine")
	})
	release(nil)
	g.shutdown(r)
	require.Equal(t, site{}, siteOf(t, g.span("process a")), "the runtime has made the call")
}

func TestAGoroutineThatDoesNothingButAskHasNoLine(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	go r.Go(ctx, "a", succeed) //nolint:errcheck // its span is awaited
	require.Eventually(t, func() bool { return len(g.spans("process a")) == 1 }, 10*time.Second, time.Millisecond)
	release(nil)
	g.shutdown(r)
	require.Equal(t, site{}, siteOf(t, g.span("process a")), "there is no line of a user's on its stack")
}

func TestWithoutARequestTheLineIsToldOnceANamesSpanHasRecorded(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{Workers: 1}) // so that spans end in order
	var here int64
	for range 3 {
		done := make(chan struct{})
		here = line() + 1
		require.NoError(t, r.Go(t.Context(), "cron", func(context.Context) error { close(done); return nil }))
		<-done
	}
	g.shutdown(r)
	var told []site
	for _, span := range g.spans("process cron") {
		told = append(told, siteOf(t, span))
	}
	const test = "TestWithoutARequestTheLineIsToldOnceANamesSpanHasRecorded"
	require.Equal(t, []site{{}, {test, here}, {test, here}}, told)
}

func TestEachCallbackOfAChainAndEachAttemptHasItsOwnLine(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	var outer, inner int64
	outer = line() + 1
	require.NoError(t, r.After(ctx, "outer", func(ctx context.Context) error {
		inner = line() + 1
		return errors.Join(errors.New("no"), r.After(ctx, "inner", succeed))
	}, runner.RetryBackoff(3, func(int) time.Duration { return 0 })))
	release(nil)
	require.NoError(t, runner.Wait(ctx))
	g.shutdown(r)
	for name, want := range map[string]int64{"process outer": outer, "process inner": inner} {
		spans := g.spans(name)
		require.Len(t, spans, 3)
		for _, span := range spans {
			require.Equal(t, want, siteOf(t, span).line, name)
		}
	}
}

// samplesAllBut drops the spans of one name.
type samplesAllBut string

func (s samplesAllBut) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if p.Name == string(s) {
		return sdktrace.SamplingResult{Decision: sdktrace.Drop}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
}

func (s samplesAllBut) Description() string { return "all but " + string(s) }

// newRigSampling has a sampler of its own.
func newRigSampling(t *testing.T, s sdktrace.Sampler) *rig {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(s), sdktrace.WithSyncer(exporter))
	g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = provider })
	g.provider, g.exporter = provider, exporter
	return g
}

func TestALineThatWasNotLookedForIsNotTakenFromTheAsker(t *testing.T) {
	g := newRigSampling(t, samplesAllBut("process outer"))
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	require.NoError(t, r.After(ctx, "outer", func(ctx context.Context) error {
		return r.After(ctx, "inner", succeed)
	}))
	release(nil)
	require.NoError(t, runner.Wait(ctx))
	g.shutdown(r)
	require.Empty(t, g.spans("process outer"))
	require.Equal(t, site{}, siteOf(t, g.span("process inner")))
}

func TestARequestThatIsNotSampledPaysForNoLine(t *testing.T) {
	g := newRigSampling(t, samplesAllBut("POST /api/orders"))
	r := g.runner(runner.Config{})
	for range 2 {
		ctx, _, release := g.request(r)
		require.NoError(t, r.After(ctx, "a", succeed))
		release(nil)
		require.NoError(t, runner.Wait(ctx))
	}
	g.shutdown(r)
	spans := g.spans("process a")
	require.Len(t, spans, 2)
	for _, span := range spans {
		require.Equal(t, site{}, siteOf(t, span))
	}
}

// around wraps an Accepted as who decorates observers does, n times.
func around(n int, next func(context.Context, runner.AcceptedInfo) context.Context) func(context.Context, runner.AcceptedInfo) context.Context {
	if n == 0 {
		return next
	}
	return around(n-1, func(ctx context.Context, info runner.AcceptedInfo) context.Context { return next(ctx, info) })
}

func TestTheLineIsFoundBelowObserversThatAreWrapped(t *testing.T) {
	g := newRig(t, nil)
	o := g.tel.Observer()
	o.Accepted = around(30, o.Accepted)
	r, err := runner.New(runner.Config{Observers: []runner.Observer{o}})
	require.NoError(t, err)
	ctx, _, release := g.request(r)
	here := line() + 1
	require.NoError(t, r.After(ctx, "a", succeed))
	release(nil)
	g.shutdown(r)
	require.Equal(t, site{"TestTheLineIsFoundBelowObserversThatAreWrapped", here}, siteOf(t, g.span("process a")))
}

func theNameOfAFunctionMayBeAsLongAsItsAuthorLikesAndThisOneIsLongerThanWhatASpanIsToCarryOfItSoItMustBeCutWhereTheBoundIsThoughNobodyShouldEverCallAFunctionLikeThisOneWhichGoesOnAndOnUntilItHasMoreThanTwoHundredAndFiftySixLettersAndThatIsNearlyHereAndNowItIs(ctx context.Context, r *runner.Runner) error {
	return r.After(ctx, "a", succeed)
}

func TestTheNameOfAFunctionIsBounded(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	require.NoError(t, theNameOfAFunctionMayBeAsLongAsItsAuthorLikesAndThisOneIsLongerThanWhatASpanIsToCarryOfItSoItMustBeCutWhereTheBoundIsThoughNobodyShouldEverCallAFunctionLikeThisOneWhichGoesOnAndOnUntilItHasMoreThanTwoHundredAndFiftySixLettersAndThatIsNearlyHereAndNowItIs(ctx, r))
	release(nil)
	g.shutdown(r)
	name := attrs(g.span("process a").Attributes)["code.function.name"].(string)
	require.Len(t, name, 256)
	require.True(t, strings.HasSuffix(name, "..."), name)
}

func TestTwoTelemetriesEachTellTheLine(t *testing.T) {
	a, b := newRig(t, nil), newRig(t, withAskSpans)
	r, err := runner.New(runner.Config{Observers: []runner.Observer{a.tel.Observer(), b.tel.Observer()}})
	require.NoError(t, err)
	ctx, _, release := a.request(r)
	here := line() + 1
	require.NoError(t, r.After(ctx, "a", succeed))
	release(nil)
	a.shutdown(r)
	require.Equal(t, here, siteOf(t, a.span("process a")).line)
	require.Equal(t, here, siteOf(t, b.span("process a")).line)
}

func TestWhatDoesNotRecordPaysForNoLine(t *testing.T) {
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = provider })
	r := g.runner(runner.Config{})
	o := g.tel.Observer()
	request, _ := provider.Tracer("server").Start(t.Context(), "POST /api/orders")
	for _, ctx := range []context.Context{t.Context(), request} {
		require.NoError(t, r.Do(ctx, "a", succeed))
		require.False(t, o.WantsCaller(ctx))
		require.Zero(t, testing.AllocsPerRun(100, func() { o.WantsCaller(ctx) }))
	}
	info := runner.AcceptedInfo{Callback: runner.Callback{Runner: "web", Name: "a", Asked: time.Now()}}
	require.Equal(t, t.Context(), o.Accepted(t.Context(), info), "nothing is to be carried")
	g.shutdown(r)
}
