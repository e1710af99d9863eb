package migration

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func newRunner(t *testing.T, cfg runner.Config) *runner.Runner {
	t.Helper()
	r, err := runner.New(cfg)
	require.NoError(t, err)
	return r
}

func drain(t *testing.T, r *runner.Runner) {
	t.Helper()
	_, err := r.Shutdown(context.Background())
	require.NoError(t, err)
}

func TestBug3TheRequestsContextEndsWithTheResponse(t *testing.T) {
	// What the work finds in its context once the client has the whole response.
	afterTheResponse := func(ask way) error {
		r := newRunner(t, runner.Config{})
		done := make(chan struct{})
		found := make(chan error, 1)
		srv := httptest.NewServer(r.Middleware(placeOrder(ask, func(ctx context.Context) error {
			<-done
			found <- ctx.Err()
			return nil
		})))
		res, err := srv.Client().Get(srv.URL)
		require.NoError(t, err)
		res.Body.Close()
		srv.Close() // waits until the server has ended the request
		close(done)
		err = <-found
		drain(t, r)
		return err
	}
	require.ErrorIs(t, afterTheResponse(bare), context.Canceled, "a query with this context fails")
	require.NoError(t, afterTheResponse(after))
}

func TestBug4APartnerThatHangsPilesGoroutinesUpWithoutABound(t *testing.T) {
	const requests = 1000
	atOnce := func(ask way) (running int32, refused int) {
		synctest.Test(t, func(t *testing.T) {
			r := newRunner(t, runner.Config{Workers: 8, Queue: 100})
			partner := make(chan struct{}) // hangs
			var count atomic.Int32
			handler := r.Middleware(placeOrder(ask, func(context.Context) error { count.Add(1); <-partner; return nil }))
			for range requests {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest("POST", "/orders", nil))
				if w.Code == http.StatusServiceUnavailable {
					refused++
				}
				synctest.Wait()
			}
			running = count.Load()
			close(partner)
			drain(t, r)
		})
		return running, refused
	}
	running, refused := atOnce(bare)
	require.Equal(t, int32(requests), running)
	require.Zero(t, refused)
	running, refused = atOnce(after)
	require.Equal(t, int32(8), running)
	require.Equal(t, requests-8-100, refused, "and their clients know it")
}

func TestBug5NobodySeesThatTheWorkHasFailed(t *testing.T) {
	failedUnseen := func(ask way) (log string, failures uint64) {
		var buf bytes.Buffer
		before := slog.Default()
		slog.SetDefault(slog.New(slog.NewTextHandler(&buf, nil)))
		defer slog.SetDefault(before)
		synctest.Test(t, func(t *testing.T) {
			r := newRunner(t, runner.Config{})
			handler := r.Middleware(placeOrder(ask, func(context.Context) error { return errors.New("550 no such mailbox") }))
			handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/orders", nil))
			synctest.Wait()
			drain(t, r)
			failures = r.Stats().Outcomes[runner.OutcomeError]
		})
		return buf.String(), failures
	}
	log, failures := failedUnseen(bare)
	require.Empty(t, log)
	require.Zero(t, failures)
	log, failures = failedUnseen(after)
	require.Contains(t, log, "550 no such mailbox")
	require.Contains(t, log, "order.email")
	require.Contains(t, log, "request_test.go", "the function that failed")
	require.Equal(t, uint64(1), failures)
}
