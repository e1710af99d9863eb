package routers

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/runner"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultErrorWriter = io.Discard
	goleak.VerifyTestMain(m)
}

// otelgin gives each request a span within gin, in a copy of the request that is put
// back at the end.
func TestCallbacksOfARecycledGinContextSeeTheirOwnRequest(t *testing.T) {
	visitAll(t, ginEngine, func(v *visits) http.Handler {
		engine := gin.New()
		engine.ContextWithFallback = true
		engine.Use(func(c *gin.Context) {
			before := c.Request
			runner.SetPattern(before.Context(), c.FullPath())
			ctx, span := v.begin(before)
			defer func() {
				span.End()
				c.Request = before
			}()
			c.Request = before.WithContext(ctx)
			c.Next()
		})
		engine.POST("/orders/:id", func(c *gin.Context) {
			_ = v.place(visit{c, c.Writer, c.Request, c.Param("id")})
			c.String(http.StatusCreated, "Order placed successfully")
		})
		return v.after.Middleware(engine)
	})
}

// misuseLog is of the whole process, as the record is written once in it, however
// often the test runs.
var misuseLog bytes.Buffer

// Without ContextWithFallback gin's Context does not lead to the scope. One record
// of the line that asks says what to do.
func TestAGinContextWithoutFallbackIsAMisuseThatIsLogged(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&misuseLog, nil)))
	defer slog.SetDefault(before)
	after, err := runner.New(runner.Config{})
	require.NoError(t, err)
	engine := gin.New()
	var errs []error
	engine.POST("/orders", func(c *gin.Context) {
		errs = append(errs, runner.After(c, "order.email", func(context.Context) error { return nil }))
		errs = append(errs, runner.After(c.Request.Context(), "order.email", func(context.Context) error { return nil }))
	})
	misuses := runner.Misuses()[runner.MisuseNoScope]
	for range 3 {
		after.Middleware(engine).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/orders", http.NoBody))
	}
	_, err = after.Shutdown(t.Context())
	require.NoError(t, err)
	require.Len(t, errs, 6)
	for i, err := range errs {
		if i%2 == 0 {
			require.ErrorIs(t, err, runner.ErrNoScope)
		} else {
			require.NoError(t, err, "this is what the record says")
		}
	}
	require.EqualValues(t, 3, runner.Misuses()[runner.MisuseNoScope]-misuses)
	require.Equal(t, 1, strings.Count(misuseLog.String(), "\n"), misuseLog.String())
	require.Contains(t, misuseLog.String(), "gin_test.go:")
	require.Contains(t, misuseLog.String(), "in gin, c.Request.Context()")
}
