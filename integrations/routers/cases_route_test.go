package routers

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// found is what a callback finds in its context.
type found struct {
	request runner.Request
	ok      bool
	value   any
}

type valueKey struct{}

// orderOne places one order and returns what its callback has found.
func orderOne(t *testing.T, f framework, at mounting, use ...middleware) found {
	t.Helper()
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan found, 1)
	srv := serve(t, f.engine(at, after.Middleware, func(v visit) error {
		return runner.After(v.own, "order.email", func(ctx context.Context) error {
			req, ok := runner.RequestFrom(ctx)
			got <- found{req, ok, ctx.Value(valueKey{})}
			return nil
		})
	}, use...))
	res := send(t, srv, f.order(t.Context(), srv.URL, "7"))
	require.Less(t, res.Status, http.StatusMultipleChoices, res.Body)
	one := adaptertest.Receive(t, got)
	require.True(t, one.ok)
	require.Equal(t, "7", one.request.Header.Get("X-Id"))
	require.Equal(t, res.Status, one.request.Status)
	return one
}

func ownContext(t *testing.T, f framework, at mounting) {
	misuses := runner.Misuses()
	orderOne(t, f, at)
	require.Equal(t, misuses, runner.Misuses())
}

func namesRoute(t *testing.T, f framework, at mounting) {
	require.Equal(t, f.pattern, orderOne(t, f, at).request.Pattern)
}

func copiesRequest(t *testing.T, f framework, at mounting) {
	one := orderOne(t, f, at, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			next.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), valueKey{}, "copied")))
		})
	})
	require.Equal(t, f.pattern, one.request.Pattern)
	if !f.recycles { // the values of a recycled context are those of its last request
		require.Equal(t, "copied", one.value)
	}
}

// A service that has grown has the Middleware in two places.
func TestMiddlewareInTwoPlacesIsHarmless(t *testing.T) {
	for _, f := range frameworks() {
		t.Run(f.name, func(t *testing.T) {
			after := adaptertest.NewRunner(t, runner.Config{})
			got := make(chan runner.Request, 2)
			h := f.engine(within, after.Middleware, func(v visit) error {
				return runner.After(v.own, "order.email", func(ctx context.Context) error {
					req, _ := runner.RequestFrom(ctx)
					got <- req
					return nil
				})
			})
			srv := serve(t, after.Middleware(h))
			res := send(t, srv, f.order(t.Context(), srv.URL, "7"))
			one := adaptertest.Receive(t, got)
			require.Equal(t, f.pattern, one.Pattern)
			require.Equal(t, res.Status, one.Status)
			adaptertest.Drain(t, after)
			require.Equal(t, "1 success", after.Stats().Outcomes.String())
		})
	}
}
