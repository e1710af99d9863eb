package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnOrderIsMailed(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", placeOrder) // the mux sets r.PathValue("id")
	w := rt.Serve(mux, httptest.NewRequest("POST", "/orders/7", nil))
	// The response is done, and so are its callbacks.
	if w.Code != http.StatusOK {
		t.Error(w.Code, w.Body)
	}
	if mails := rt.Recorder.Outcomes("order.email"); !slices.Equal(mails, []runner.Outcome{runner.OutcomeSuccess}) {
		t.Error(mails)
	}
}

func TestAFullQueueIsAnsweredWith503(t *testing.T) {
	rt := runnertest.New(t, runner.Config{Queue: 1}, runnertest.FailOn())
	w := rt.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		placeOrder(httptest.NewRecorder(), r) // takes the only place until the response is done
		placeOrder(w, r)
	}), httptest.NewRequest("POST", "/orders/7", nil))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Equal(t, []runner.Outcome{runner.OutcomeSuccess, runner.OutcomeRejected}, rt.Recorder.Outcomes("order.email"))
}

func TestAnOrderDuringAShutdownIsAnsweredWith503(t *testing.T) {
	after, err := runner.New(runner.Config{})
	require.NoError(t, err)
	_, err = after.Shutdown(t.Context())
	require.NoError(t, err)
	w := httptest.NewRecorder()
	after.Middleware(http.HandlerFunc(placeOrder)).ServeHTTP(w, httptest.NewRequest("POST", "/orders/7", nil))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
}

func TestAMistakeIsAnsweredWith500(t *testing.T) {
	w := httptest.NewRecorder()
	placeOrder(w, httptest.NewRequest("POST", "/orders/7", nil)) // no Middleware: there is nothing to run after
	require.Equal(t, http.StatusInternalServerError, w.Code)
}
