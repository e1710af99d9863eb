// This program takes orders whose mails survive kill -9.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// orderMail is a durable task: a name, and a function that gets what Enqueue has written to the disk.
var orderMail = durable.Define("order.mail", durable.Options{Timeout: time.Minute}, sendMail)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	serve(ctx, listener)
}

func serve(ctx context.Context, listener net.Listener) {
	queue, err := sqlite.Open(ctx, "sqlite:mails.db", durable.Config{}, orderMail) // it works the tasks, too
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		if _, err := orderMail.Enqueue(r.Context(), queue, id, durable.Unique(id)); err != nil {
			http.Error(w, "please try again", http.StatusServiceUnavailable)
		} else {
			fmt.Fprintln(w, "Order placed successfully") // the mail is on the disk
		}
	})
	log.Print("place orders at http://", listener.Addr(), "/orders/{id}")
	go func() { log.Fatal(http.Serve(listener, nil)) }()
	<-ctx.Done()
	last, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	log.Print(queue.Shutdown(last)) // a mail that does not end in time goes back to the disk
}

func sendMail(ctx context.Context, id string) error {
	log.Printf("sending the mail of order %s", id)
	select {
	case <-time.After(5 * time.Second): // as slow mail servers are
		log.Printf("the mail of order %s is sent", id)
		return nil
	case <-ctx.Done(): // its timeout, the shutdown, or queue.Cancel
		return context.Cause(ctx)
	}
}
