// Package echoafter runs callbacks after the responses of an echo server (github.com/labstack/echo/v4).
//
// # Usage
//
//	e := echo.New()
//	e.Use(echoafter.New(after))
//	e.POST("/orders/:id", func(c echo.Context) error {
//		id := c.Param("id") // read here: echo uses c again for another request
//		err := echoafter.After(c, "order.email", func(ctx context.Context) error { return sendMail(ctx, id) })
//		…
//	})
//	srv := &http.Server{Handler: e}
//	runner.Bind(srv)
//
// If you use echo's own start, bind its server before: runner.Bind(e.Server).
//
// # What holds
//
// echo is an http.Handler, so with [runner.Bind], and with exacth2.Configure for HTTP/2, a callback starts only once the
// last byte of its response has been handed to the kernel. That includes what echo's HTTPErrorHandler writes when the
// middleware has returned: a handler that returns an error closes When(runner.Request.Succeeded).
package echoafter
