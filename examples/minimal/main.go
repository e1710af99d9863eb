// Minimal is a server that answers at once and sends its mail afterwards: the
// runner, net/http and nothing else. Start it, then place an order:
//
//	go run ./examples/minimal
//	curl -X POST http://127.0.0.1:8080/orders/7
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

func main() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", placeOrder)
	listener, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	// Serve wraps the handler. When ctx ends, Serve finishes the requests first, then the callbacks.
	report, err := after.Serve(ctx, &http.Server{Handler: mux}, listener, runner.Budgets{})
	log.Print(report)
	if err != nil {
		log.Fatal(err)
	}
}

// placeOrder answers at once, however long the mail takes.
func placeOrder(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	err := runner.After(r.Context(), "order.email", func(ctx context.Context) error {
		return sendMail(ctx, id) // after the response, on a worker, with a timeout
	})
	switch {
	case errors.Is(err, runner.ErrQueueFull), errors.Is(err, runner.ErrStuck), errors.Is(err, runner.ErrClosed):
		// There is no room for the mail, or the program shuts down. So promise none.
		http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
	case err != nil: // a mistake in this program
		log.Printf("order %s: %v", id, err)
		http.Error(w, "sorry, this did not work", http.StatusInternalServerError)
	default:
		fmt.Fprintln(w, "Order placed successfully")
	}
}

// sendMail takes as long as mail servers do.
func sendMail(ctx context.Context, id string) error {
	select {
	case <-time.After(500 * time.Millisecond):
		log.Print("mail for order ", id, " sent")
		return nil
	case <-ctx.Done(): // its timeout has passed, or the shutdown does not wait any longer
		return context.Cause(ctx)
	}
}
