package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// postman has a method to be asked for.
type postman struct{}

//go:noinline
func (*postman) deliver(context.Context) error { return errors.New("451 later") }

// An error has no stack. The record of it and its span lead to the code all the same.
func TestTheRecordAndTheSpanOfEachFailureNameTheFunction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, withAskSpans)
		r := g.runner(runner.Config{Workers: 1, Queue: 1, Timeout: time.Second})
		at := make(map[string]int64)
		ask := func(name string, fn func(context.Context) error, opts ...runner.Option) {
			ctx, request := g.provider.Tracer("server").Start(t.Context(), "request")
			defer request.End()
			_ = r.Go(ctx, name, fn, opts...) // that of a rejected one
			if name != "rejected" {
				time.Sleep(time.Minute)
			}
		}
		at["failed"] = line() + 1
		ask("failed", func(context.Context) error { return errors.New("no") })
		at["panicked"] = line() + 1
		ask("panicked", func(context.Context) error { panic("nil map") })
		at["timed.out"] = line() + 1
		ask("timed.out", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		at["retried"] = line() + 1
		ask("retried", func(context.Context) error { return errors.New("no") }, runner.RetryBackoff(2, func(int) time.Duration { return 0 }))
		at["stuck"] = line() + 1
		ask("stuck", func(context.Context) error { <-time.After(30 * time.Second); return nil })
		occupied := make(chan struct{})
		for range 2 {
			require.NoError(t, r.Go(t.Context(), "busy", func(context.Context) error { <-occupied; return nil }, runner.Timeout(-1)))
		}
		at["rejected"] = line() + 1
		ask("rejected", func(context.Context) error { return nil })
		close(occupied)
		g.shutdown(r)

		for name, message := range map[string]string{
			"failed": names.LogFailed, "panicked": names.LogPanicked, "timed.out": names.LogTimedOut,
			"retried": names.LogRetried, "stuck": names.LogStuck, "rejected": names.LogRejected,
		} {
			var record map[string]any
			for _, one := range g.records(message) {
				if one["callback"] == name {
					record = one
				}
			}
			require.NotNil(t, record, name)
			require.Regexp(t, fmt.Sprintf(`^%sTestTheRecordAndTheSpanOfEachFailureNameTheFunction\.func1\.\d+ \(/.*/function_test\.go:%d\)$`, testPackage, at[name]), record["function"], name)
			kind := "process "
			if name == "rejected" {
				kind = "ask "
			}
			for _, span := range g.spans(kind + name) {
				got := attrs(span.Attributes)
				require.Equal(t, at[name], got[names.AttrFunctionLine], name)
				require.Equal(t, record["function"], fmt.Sprintf("%s (%s:%d)", got[names.AttrFunctionName], got[names.AttrFunctionFile], got[names.AttrFunctionLine]))
			}
			require.NotEmpty(t, g.spans(kind+name))
		}
	})
}

// A server that asks through one helper has the helper's line as that of every call.
func TestWrapsNamesTheFunctionBehindAHelper(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	after := func(name string, fn func(context.Context) error) {
		require.NoError(t, runner.After(ctx, name, func(ctx context.Context) error { return fn(ctx) }, runner.Wraps(fn)))
	}
	here := line() + 1
	after("literal", func(context.Context) error { return errors.New("no") })
	after("method", new(postman).deliver)
	release(nil)
	g.shutdown(r)

	literal := attrs(g.span("process literal").Attributes)
	require.Equal(t, here, literal[names.AttrFunctionLine])
	require.Equal(t, "function_test.go", filepath.Base(literal[names.AttrFunctionFile].(string)))
	require.NotEqual(t, here, literal["code.line.number"], "that is the helper's")

	method := attrs(g.span("process method").Attributes)
	require.Equal(t, testPackage+"(*postman).deliver", method[names.AttrFunctionName])
	require.NotContains(t, method, names.AttrFunctionFile, "the compiler has written what calls it")
	require.NotContains(t, method, names.AttrFunctionLine)
	for _, record := range g.records(names.LogFailed) {
		if record["callback"] == "method" {
			require.Equal(t, testPackage+"(*postman).deliver", record["function"])
		}
	}
}

func TestALongNameOfAFunctionIsCut(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{})
	ctx, _, release := g.request(r)
	require.NoError(t, r.After(ctx, "a", theNameOfACallbacksFunctionMayBeAsLongAsItsAuthorLikesAndThisOneIsLongerThanWhatASpanIsToCarryOfItSoItMustBeCutWhereTheBoundIsThoughNobodyShouldEverWriteAFunctionLikeThisOneWhichGoesOnUntilItHasMoreThanTwoHundredAndFiftySixLettersAsItHasNow))
	release(nil)
	g.shutdown(r)
	require.Len(t, attrs(g.span("process a").Attributes)[names.AttrFunctionName], 256)
	require.Less(t, len(g.record(slog.LevelError, names.LogFailed)["function"].(string)), 2*256+10)
}

func theNameOfACallbacksFunctionMayBeAsLongAsItsAuthorLikesAndThisOneIsLongerThanWhatASpanIsToCarryOfItSoItMustBeCutWhereTheBoundIsThoughNobodyShouldEverWriteAFunctionLikeThisOneWhichGoesOnUntilItHasMoreThanTwoHundredAndFiftySixLettersAsItHasNow(context.Context) error {
	return errors.New("no")
}

func TestWhatIsRememberedOfFunctionsIsBounded(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.LogRate = 1e6 })
	o := g.tel.Observer()
	for entry := range uintptr(5000) { // no such functions, but the memory is the same
		o.Finished(t.Context(), runner.FinishedInfo{StartedInfo: runner.StartedInfo{Callback: runner.Callback{Runner: "web", Name: "a", Func: entry}}, Outcome: runner.OutcomeError})
	}
	require.Equal(t, 1024, telemetry.KnownFunctions(g.tel))
	require.NotContains(t, g.records(names.LogFailed)[0], "function", "nothing is known of it")
}
