package tests

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// lasting is a callback that runs for d.
func lasting(d time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func TestServeGivesRequestsTheirOwnBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		defer close(leave)
		h := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			_ = runner.After(req.Context(), "reserved", nothing)
			<-leave
		})
		budgets := runner.Budgets{Server: 3 * time.Second, Callbacks: 7 * time.Second}
		s := serveInBubble(t, budgets, &http.Server{Handler: h}, runner.Config{})
		status := make(chan int, 1)
		go func() { status <- s.get(t, "/") }()
		require.NoError(t, s.runner.Go(t.Context(), "quick", lasting(9*time.Second)))
		synctest.Wait()
		s.stop()
		require.Zero(t, <-status, "its connection is closed")
		require.Equal(t, 3*time.Second, time.Since(s.start))
		<-s.ended
		require.Equal(t, 9300*time.Millisecond, time.Since(s.start), "nothing is left when the drain has dropped it")
		require.ErrorIs(t, s.err, context.DeadlineExceeded)
		require.ErrorContains(t, s.err, "1 lost", "both that the server and that the callbacks took too long")
		require.Equal(t, 1, s.report.Completed, "callbacks still had a budget of their own")
		require.Equal(t, []runner.Lost{{Name: "reserved", Outcome: runner.OutcomeDropped, Age: 9300 * time.Millisecond}}, s.report.Lost)
	})
}

func TestServeReportsTheCallbacksThatItsBudgetLoses(t *testing.T) {
	for name, budgets := range map[string]runner.Budgets{
		"given":   {Callbacks: 10 * time.Second},
		"default": {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serveInBubble(t, budgets, new(http.Server), runner.Config{Timeout: -1})
				require.NoError(t, s.runner.Go(t.Context(), "heeds", obedient))
				g := newGate(t)
				require.NoError(t, s.runner.Go(t.Context(), "deaf", g.wait))
				synctest.Wait()
				s.stop()
				<-s.ended
				require.Equal(t, 10*time.Second, time.Since(s.start))
				require.ErrorIs(t, s.err, context.DeadlineExceeded)
				require.ErrorContains(t, s.err, "drain gave up, 2 lost")
				require.Len(t, s.report.Lost, 2)
			})
		})
	}
}

func TestServeGivesOpenRequestsTenSecondsByDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leave := make(chan struct{})
		defer close(leave)
		h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-leave })
		s := serveInBubble(t, runner.Budgets{}, &http.Server{Handler: h}, runner.Config{})
		go s.get(t, "/")
		synctest.Wait()
		s.stop()
		<-s.ended
		require.Equal(t, 10*time.Second, time.Since(s.start))
		require.ErrorIs(t, s.err, context.DeadlineExceeded)
	})
}
