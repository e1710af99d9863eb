package tests

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestSetErrorFailsARequestWhoseStatusDoesNot(t *testing.T) {
	failed := errors.New("the stream broke")
	for name, set := range map[string]func(ctx context.Context){
		"failed":     func(ctx context.Context) { runner.SetError(ctx, failed) },
		"taken back": func(ctx context.Context) { runner.SetError(ctx, failed); runner.SetError(ctx, nil) },
		"not called": func(context.Context) {},
	} {
		t.Run(name, func(t *testing.T) {
			eachPromise(t, func(t *testing.T, bind bool) {
				r, rec := recorded(t, runner.Config{})
				seen := make(chan runner.Request, 1)
				h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
					err := runner.After(req.Context(), "it", func(ctx context.Context) error {
						got, _ := runner.RequestFrom(ctx)
						seen <- got
						return nil
					})
					if err != nil {
						t.Error(err)
					}
					if err := runner.After(req.Context(), "mail", nothing, runner.When(runner.Request.Succeeded)); err != nil {
						t.Error(err)
					}
					set(req.Context())
				}))
				srv := startServer(t, h)
				if bind {
					srv = startServer(t, h, runner.Bind)
				}
				get(t, srv.URL)
				got := <-seen
				drain(t, r)
				require.Equal(t, http.StatusOK, got.Status)
				if name == "failed" {
					require.ErrorIs(t, got.Err, failed)
					require.Equal(t, []runner.Outcome{runner.OutcomeSkipped}, rec.Outcomes("mail"))
				} else {
					require.NoError(t, got.Err)
					require.Equal(t, []runner.Outcome{runner.OutcomeSuccess}, rec.Outcomes("mail"))
				}
			})
		})
	}
	runner.SetError(t.Context(), failed) // no scope: nothing happens
}
