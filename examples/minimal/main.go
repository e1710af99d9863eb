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
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

func main() {
	pool, err := runner.New(runner.Config{
		Observers: []runner.Observer{{Finished: func(_ context.Context, f runner.FinishedInfo) {
			log.Printf("%s: %s in %v", f.Name, f.Outcome, f.Duration().Round(time.Millisecond))
		}}},
	})
	if err != nil {
		log.Fatal(err)
	}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if err := runner.After(r.Context(), "order.email", func(ctx context.Context) error {
			return sendMail(ctx, "order "+id)
		}); err != nil { // the queue is full: better to say so than to promise a mail
			http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "Order placed successfully") // the client has this at once
	})

	srv := &http.Server{Addr: "127.0.0.1:8080", Handler: pool.Middleware(mux), ReadHeaderTimeout: 5 * time.Second}
	pool.Bind(srv) // callbacks start once the response's last byte has left

	go func() {
		if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			log.Fatal(err)
		}
	}()
	stop, release := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	<-stop.Done()
	release() // a second Ctrl-C ends the program

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil { // first the requests, as they ask for callbacks
		log.Print(err)
	}
	report, _ := pool.Shutdown(ctx) // then the callbacks; the report tells what it could not finish
	fmt.Println(report)
}

// sendMail takes the time that sending takes, unless its context ends first.
func sendMail(ctx context.Context, subject string) error {
	select {
	case <-time.After(500 * time.Millisecond):
		req, _ := runner.RequestFrom(ctx)
		log.Printf("mail about %s sent; %s %s was answered %d in %v", subject, req.Method, req.URL.Path, req.Status, req.Duration)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
