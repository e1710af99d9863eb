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
	after, err := runner.New(runner.Config{Observers: []runner.Observer{{Finished: logFinished}}})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", placeOrder)

	listener, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("listening on http://%s", listener.Addr())
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	// Serve ends when ctx does: first the requests, then the callbacks.
	report, err := after.Serve(ctx, &http.Server{Handler: mux}, listener, runner.Budgets{})
	fmt.Println(report)
	if err != nil {
		log.Fatal(err)
	}
}

// placeOrder answers in microseconds, however long the mail takes.
func placeOrder(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	err := runner.After(r.Context(), "order.email", func(ctx context.Context) error {
		return sendMail(ctx, id)
	})
	switch {
	case errors.Is(err, runner.ErrQueueFull): // better say so than promise a mail
		http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
	case err != nil: // a mistake in this program, or it is shutting down
		log.Printf("order %s: %v", id, err)
		http.Error(w, "sorry, this did not work", http.StatusInternalServerError)
	default:
		fmt.Fprintln(w, "Order placed successfully")
	}
}

// sendMail takes as long as mail servers do, unless the callback's timeout or
// the runner's shutdown ends its context before.
func sendMail(ctx context.Context, id string) error {
	select {
	case <-time.After(500 * time.Millisecond):
		req, _ := runner.RequestFrom(ctx) // as it was when the handler returned
		log.Printf("mail for order %s sent; its request was answered %d in %v", id, req.Status, req.Duration)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// logFinished sees how every callback ends: success, error, panic, timeout …
func logFinished(_ context.Context, f runner.FinishedInfo) {
	log.Printf("%s: %s in %v", f.Name, f.Outcome, f.Duration().Round(time.Millisecond))
}
