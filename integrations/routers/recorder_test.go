package routers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// Tests call an engine with a recorder and without a server.
func TestErrorsReachTheRecorderOfATest(t *testing.T) {
	for _, f := range frameworks() {
		for _, at := range mountings {
			t.Run(f.name+"/"+string(at), func(t *testing.T) {
				for _, id := range []string{"201", "400", "401", "404", "500"} {
					record := func(h http.Handler) *httptest.ResponseRecorder {
						w := httptest.NewRecorder()
						req := f.order(t.Context(), "", id)
						req.RequestURI = req.URL.RequestURI()
						h.ServeHTTP(w, req)
						return w
					}
					after := adaptertest.NewRunner(t, runner.Config{})
					asks := func(v visit) error {
						err := runner.After(v.own, "order.email", func(context.Context) error { return nil })
						if err != nil {
							t.Error(err)
						}
						return placeByID(v)
					}
					want := record(f.orders(placeByID))
					got := record(f.engine(at, after.Middleware, asks))
					require.Equal(t, want.Code, got.Code)
					require.Equal(t, want.Body.String(), got.Body.String())
				}
			})
		}
	}
}
