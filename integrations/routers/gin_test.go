package routers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	ginafter "github.com/afterglow-go/afterglow/integrations/gin"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
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
// of the line that asks says what to do, and a metric counts how often it was wrong.
func TestAGinContextWithoutFallbackIsAMisuseThatIsLoggedAndCounted(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&misuseLog, nil)))
	defer slog.SetDefault(before)
	requests := ginEngine.load()
	registry := prometheus.NewRegistry()
	tel, err := telemetry.New(telemetry.Config{Registerer: registry})
	require.NoError(t, err)
	after := adaptertest.NewRunner(t, runner.Config{Queue: requests, Observers: []runner.Observer{tel.Observer()}})
	var asked, refused, right atomic.Int32
	engine := gin.New()
	engine.POST("/orders/:id", func(c *gin.Context) {
		asked.Add(1)
		nothing := func(context.Context) error { return nil }
		if err := runner.After(c, "order.email", nothing); errors.Is(err, runner.ErrNoScope) {
			refused.Add(1)
		}
		if err := runner.After(c.Request.Context(), "order.email", nothing); err == nil {
			right.Add(1) // this is what the record says
		}
	})
	srv := serve(t, after.Middleware(engine))
	counted := misusesOf(t, registry)
	v := &visits{framework: ginEngine}
	v.placeOrders(t, srv)
	require.EqualValues(t, requests, asked.Load())
	require.EqualValues(t, requests, refused.Load())
	require.EqualValues(t, requests, right.Load())
	require.InDelta(t, requests, misusesOf(t, registry)-counted, 0)
	require.Equal(t, 1, strings.Count(misuseLog.String(), "\n"), misuseLog.String())
	require.Contains(t, misuseLog.String(), "gin_test.go:")
	require.Contains(t, misuseLog.String(), "in gin, c.Request.Context()")
}

func misusesOf(t *testing.T, registry *prometheus.Registry) float64 {
	t.Helper()
	families, err := registry.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == names.MetricMisuse && m.GetLabel()[0].GetValue() == runner.MisuseNoScope.String() {
				return m.GetCounter().GetValue()
			}
		}
	}
	require.Fail(t, "the metric is missing")
	return 0
}

// This is why there is a package for gin: what most adapters on the web do hides the
// status from the runner, and from every other middleware of net/http.
func TestAnAdapterThatKeepsGinsWriterHidesTheStatus(t *testing.T) {
	naive := func(m middleware) gin.HandlerFunc {
		return func(c *gin.Context) {
			m(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				c.Request = req
				c.Next()
			})).ServeHTTP(c.Writer, c.Request)
		}
	}
	for name, adapter := range map[string]func(middleware) gin.HandlerFunc{"naive": naive, "ginafter": ginafter.WrapMiddleware} {
		t.Run(name, func(t *testing.T) {
			after := adaptertest.NewRunner(t, runner.Config{})
			engine := gin.New()
			engine.Use(adapter(after.Middleware))
			engine.POST("/orders/:id", func(c *gin.Context) {
				_ = runner.After(c.Request.Context(), "order.email", func(context.Context) error { return nil }, runner.When(runner.Request.Succeeded))
				c.String(http.StatusInternalServerError, "no")
			})
			srv := serve(t, engine)
			require.Equal(t, http.StatusInternalServerError, send(t, srv, ginEngine.order(t.Context(), srv.URL, "7")).Status)
			adaptertest.Drain(t, after)
			want := map[string]string{"naive": "1 success", "ginafter": "1 skipped"}
			require.Equal(t, want[name], after.Stats().Outcomes.String())
		})
	}
}

// A middleware that hands on nothing ends the chain, as within net/http.
func TestAMiddlewareThatAnswersByItselfEndsTheChainOfGin(t *testing.T) {
	engine := gin.New()
	engine.Use(ginafter.WrapMiddleware(func(http.Handler) http.Handler { return http.NotFoundHandler() }))
	engine.POST("/orders/:id", func(*gin.Context) { t.Error("the handler was called") })
	srv := serve(t, engine)
	require.Equal(t, http.StatusNotFound, send(t, srv, ginEngine.order(t.Context(), srv.URL, "7")).Status)
}

// Within gin the runner's writer stands between the handler and gin's, which serves
// the next request by then.
func TestACallbackThatKeepsTheWriterReachesNoOtherResponse(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	for range 50 { // gin's pool may have lost the context
		if keepsTheWriter(t, after) {
			return
		}
	}
	t.Error("gin has not used its context again")
}

// keepsTheWriter reports whether gin has used the context of a request again whose
// callback has kept the writer, and then written a late answer.
func keepsTheWriter(t *testing.T, after *runner.Runner) bool {
	t.Helper()
	engine := gin.New()
	engine.Use(ginafter.WrapMiddleware(after.Middleware))
	var first *gin.Context
	isAgain := false
	again, late := make(chan struct{}), make(chan error, 1)
	engine.POST("/orders/:id", func(c *gin.Context) {
		switch first {
		case nil:
			first = c
			w := c.Writer
			err := runner.After(c.Request.Context(), "order.email", func(context.Context) error {
				<-again
				w.WriteHeader(http.StatusTeapot)
				w.WriteHeaderNow()
				w.Flush()
				_, err := w.WriteString("late")
				late <- err
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		case c:
			if !isAgain {
				isAgain = true
				close(again)
				if err := <-late; !errors.Is(err, runner.ErrResponseDone) {
					t.Error("a callback has written a response: ", err)
				}
			}
		}
		c.String(http.StatusCreated, "Order placed successfully")
	})
	srv := serve(t, engine)
	for range 10 {
		want := response{http.StatusCreated, http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Content-Length": {"25"}}, "Order placed successfully"}
		require.Equal(t, want, send(t, srv, ginEngine.order(t.Context(), srv.URL, "7")))
	}
	if !isAgain {
		close(again)
		require.ErrorIs(t, <-late, runner.ErrResponseDone)
	}
	return isAgain
}
