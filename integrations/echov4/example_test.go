package echoafter_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	echoafter "github.com/afterglow-go/afterglow/integrations/echov4"
	"github.com/afterglow-go/afterglow/runner"
)

// The client has its answer before the mail is sent.
func ExampleNew() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	e := echo.New()
	e.Use(echoafter.New(after))
	e.POST("/orders/:id", func(c echo.Context) error {
		id := c.Param("id") // read here: echo uses c again for another request
		err := echoafter.After(c, "order.email", func(ctx context.Context) error { return sendMail(ctx, id) })
		if err != nil {
			return echo.NewHTTPError(http.StatusServiceUnavailable, "busy, please try again")
		}
		return c.String(http.StatusCreated, "placed")
	})
	srv := &http.Server{Handler: e}
	runner.Bind(srv)

	placeOrder(srv)
	_, lost := after.Shutdown(context.Background()) // when srv.Shutdown has returned
	fmt.Println(lost)
	// Unordered output:
	// 201
	// mail for order 7, after /orders/:id
	// <nil>
}

func sendMail(ctx context.Context, id string) error {
	req, _ := runner.RequestFrom(ctx)
	fmt.Printf("mail for order %s, after %s\n", id, req.Pattern)
	return nil
}

// placeOrder prints the status of the answer.
func placeOrder(srv *http.Server) {
	s := httptest.NewUnstartedServer(nil)
	s.Config = srv
	s.Start()
	defer s.Close()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.URL+"/orders/7", http.NoBody)
	if err != nil {
		panic(err)
	}
	res, err := s.Client().Do(req)
	if err != nil {
		panic(err)
	}
	_ = res.Body.Close()
	fmt.Println(res.StatusCode)
}
