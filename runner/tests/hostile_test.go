package tests

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// hostileContext is one whose methods do as they like once it is armed.
type hostileContext struct {
	context.Context
	armed       *bool
	value, done func()
}

func (c hostileContext) Value(key any) any {
	if *c.armed && c.value != nil {
		c.value()
	}
	return c.Context.Value(key)
}

func (c hostileContext) Done() <-chan struct{} {
	if *c.armed && c.done != nil {
		c.done()
	}
	return c.Context.Done()
}

func TestAContextThatPanicsLaterHarmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1})
		g := occupy(t, r, "busy")
		armed := false
		scoped, release := r.Scope(t.Context())
		ctx := hostileContext{Context: scoped, armed: &armed, value: func() { panic("a recycled context") }}
		ran := false
		require.NoError(t, r.Go(ctx, "it", func(context.Context) error { ran = true; return nil }))
		require.NoError(t, runner.After(ctx, "gated", nothing, runner.When(runner.Request.Succeeded)))
		armed = true
		release(nil)
		g.release()
		drain(t, r)
		require.True(t, ran)
		require.Equal(t, uint64(3), r.Stats().Outcomes[runner.OutcomeSuccess], "what the callbacks need was taken before")
	})
}

// What a callback asks for with its own context does not go back to that of its
// asker either.
func TestAContextThatPanicsLaterHarmsNoNestedCallback(t *testing.T) {
	for name, hostile := range map[string]func(*hostileContext){
		"Done":  func(c *hostileContext) { c.done = func() { panic("a recycled context") } },
		"Value": func(c *hostileContext) { c.value = func() { panic("a recycled context") } },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{{
				Finished: func(ctx context.Context, _ runner.FinishedInfo) { _, _ = runner.RequestFrom(ctx) },
			}}})
			g := occupy(t, r, "busy")
			armed := false
			scoped, release := r.Scope(t.Context())
			ctx := hostileContext{Context: scoped, armed: &armed}
			hostile(&ctx)
			release(nil)
			nested := make(chan error, 2)
			require.NoError(t, r.Go(ctx, "it", func(ctx context.Context) error {
				nested <- runner.After(ctx, "nested", nothing)
				nested <- r.Do(ctx, "by.do", nothing)
				return nil
			}))
			armed = true
			g.release()
			require.NoError(t, <-nested)
			require.NoError(t, <-nested)
			require.NoError(t, runner.Wait(scoped))
			drain(t, r)
			require.Zero(t, r.Stats().ObserverPanics)
			require.Equal(t, uint64(4), r.Stats().Outcomes[runner.OutcomeSuccess])
		})
	}
}

func TestAContextThatCallsGoexitLaterHarmsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := recorded(t, runner.Config{Workers: 1})
		g := occupy(t, r, "busy")
		armed := false
		ctx := hostileContext{Context: t.Context(), armed: &armed, value: runtime.Goexit}
		require.NoError(t, r.Go(ctx, "it", nothing))
		require.NoError(t, r.Go(t.Context(), "bystander", nothing))
		armed = true
		g.release()
		drain(t, r)
		require.Equal(t, map[string][]runner.Outcome{
			"busy": {runner.OutcomeSuccess}, "it": {runner.OutcomeSuccess}, "bystander": {runner.OutcomeSuccess},
		}, outcomes(rec))
	})
}

// Who logs a context has it printed.
func TestAContextCanBePrintedWhileItsCallbackRuns(t *testing.T) {
	var started, given context.Context
	r := newRunner(t, runner.Config{Observers: []runner.Observer{{
		Started: func(ctx context.Context, _ runner.StartedInfo) context.Context { started = ctx; return ctx },
	}}})
	g := newGate(t)
	require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error { given = ctx; return g.wait(ctx) }))
	<-g.entered
	g.release() // it ends beside what follows
	for _, ctx := range []context.Context{started, given} {
		require.Contains(t, fmt.Sprint(ctx), "(it)")
		require.Contains(t, fmt.Sprintf("%+v", []any{ctx}), "(it)")
	}
	drain(t, r)
}

func TestAnAskersDoneThatPanicsHarmsNothingUnderBlock(t *testing.T) {
	for name, done := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Minute)})
			g := fill(t, r)
			armed := true
			ctx := hostileContext{Context: t.Context(), armed: &armed, done: done}
			asked := make(chan struct{})
			go func() {
				defer close(asked)
				defer func() { _ = recover() }()
				_ = r.Go(ctx, "it", nothing)
			}()
			<-asked
			g.release()
			require.NoError(t, r.Go(t.Context(), "next", nothing))
			drain(t, r)
		})
	}
}

func TestAnAskersCauseIsNoReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reason runner.Reason
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Overflow: runner.Block(time.Minute), Observers: []runner.Observer{{
			Rejected: func(_ context.Context, info runner.RejectedInfo) { reason = info.Reason },
		}}})
		fill(t, r)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(runner.ErrClosed)
		require.ErrorIs(t, r.Go(ctx, "it", nothing), runner.ErrQueueFull)
		require.Equal(t, runner.ReasonCanceled, reason)
	})
}

func TestWithTheLongestTimeoutNothingIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{StuckAfter: math.MaxInt64, MaxStuck: 1})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "it", g.wait, runner.Timeout(math.MaxInt64)))
		time.Sleep(5 * time.Second)
		require.Zero(t, r.Stats().Stuck)
		g.release()
	})
}

func TestGoexitInTraceIDCostsNoReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{{
			TraceID: func(context.Context) string { runtime.Goexit(); return "" },
		}}})
		occupy(t, r, "busy")
		require.NoError(t, r.Go(t.Context(), "waits", nothing))
		report := giveUp(t, r)
		require.Len(t, report.Lost, 2)
		again, err := r.Shutdown(t.Context())
		require.Error(t, err)
		require.Equal(t, report, again)
	})
}

func TestShutdownIsOnTimeThoughObserversAreSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{{
			Finished: func(context.Context, runner.FinishedInfo) { time.Sleep(time.Hour) },
		}}})
		occupy(t, r, "busy")
		ctx, cancel := context.WithDeadline(t.Context(), time.Now())
		defer cancel()
		begin := time.Now()
		_, err := r.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.LessOrEqual(t, time.Since(begin), 100*time.Millisecond)
		time.Sleep(2 * time.Hour)
	})
}

func TestHoldReleasesItsScopeWhateverTheServersWriterDoes(t *testing.T) {
	for name, flush := range map[string]func(){"panic": func() { panic("boom") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, runner.Config{})
			ran := make(chan struct{})
			h := r.Hold(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				if err := runner.After(req.Context(), "it", func(context.Context) error { close(ran); return nil }); err != nil {
					t.Error(err)
				}
			}))
			go func() {
				defer func() { _ = recover() }()
				h.ServeHTTP(brokenWriter{httptest.NewRecorder(), flush}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
			}()
			<-ran
		})
	}
	r := newRunner(t, runner.Config{})
	require.Panics(t, func() {
		r.Hold(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(1000) })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	})
}

// brokenWriter is a ResponseWriter that cannot flush.
type brokenWriter struct {
	http.ResponseWriter
	flush func()
}

func (w brokenWriter) FlushError() error {
	w.flush()
	return errors.New("not reached")
}
