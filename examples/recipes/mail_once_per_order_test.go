package recipes_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/examples/recipes"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

func TestAnOrderThatComesTwiceIsMailedOnce(t *testing.T) {
	rt := runnertest.New(t, runner.Config{})
	var mailed []string
	orders := &recipes.Orders{Mail: func(_ context.Context, id string) error { mailed = append(mailed, id); return nil }}
	mux := http.NewServeMux()
	mux.Handle("POST /orders/{id}", orders)
	for _, id := range []string{"7", "7", "8", "7"} {
		require.Equal(t, http.StatusOK, rt.Serve(mux, httptest.NewRequest("POST", "/orders/"+id, nil)).Code)
	}
	require.Equal(t, []string{"7", "8"}, mailed)
}

func TestAnOrderThatWasRefusedForItsMailCanBePlacedLater(t *testing.T) {
	var mailed []string
	orders := &recipes.Orders{Mail: func(_ context.Context, id string) error { mailed = append(mailed, id); return nil }}
	mux := http.NewServeMux()
	mux.Handle("POST /orders/{id}", orders)

	closed, err := runner.New(runner.Config{})
	require.NoError(t, err)
	_, err = closed.Shutdown(t.Context())
	require.NoError(t, err)
	w := httptest.NewRecorder()
	closed.Middleware(mux).ServeHTTP(w, httptest.NewRequest("POST", "/orders/7", nil))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)

	rt := runnertest.New(t, runner.Config{})
	require.Equal(t, http.StatusOK, rt.Serve(mux, httptest.NewRequest("POST", "/orders/7", nil)).Code)
	require.Equal(t, []string{"7"}, mailed)
}
