package runner_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// A whole server: in a program ctx comes from signal.NotifyContext.
func ExampleRunner_Serve() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !after.Ready() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, req *http.Request) {
		err := runner.After(req.Context(), "order.email", func(context.Context) error {
			fmt.Println("mail sent")
			return nil
		})
		if err != nil {
			http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "Order placed successfully")
	})

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		report, err := after.Serve(ctx, &http.Server{Handler: mux}, listener, runner.Budgets{
			NotReady:  10 * time.Millisecond, // 5 s behind a load balancer
			Server:    10 * time.Second,
			Callbacks: 10 * time.Second,
		})
		fmt.Println("lost:", len(report.Lost), "error:", err)
	}()

	res, err := http.Post("http://"+listener.Addr().String()+"/orders", "", nil)
	if err != nil {
		panic(err)
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	fmt.Println(string(body))
	stop()
	<-ended
	fmt.Println("ready:", after.Ready())
	// Unordered output:
	// Order placed successfully
	// mail sent
	// lost: 0 error: <nil>
	// ready: false
}
