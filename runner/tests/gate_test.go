package tests

import (
	"context"
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestGoexitInAGateEndsNothingButItsCallback(t *testing.T) {
	finished := make(chan runner.FinishedInfo, 8)
	r := newRunner(t, runner.Config{Observers: []runner.Observer{{
		Finished: func(_ context.Context, info runner.FinishedInfo) { finished <- info },
	}}})
	exit := runner.When(func(runner.Request) bool { runtime.Goexit(); return true })
	srv := serve(t, r, true, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		for _, err := range []error{
			runner.After(req.Context(), "exits", nothing, exit),
			runner.After(req.Context(), "runs", nothing, runner.When(runner.Request.Succeeded)),
			runner.After(req.Context(), "exits", nothing, exit),
			runner.After(req.Context(), "runs", nothing),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		_, _ = io.WriteString(w, req.RemoteAddr)
	}))
	_, first := get(t, srv.URL)
	_, second := get(t, srv.URL)
	require.Equal(t, first, second, "the connection's goroutine goes on")
	for range 8 {
		switch info := <-finished; info.Name {
		case "exits":
			require.Equal(t, runner.OutcomeError, info.Outcome)
			require.ErrorIs(t, info.Err, runner.ErrGoexit)
			require.Zero(t, info.Started)
		default:
			require.Equal(t, runner.OutcomeSuccess, info.Outcome)
		}
	}
	require.Zero(t, r.Stats().Depth)
}
