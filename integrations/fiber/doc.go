// Package fiberafter runs callbacks after the responses of a Fiber application
// (github.com/gofiber/fiber/v3).
//
// # Usage
//
//	app := fiber.New()
//	app.Use(fiberafter.New(after))
//	app.Post("/orders/:id", func(c fiber.Ctx) error {
//		id := strings.Clone(c.Params("id")) // Fiber uses its memory again
//		err := fiberafter.After(c, "order.email", func(ctx context.Context) error { return sendMail(ctx, id) })
//		…
//	})
//
// runner.After(c.Context(), …) works as well, without the locals.
//
// # What holds
//
// Fiber is built on fasthttp, and what package fasthttpafter says holds here: a callback starts only once
// the last byte of its response has been handed to the kernel, and what it reads is a copy, except
// for locals that are neither strings nor byte slices.
// The status is that of Fiber's ErrorHandler, which answers when the middleware has returned.
// [runner.Request].Pattern is the route, such as "/orders/:id".
//
// # Place
//
// Call Use with New before other middleware, so that all of it can ask for callbacks. A panic that
// middleware recover catches inside of New is a failure with its status; outside of New the request
// has Panicked, too. Without it a panic ends the process.
//
// Middleware timeout answers 408, and its handler may go on: what it asks for then is due at once.
//
// # Shutdown
//
// Call app.ShutdownWithContext, then Shutdown of the runner.
package fiberafter
