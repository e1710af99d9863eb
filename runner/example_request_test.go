package runner_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/afterglow-go/afterglow/runner"
)

// What the client has asked for, and what it got.
func ExampleRequestFrom() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "activity.log", func(ctx context.Context) error {
			if req, ok := runner.RequestFrom(ctx); ok {
				fmt.Println(req.Pattern, req.URL.Path, req.Status, req.UserAgent())
			}
			return nil
		})
		w.WriteHeader(http.StatusCreated)
	})
	req := httptest.NewRequest("POST", "/orders/7", nil)
	req.Header.Set("User-Agent", "example")
	after.Middleware(mux).ServeHTTP(httptest.NewRecorder(), req)
	if _, err := after.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	// Output: POST /orders/{id} /orders/7 201 example
}

// A stream answers 200 and has its error in the last message.
func ExampleSetError() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	handler := after.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "order.email", func(context.Context) error { return nil }, runner.When(runner.Request.Succeeded))
		fmt.Fprint(w, `{"error":"out of stock"}`)
		runner.SetError(req.Context(), errors.New("out of stock"))
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/orders", nil))
	if _, err := after.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(after.Stats().Outcomes)
	// Output: 1 skipped
}

// A server that is not net/http's, and that tells when it has written a response.
func ExampleWithResponseEnd() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	handler := after.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "order.email", func(context.Context) error {
			fmt.Println("mail sent")
			return nil
		})
	}))
	var written func(whole bool)
	ctx := runner.WithResponseEnd(context.Background(), func(done func(whole bool)) bool {
		written = done
		return true
	})
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "POST", "/orders", nil))
	fmt.Println("the server writes the response")
	written(true)
	if _, err := after.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	// Output:
	// the server writes the response
	// mail sent
}
