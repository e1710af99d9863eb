// Package durably puts a durable task in the place of a callback, or back. The handler stays as it is.
package durably

import (
	"context"
	"fmt"
	"net/http"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/runner"
)

// Handler takes orders. askForMail asks for the mail of an order, and is all that differs.
func Handler(askForMail func(ctx context.Context, id string) error) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		if err := askForMail(r.Context(), r.PathValue("id")); err != nil {
			http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "Order placed successfully")
	})
	return mux
}

// Send sends the mail of an order. It takes all that it needs as one argument.
type Send func(ctx context.Context, id string) error

// InMemory asks for a callback: a microsecond, and lost if the process dies.
func InMemory(send Send) func(ctx context.Context, id string) error {
	return func(ctx context.Context, id string) error {
		return runner.After(ctx, "order.email", func(ctx context.Context) error { return send(ctx, id) }, runner.Ref("order "+id))
	}
}

// Define makes a durable task of the same name and function. Give it to sqlite.Open or postgres.Open.
func Define(send Send) *durable.Task[string] {
	return durable.Define("order.email", durable.Options{}, send)
}

// OnDisk enqueues the task: a millisecond, and it survives the process. Unique lets a client that
// has got no answer ask again.
func OnDisk(queue durable.Enqueuer, task *durable.Task[string]) func(ctx context.Context, id string) error {
	return func(ctx context.Context, id string) error {
		_, err := task.Enqueue(ctx, queue, id, durable.Unique(id), durable.Ref("order "+id))
		return err
	}
}

// AfterTheResponse enqueues the task when the response is done, if not even the millisecond may be
// waited for. Until then it is as safe as a callback.
func AfterTheResponse(queue durable.Enqueuer, task *durable.Task[string]) func(ctx context.Context, id string) error {
	return func(ctx context.Context, id string) error { return task.After(ctx, queue, id) }
}
