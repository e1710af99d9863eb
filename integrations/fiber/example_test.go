package fiberafter_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v3"

	fiberafter "github.com/afterglow-go/afterglow/integrations/fiber"
	"github.com/afterglow-go/afterglow/runner"
)

// The client has its answer before the mail is sent.
func ExampleNew() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	app := fiber.New()
	app.Use(fiberafter.New(after))
	app.Post("/orders/:id", func(c fiber.Ctx) error {
		id := strings.Clone(c.Params("id")) // Fiber uses its memory again
		err := fiberafter.After(c, "order.email", func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			fmt.Printf("mail for order %s, after %s %s: %d\n", id, req.Method, req.Pattern, req.Status)
			return nil
		})
		if err != nil {
			return fiber.NewError(http.StatusServiceUnavailable, "busy, please try again")
		}
		return c.Status(http.StatusCreated).SendString("placed")
	})

	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://shop/orders/7", http.NoBody)
	if err != nil {
		panic(err)
	}
	res, err := app.Test(req) // or app.Listen(":3000")
	if err != nil {
		panic(err)
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	_, lost := after.Shutdown(context.Background()) // when app.ShutdownWithContext has returned
	fmt.Println(string(body), err, lost)
	// Unordered output:
	// placed <nil> <nil>
	// mail for order 7, after POST /orders/:id: 201
}
