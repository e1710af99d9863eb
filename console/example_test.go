package console_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

// The console beside other pages that only operators can reach. Here somebody asks for
// the failures as plain text, as curl does.
func Example() {
	con, err := console.New(console.Config{Title: "shop"})
	if err != nil {
		panic(err)
	}
	defer con.Close()
	after, err := runner.New(runner.Config{Observers: []runner.Observer{con.Observer()}})
	if err != nil {
		panic(err)
	}
	_ = after.Go(context.Background(), "order.email", func(context.Context) error {
		return errors.New("no route to host")
	})
	_, _ = after.Shutdown(context.Background())

	ops := http.NewServeMux()
	ops.Handle("/debug/afterglow/", con)
	server := httptest.NewServer(ops)
	defer server.Close()
	resp, err := http.Get(server.URL + "/debug/afterglow/failures.txt")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	fmt.Println(resp.Status, strings.Contains(string(text), "no route to host"))
	// Output: 200 OK true
}

// Every action is written down, with the user that the authentication before the console
// has found.
func ExampleConfig_onAction() {
	type userKey struct{}
	_, err := console.New(console.Config{
		Actions: true,
		OnAction: func(ctx context.Context, a console.Action) {
			fmt.Println(ctx.Value(userKey{}), a.Name, a.Queue, a.Group, a.Changed, a.Err)
		},
	})
	if err != nil {
		panic(err)
	}
}
