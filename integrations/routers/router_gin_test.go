package routers

import (
	"io"
	"net/http"

	"github.com/gin-gonic/gin"

	ginafter "github.com/afterglow-go/afterglow/integrations/gin"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
)

var ginEngine = framework{
	name: "gin", pattern: "/orders/:id", recovery: recoversAsLayer, recycles: true,
	any: func(h http.Handler, use ...middleware) http.Handler {
		engine := gin.New()
		for _, m := range use {
			engine.Use(ginafter.WrapMiddleware(m))
		}
		engine.Any("/*path", gin.WrapH(h))
		return engine
	},
	orders: func(place place, use ...middleware) http.Handler {
		engine := gin.New()
		engine.ContextWithFallback = true
		engine.HandleMethodNotAllowed = true
		engine.Use(writeErrors)
		for _, m := range use {
			if m == nil {
				engine.Use(gin.RecoveryWithWriter(io.Discard))
			} else {
				engine.Use(ginafter.WrapMiddleware(m))
			}
		}
		engine.Use(func(c *gin.Context) { runner.SetPattern(c.Request.Context(), c.FullPath()) })
		engine.POST("/orders/:id", func(c *gin.Context) {
			if err := place(visit{c, c.Writer, c.Request, c.Param("id")}); err != nil {
				_ = c.Error(err)
				return
			}
			c.String(http.StatusCreated, "Order placed successfully")
		})
		return engine
	},
	lentWithin: []conformance.Capability{conformance.FlushErrors},
	without: map[conformance.Capability]string{
		conformance.Hints:       "gin's ResponseWriter keeps the last status only, with or without the runner",
		conformance.Sendfile:    "gin's ResponseWriter has no ReadFrom, with or without the runner",
		conformance.FlushErrors: "Flush of gin's ResponseWriter has no result, with or without the runner",
	},
}

// writeErrors writes errors as many gin services do: when the chain has returned.
func writeErrors(c *gin.Context) {
	c.Next()
	if err := c.Errors.Last(); err != nil && !c.Writer.Written() {
		c.JSON(statusOf(err), gin.H{"message": err.Error()})
	}
}
