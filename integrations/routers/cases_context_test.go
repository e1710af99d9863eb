package routers

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"
	"github.com/stretchr/testify/require"

	ginafter "github.com/afterglow-go/afterglow/integrations/gin"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// refuses is an engine of echo whose handler asks for a callback, waits and then returns
// an error, which echo writes when the chain has returned. around stands around Middleware.
func refuses(t *testing.T, wait func(ctx context.Context), around ...echo.MiddlewareFunc) (http.Handler, <-chan runner.Request) {
	t.Helper()
	after := adaptertest.NewRunner(t, runner.Config{})
	seen := make(chan runner.Request, 1)
	e := echo.New()
	e.Use(append(around, echo.WrapMiddleware(after.Middleware))...)
	e.POST("/orders/:id", func(c echo.Context) error {
		ctx := c.Request().Context()
		err := runner.After(ctx, "order.log", func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			seen <- req
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		wait(ctx)
		return echo.NewHTTPError(http.StatusUnauthorized, "no")
	})
	return e, seen
}

func atOnce(context.Context) {}

// echo's ContextTimeout ends its context when it returns, and echo writes the error
// after that. Without Bind, nothing tells the end of that context from the end of the
// server's handler, as the documentation of Middleware says.
func TestErrorsUnderATimeoutOfTheContextReachTheClient(t *testing.T) {
	for wait, f := range map[string]func(context.Context){"in time": atOnce, "too late": func(ctx context.Context) { <-ctx.Done() }} {
		t.Run(wait, func(t *testing.T) {
			timeout := time.Minute
			if wait == "too late" {
				timeout = time.Millisecond
			}
			h, seen := refuses(t, f, echomiddleware.ContextTimeout(timeout))
			srv := serve(t, h)
			require.Equal(t, http.StatusUnauthorized, send(t, srv, echo4.order(t.Context(), srv.URL, "7")).Status)
			require.Equal(t, http.StatusUnauthorized, adaptertest.Receive(t, seen).Status)
		})
	}
}

// A client that has closed its own half of the connection still reads.
func TestErrorsReachAClientThatHasClosedItsHalf(t *testing.T) {
	h, seen := refuses(t, func(ctx context.Context) { <-ctx.Done() })
	srv := serve(t, h)
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, "POST /orders/7 HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, c.(*net.TCPConn).CloseWrite())
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	_ = res.Body.Close()
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	require.Equal(t, http.StatusUnauthorized, adaptertest.Receive(t, seen).Status)
}

// The same of gin: a service that recovers from panics outside of the runner's
// Middleware, under a middleware that ends its context.
func TestAPanicUnderAContextThatEndsIsAnsweredByGinsRecovery(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	engine := gin.New()
	engine.Use(gin.RecoveryWithWriter(io.Discard), func(c *gin.Context) {
		ctx, cancel := context.WithTimeout(c.Request.Context(), time.Minute)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		c.Next()
	}, ginafter.WrapMiddleware(after.Middleware))
	engine.POST("/orders/:id", func(*gin.Context) { panic("broken") })
	srv := serve(t, engine)
	require.Equal(t, http.StatusInternalServerError, send(t, srv, ginEngine.order(t.Context(), srv.URL, "7")).Status)
}
