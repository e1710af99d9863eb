package routers

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// keepValues has each callback keep a copy of what its framework uses again. An
// observer of Accepted is called inside After, before the handler goes on.
func keepValues(ctx context.Context, _ runner.AcceptedInfo) context.Context {
	if c, ok := ctx.(*gin.Context); ok {
		return c.Copy()
	}
	if route := chi.RouteContext(ctx); route != nil {
		return context.WithValue(ctx, chi.RouteCtxKey, route.Clone())
	}
	return ctx
}

// ginKey is a key of gin's own.
const ginKey = "order"

// readLate places many orders at once. The callbacks read their id when all requests
// have been answered. It returns how many read another one.
func readLate(t *testing.T, engine func(after *runner.Runner, wait <-chan struct{}, got func(id, read string)) http.Handler, observers ...runner.Observer) (wrong int) {
	t.Helper()
	const orders = 400
	after := adaptertest.NewRunner(t, runner.Config{Queue: orders, Observers: observers})
	answered := make(chan struct{})
	var others atomic.Int32
	srv := serve(t, engine(after, answered, func(id, read string) {
		if id != read {
			others.Add(1)
		}
	}))
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			for i := client; i < orders; i += clients {
				res, err := srv.Client().Do(chiRouter.order(t.Context(), srv.URL, fmt.Sprint(i)))
				if err != nil {
					t.Error(err)
					return
				}
				_ = res.Body.Close()
			}
		})
	}
	wg.Wait()
	close(answered)
	adaptertest.Drain(t, after)
	require.EqualValues(t, orders, after.Stats().Outcomes[runner.OutcomeSuccess])
	return int(others.Load())
}

func chiParameters(after *runner.Runner, wait <-chan struct{}, got func(id, read string)) http.Handler {
	router := chi.NewRouter()
	router.Use(after.Middleware)
	router.Post("/orders/{id}", func(w http.ResponseWriter, req *http.Request) {
		id := chi.URLParam(req, "id")
		answer(w, runner.After(req.Context(), "order.email", func(ctx context.Context) error {
			<-wait
			got(id, chi.URLParamFromCtx(ctx, "id"))
			return nil
		}))
	})
	return router
}

func ginValues(after *runner.Runner, wait <-chan struct{}, got func(id, read string)) http.Handler {
	engine := gin.New()
	engine.ContextWithFallback = true
	engine.POST("/orders/:id", func(c *gin.Context) {
		id := c.Param("id")
		c.Set(ginKey, id)
		answer(c.Writer, runner.After(c, "order.email", func(ctx context.Context) error {
			<-wait
			read, _ := ctx.Value(ginKey).(string)
			got(id, read)
			return nil
		}))
	})
	return after.Middleware(engine)
}

func TestAnObserverKeepsWhatAFrameworkUsesAgain(t *testing.T) {
	keep := runner.Observer{Accepted: keepValues}
	t.Run("chi's route parameters", func(t *testing.T) {
		require.Zero(t, readLate(t, chiParameters, keep))
	})
	t.Run("gin's values", func(t *testing.T) {
		require.Zero(t, readLate(t, ginValues, keep))
	})
}

// This is what the documents say of a callback that reads chi's parameters, and what to do:
// the request itself is not used again, and chi sets its path values.
func TestAPathValueOfChiIsSafeInACallback(t *testing.T) {
	require.Zero(t, readLate(t, func(after *runner.Runner, wait <-chan struct{}, got func(id, read string)) http.Handler {
		router := chi.NewRouter()
		router.Use(after.Middleware)
		router.Post("/orders/{id}", func(w http.ResponseWriter, req *http.Request) {
			id := chi.URLParam(req, "id")
			answer(w, runner.After(req.Context(), "order.email", func(context.Context) error {
				<-wait
				got(id, req.PathValue("id"))
				return nil
			}))
		})
		return router
	}))
}
