package console_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

// The page as text, as curl gets it. In a program the console is mounted on a mux that only you can reach.
func ExampleNew() {
	con, err := console.New(console.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer con.Close()
	r, err := runner.New(runner.Config{Name: "shop", Observers: []runner.Observer{con.Observer()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = r.Do(context.Background(), "order.email", func(context.Context) error { return nil })
	w := httptest.NewRecorder()
	con.ServeHTTP(w, httptest.NewRequest("GET", "/debug/afterglow/overview.txt", nil))
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "shop"))
	// Output: 200 true
}
