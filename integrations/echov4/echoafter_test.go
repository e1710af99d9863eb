package echoafter_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	echoafter "github.com/afterglow-go/afterglow/integrations/echov4"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo gives its contexts to other requests.
func TestUnderLoadEachCallbackSeesItsOwnRequest(t *testing.T) {
	conformance.Load(t, "/orders/:id", nil, func(after *runner.Runner, place func(string, conformance.Asks) error) http.Handler {
		e := echo.New()
		e.Use(echoafter.New(after))
		e.POST("/orders/:id", func(c echo.Context) error {
			err := place(c.Param("id"), func(name string, fn func(context.Context) error) error { return echoafter.After(c, name, fn) })
			if err != nil {
				return err
			}
			return c.NoContent(http.StatusOK)
		})
		return e
	})
}

// echo writes an error when its middleware has returned.
func TestAnErrorHasItsStatusAndItsRoute(t *testing.T) {
	after, seen := adaptertest.NewRunner(t, runner.Config{}), make(chan runner.Request, 1)
	e := echo.New()
	e.Group("/orders", echoafter.New(after)).POST("/:id", func(c echo.Context) error {
		if err := echoafter.After(c, "order.log", adaptertest.Seen(seen)); err != nil {
			t.Error(err)
		}
		return echo.NewHTTPError(http.StatusConflict, "no")
	})
	status, req := adaptertest.Place(t, after, e, "/orders/7", seen)
	require.Equal(t, http.StatusConflict, status)
	require.Equal(t, http.StatusConflict, req.Status)
	require.Equal(t, "/orders/:id", req.Pattern)
}

// A middleware that copies the request hides the pattern from what is outside.
func TestTheRouteIsNamedThroughACopiedRequest(t *testing.T) {
	after, seen := adaptertest.NewRunner(t, runner.Config{}), make(chan runner.Request, 1)
	e := echo.New()
	e.Use(echoafter.New(after), func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.SetRequest(c.Request().Clone(c.Request().Context()))
			return next(c)
		}
	})
	e.POST("/orders/:id", func(c echo.Context) error { return echoafter.After(c, "order.log", adaptertest.Seen(seen)) })
	_, req := adaptertest.Place(t, after, e, "/orders/7", seen)
	require.Equal(t, "/orders/:id", req.Pattern)
}

func TestAfterWithoutARunnerIsAMistake(t *testing.T) {
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
	c := echo.New().NewContext(req, httptest.NewRecorder())
	require.ErrorIs(t, echoafter.After(c, "order.email", func(context.Context) error { return nil }), runner.ErrNoScope)
}
