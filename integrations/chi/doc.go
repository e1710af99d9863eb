// Package chiafter runs callbacks after the responses of a chi router (github.com/go-chi/chi/v5).
//
// # Usage
//
//	router := chi.NewRouter()
//	router.Use(chiafter.New(after))
//	router.Post("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
//		err := chiafter.After(r.Context(), "order.email", func(ctx context.Context) error {
//			return sendMail(ctx, chi.URLParamFromCtx(ctx, "id"))
//		})
//		…
//	})
//	srv := &http.Server{Handler: router}
//	runner.Bind(srv)
//
// A router of chi is an http.Handler, and after.Middleware works without this package. The package names the route in
// all cases, also if a middleware such as otelchi or otelhttp copies the request on the way. And chi gives its route context
// to other requests: [After] keeps a copy, so that callbacks may read URL parameters.
//
// # What holds
//
// With [runner.Bind], and with exacth2.Configure for HTTP/2, a callback starts only once the last byte of its response has
// been handed to the kernel.
package chiafter
