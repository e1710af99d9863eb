// Package ginafter runs callbacks after the responses of a gin engine.
//
// # Usage
//
//	engine := gin.New()
//	engine.Use(ginafter.New(after))
//	engine.POST("/orders/:id", func(c *gin.Context) {
//		id := c.Param("id") // read here: gin uses c again for another request
//		err := ginafter.After(c, "order.email", func(ctx context.Context) error { return sendMail(ctx, id) })
//		…
//	})
//	srv := &http.Server{Handler: engine}
//	runner.Bind(srv) // engine.Run hides its server
//
// New may be given to a group, if only some routes have the runner. It names the route's pattern for callbacks.
//
// # What holds
//
// gin is an http.Handler, so with [runner.Bind], and with exacth2.Configure for HTTP/2, a callback starts only once the
// last byte of its response has been handed to the kernel.
//
// gin keeps a status to itself until the first byte of the body. An adapter that leaves gin's writer in place hides the
// status from the runner, and callbacks with When(Request.Succeeded) then run after a 500.
// This one does not.
package ginafter
