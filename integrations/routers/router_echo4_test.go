package routers

import (
	"net/http"

	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	echoafter "github.com/afterglow-go/afterglow/integrations/echov4"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
)

var echo4 = framework{
	name: "echo v4", pattern: "/orders/:id", recovery: recoversAsLayer,
	any: func(h http.Handler, use ...middleware) http.Handler {
		e := echo.New()
		for _, m := range use {
			e.Use(echoafter.WrapMiddleware(m))
		}
		e.Any("/*", echo.WrapHandler(h))
		return e
	},
	orders: func(place place, use ...middleware) http.Handler {
		e := echo.New()
		for _, m := range use {
			if m == nil {
				e.Use(echomiddleware.RecoverWithConfig(echomiddleware.RecoverConfig{DisablePrintStack: true}))
			} else {
				e.Use(echoafter.WrapMiddleware(m))
			}
		}
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				runner.SetPattern(c.Request().Context(), c.Path())
				return next(c)
			}
		})
		e.POST("/orders/:id", func(c echo.Context) error {
			if err := place(visit{c.Request().Context(), c.Response(), c.Request(), c.Param("id")}); err != nil {
				return echo.NewHTTPError(statusOf(err), err.Error())
			}
			return c.String(http.StatusCreated, "Order placed successfully")
		})
		return e
	},
	without: map[conformance.Capability]string{
		conformance.Hints:       "echo's Response takes an informational status for the last one, with or without the runner",
		conformance.Sendfile:    "echo's Response has no ReadFrom, with or without the runner",
		conformance.FlushErrors: "Flush of echo's Response has no result, with or without the runner",
	},
}
