package runner_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/afterglow-go/afterglow/runner"
)

// A handler answers, and its callback runs when the response is done.
func Example() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, req *http.Request) {
		err := runner.After(req.Context(), "order.email", func(ctx context.Context) error {
			got, _ := runner.RequestFrom(ctx)
			fmt.Println("mail sent; the answer was", got.Status)
			return nil
		})
		if errors.Is(err, runner.ErrQueueFull) {
			http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
			return
		}
		if err != nil {
			http.Error(w, "sorry, our mistake", http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "Order placed successfully")
	})
	handler := after.Middleware(mux)

	answer := httptest.NewRecorder() // stands for the server
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/orders", nil))
	fmt.Print(answer.Body)
	if _, err := after.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	// Unordered output:
	// Order placed successfully
	// mail sent; the answer was 200
}
