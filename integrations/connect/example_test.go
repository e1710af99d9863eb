package connectafter_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"connectrpc.com/connect"

	connectafter "github.com/afterglow-go/afterglow/integrations/connect"
	"github.com/afterglow-go/afterglow/runner"
)

// The client has its answer before the mail is sent.
func ExampleInterceptor() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	handler := orders(func(ctx context.Context, order string) (string, error) { // that of generated code
		return "placed", runner.After(ctx, "order.email", func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			fmt.Printf("mail for order %s, after %s %s\n", order, req.RPC, req.Pattern)
			return nil
		})
	}, connect.WithInterceptors(connectafter.Interceptor()))
	srv := httptest.NewUnstartedServer(after.Middleware(handler))
	runner.Bind(srv.Config)
	srv.Start()

	answer, err := call(context.Background(), srv, placeOrder, "7")
	srv.Close()                                     // first the server
	_, lost := after.Shutdown(context.Background()) // then what it has asked for
	fmt.Println(answer, err, lost)
	// Unordered output:
	// placed <nil> <nil>
	// mail for order 7, after connectrpc /shop.v1.Orders/Place
}
