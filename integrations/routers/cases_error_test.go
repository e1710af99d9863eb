package routers

import (
	"context"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// answersAsWithout compares with the same engine without the runner. Frameworks
// write some answers when their chain has returned.
func answersAsWithout(t *testing.T, f framework, at mounting) {
	plain := serve(t, f.orders(placeByID))
	after := adaptertest.NewRunner(t, runner.Config{})
	seen, mailed := make(chan runner.Request, 1), make(chan bool, 1)
	srv := serve(t, f.engine(at, after.Middleware, func(v visit) error {
		mail := func(context.Context) error { mailed <- true; return nil }
		see := func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			seen <- req
			return nil
		}
		// These checks cannot end the test here.
		if err := runner.After(v.own, "order.email", mail, runner.When(runner.Request.Succeeded)); err != nil {
			t.Error(err)
		}
		if err := runner.After(v.own, "order.log", see); err != nil {
			t.Error(err)
		}
		return placeByID(v)
	}))
	created := http.StatusCreated
	if f.created != 0 {
		created = f.created
	}
	for _, status := range []int{created, http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusInternalServerError} {
		id := strconv.Itoa(status)
		without := send(t, plain, f.order(t.Context(), plain.URL, id))
		require.Equal(t, status, without.Status)
		require.Equal(t, without, send(t, srv, f.order(t.Context(), srv.URL, id)))
		require.Equal(t, status, adaptertest.Receive(t, seen).Status, "the frozen one")
		if status == created {
			adaptertest.Receive(t, mailed)
		}
	}
	for _, path := range []string{"/nowhere", "/orders/7", placeOrder} { // GET is the wrong method for the others
		require.Equal(t, send(t, plain, get(t, plain.URL+path)), send(t, srv, get(t, srv.URL+path)), path)
	}
	adaptertest.Drain(t, after)
	require.Equal(t, "6 success, 4 skipped", after.Stats().Outcomes.String(), "no mail after an error")
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	return req
}

// recovers compares what becomes of a panic with the same engine without the runner.
func recovers(t *testing.T, f framework, at mounting, inside bool) {
	plain := serve(t, f.orders(func(visit) error { panic("broken") }, nil))
	after := adaptertest.NewRunner(t, runner.Config{})
	seen := make(chan runner.Request, 1)
	broken := func(v visit) error {
		err := runner.After(v.own, "order.log", func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			seen <- req
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		panic("broken")
	}
	var h http.Handler
	switch {
	case inside:
		h = f.engine(at, after.Middleware, broken, nil)
	case at == within:
		h = f.orders(broken, nil, after.Middleware)
	default:
		h = f.recoverer(after.Middleware(f.orders(broken)))
	}
	srv := serve(t, h)
	want := send(t, plain, f.order(t.Context(), plain.URL, "7"))
	require.Equal(t, http.StatusInternalServerError, want.Status)
	require.Equal(t, want, send(t, srv, f.order(t.Context(), srv.URL, "7")))
	got := adaptertest.Receive(t, seen)
	require.False(t, got.Succeeded())
	require.Equal(t, !inside, got.Panicked)
	if inside {
		require.Equal(t, http.StatusInternalServerError, got.Status)
	}
}
