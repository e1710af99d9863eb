package grpcafter_test

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	grpcafter "github.com/afterglow-go/afterglow/integrations/grpc"
	"github.com/afterglow-go/afterglow/runner"
)

// The client has its answer before the mail is sent.
func ExampleServerOptions() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	srv := grpc.NewServer(grpcafter.ServerOptions(nil, after)...) // or credentials.NewTLS(config)
	srv.RegisterService(&description, orders{onPlace: func(ctx context.Context, order []byte) ([]byte, error) {
		err := runner.After(ctx, "order.email", func(ctx context.Context) error {
			rpc, _ := runner.RequestFrom(ctx)
			fmt.Printf("mail for %s, after %s: %s\n", order, rpc.Pattern, rpc.Code)
			return nil
		})
		return []byte("placed"), err
	}})
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = srv.Serve(ln) }()

	cc, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	answer, err := placeOrder(context.Background(), cc, "a book")
	_ = cc.Close()
	srv.GracefulStop()                              // first the server
	_, lost := after.Shutdown(context.Background()) // then what it has asked for
	fmt.Println(answer, err, lost)
	// Unordered output:
	// placed <nil> <nil>
	// mail for a book, after /shop.v1.Orders/Place: OK
}
