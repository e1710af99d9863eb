package runner_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/afterglow-go/afterglow/runner"
)

// No mail for an order that failed.
func ExampleWhen() {
	r, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	handler := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "order.email", func(context.Context) error {
			fmt.Println("mail sent")
			return nil
		}, runner.When(runner.Request.Succeeded))
		http.Error(w, "out of stock", http.StatusConflict)
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/orders", nil))
	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	fmt.Println(r.Stats().Outcomes)
	// Output: 1 skipped
}
