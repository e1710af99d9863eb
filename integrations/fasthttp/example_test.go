package fasthttpafter_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/valyala/fasthttp"

	fasthttpafter "github.com/afterglow-go/afterglow/integrations/fasthttp"
	"github.com/afterglow-go/afterglow/runner"
)

// The client has its answer before the mail is sent.
func ExampleHandler() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	srv := &fasthttp.Server{Handler: fasthttpafter.Handler(after, func(c *fasthttp.RequestCtx) {
		id := string(c.QueryArgs().Peek("id")) // a copy: fasthttp uses its memory again
		err := fasthttpafter.After(c, "order.email", func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			fmt.Printf("mail for order %s, after %s %s: %d\n", id, req.Method, req.URL.Path, req.Status)
			return nil
		})
		if err != nil {
			c.Error("busy, please try again", fasthttp.StatusServiceUnavailable)
			return
		}
		c.SetBodyString("placed")
	})}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() { _ = srv.Serve(ln) }()

	answer, err := order("http://" + ln.Addr().String() + "/orders?id=7")
	stopped := srv.Shutdown()                       // first the server
	_, lost := after.Shutdown(context.Background()) // then what it has asked for
	fmt.Println(answer, err, stopped, lost)
	// Unordered output:
	// placed <nil> <nil> <nil>
	// mail for order 7, after POST /orders: 200
}

// order is a client.
func order(url string) (string, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, http.NoBody)
	if err != nil {
		return "", err
	}
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}
