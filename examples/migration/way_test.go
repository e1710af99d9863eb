package migration

import (
	"context"
	"net/http"

	"github.com/afterglow-go/afterglow/runner"
)

// way is how a handler has work done after its response.
type way func(ctx context.Context, work func(context.Context) error) error

// bare is the go statement. It cannot say no.
func bare(ctx context.Context, work func(context.Context) error) error {
	go func() { _ = work(ctx) }()
	return nil
}

// after is the same line with the runner.
func after(ctx context.Context, work func(context.Context) error) error {
	return runner.After(ctx, "order.email", work)
}

// placeOrder is the handler of both.
func placeOrder(ask way, work func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ask(r.Context(), work) != nil {
			http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
		}
	})
}
