package ginafter_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	ginafter "github.com/afterglow-go/afterglow/integrations/gin"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	return gin.New()
}

// gin gives its contexts to other requests. The callback reads its key and its parameter from a copy.
func TestUnderLoadEachCallbackSeesItsOwnRequest(t *testing.T) {
	read := func(ctx context.Context) string {
		id, _ := ctx.Value("id").(string)
		if c, ok := ctx.Value(gin.ContextKey).(*gin.Context); !ok || c.Param("id") != id {
			return "another parameter"
		}
		return id
	}
	conformance.Load(t, "/orders/:id", read, func(after *runner.Runner, place func(string, conformance.Asks) error) http.Handler {
		engine := newEngine()
		engine.Use(ginafter.New(after))
		engine.POST("/orders/:id", func(c *gin.Context) {
			c.Set("id", c.Param("id"))
			err := place(c.Param("id"), func(name string, fn func(context.Context) error) error { return ginafter.After(c, name, fn) })
			if err != nil {
				t.Error(err)
			}
			c.Status(http.StatusOK)
		})
		return engine
	})
}

func TestAGroupHasTheRunnerAndNamesItsRoutes(t *testing.T) {
	after, seen := adaptertest.NewRunner(t, runner.Config{}), make(chan runner.Request, 1)
	engine := newEngine()
	engine.Group("/orders").Use(ginafter.New(after)).POST("/:id", func(c *gin.Context) {
		if err := ginafter.After(c, "order.log", adaptertest.Seen(seen)); err != nil {
			t.Error(err)
		}
		c.AbortWithStatus(http.StatusConflict)
	})
	status, req := adaptertest.Place(t, after, engine, "/orders/7", seen)
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, http.StatusConflict, req.Status, "gin keeps it to itself until the end")
	require.Equal(t, "/orders/:id", req.Pattern)
}

type valueKey struct{}

// The values of the request's context stay, whatever the engine's ContextWithFallback.
func TestAfterKeepsTheValuesOfTheRequestsContext(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		after, got := adaptertest.NewRunner(t, runner.Config{}), make(chan any, 2)
		engine := newEngine()
		engine.ContextWithFallback = fallback
		engine.Use(ginafter.New(after))
		seen := make(chan runner.Request, 1)
		engine.POST("/", func(c *gin.Context) {
			c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), valueKey{}, "mine"))
			err := ginafter.After(c, "order.email", func(ctx context.Context) error {
				got <- ctx.Value(valueKey{})
				return adaptertest.Seen(seen)(ctx)
			})
			if err != nil {
				t.Error(err)
			}
		})
		_, _ = adaptertest.Place(t, after, engine, "/", seen)
		require.Equal(t, "mine", <-got)
	}
}

func TestAfterWithoutARunnerIsAMistake(t *testing.T) {
	c := gin.CreateTestContextOnly(httptest.NewRecorder(), newEngine())
	c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
	require.ErrorIs(t, ginafter.After(c, "order.email", func(context.Context) error { return nil }), runner.ErrNoScope)
}
