package runner_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/afterglow-go/afterglow/runner"
)

// A server of your own: Serve does these steps for you.
func ExampleRunner_Middleware() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	handler := after.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "order.email", func(context.Context) error {
			fmt.Println("mail sent")
			return nil
		})
		fmt.Fprint(w, "order placed")
	}))
	srv := httptest.NewServer(handler) // &http.Server{Handler: handler} in a program
	res, err := http.Get(srv.URL)
	if err != nil {
		panic(err)
	}
	res.Body.Close()
	srv.Close()                                                     // the server first
	if _, err := after.Shutdown(context.Background()); err != nil { // then the callbacks
		panic(err)
	}
	// Output: mail sent
}

// Bind comes before the server serves, and keeps hooks that are set already.
func ExampleBind() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	srv := httptest.NewUnstartedServer(after.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "order.email", func(context.Context) error {
			fmt.Println("the last byte of the response is with the kernel")
			return nil
		})
	})))
	runner.Bind(srv.Config)
	srv.Start()
	res, err := http.Get(srv.URL)
	if err != nil {
		panic(err)
	}
	res.Body.Close()
	srv.Close()
	if _, err := after.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	// Output: the last byte of the response is with the kernel
}

// Two runners in one chain: a slow report takes no worker from the mails.
func ExampleRunner_After() {
	mails, err := runner.New(runner.Config{Name: "mails"})
	if err != nil {
		panic(err)
	}
	reports, err := runner.New(runner.Config{Name: "reports", Workers: 1})
	if err != nil {
		panic(err)
	}
	handler := reports.Middleware(mails.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		nothing := func(context.Context) error { return nil }
		_ = runner.After(req.Context(), "order.email", nothing)  // the innermost: mails
		_ = reports.After(req.Context(), "report.page", nothing) // the one that is named
	})))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/orders", nil))
	for _, r := range []*runner.Runner{mails, reports} {
		if _, err := r.Shutdown(context.Background()); err != nil {
			panic(err)
		}
		fmt.Println(r.Stats().Name, r.Snapshot().Callbacks[0].Name)
	}
	// Output:
	// mails order.email
	// reports report.page
}

// All of them on the runner that is named, or none.
func ExampleRunner_AfterAll() {
	reports, err := runner.New(runner.Config{Name: "reports", MaxReserved: 1})
	if err != nil {
		panic(err)
	}
	handler := reports.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		nothing := func(context.Context) error { return nil }
		err := reports.AfterAll(req.Context(),
			runner.Call{Name: "report.page", Func: nothing},
			runner.Call{Name: "report.mail", Func: nothing})
		fmt.Println("both:", err == nil)
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/reports", nil))
	fmt.Println(reports.Stats().Outcomes)
	// Output:
	// both: false
	// 2 rejected
}

// The platform freezes the process when the handler has returned, so Hold returns later.
func ExampleRunner_Hold() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	handler := after.Hold(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "order.email", func(context.Context) error {
			fmt.Println("mail sent")
			return nil
		})
		fmt.Fprint(w, "order placed")
	}))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("POST", "/orders", nil))
	fmt.Println("returned; Content-Length:", w.Result().Header.Get("Content-Length"))
	// Output:
	// mail sent
	// returned; Content-Length: 12
}
