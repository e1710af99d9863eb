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

func TestATicketGetsItsSeatAndItsInvoiceOrNeither(t *testing.T) {
	for places, want := range map[int][]string{1: nil, 2: {"reserve 7", "invoice 7"}} {
		rt := runnertest.New(t, runner.Config{Queue: places, MaxReserved: places}, runnertest.FailOn())
		var ran []string
		note := func(what string) func(context.Context, string) error {
			return func(_ context.Context, id string) error { ran = append(ran, what+" "+id); return nil }
		}
		mux := http.NewServeMux()
		mux.Handle("POST /tickets/{id}", &recipes.Tickets{Reserve: note("reserve"), Invoice: note("invoice")})
		w := rt.Serve(mux, httptest.NewRequest("POST", "/tickets/7", nil))
		require.Equal(t, want, ran, places)
		require.Equal(t, want != nil, w.Code == http.StatusOK, places)
	}
}
