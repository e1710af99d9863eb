package routers

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	chiafter "github.com/afterglow-go/afterglow/integrations/chi"
	"github.com/afterglow-go/afterglow/runner"
)

var chiRouter = framework{
	name: "chi", pattern: "/orders/{id}", recovery: recoversAsLayer,
	recoverer: func(next http.Handler) http.Handler { return chiQuiet(chimiddleware.Recoverer(next)) },
	any: func(h http.Handler, use ...middleware) http.Handler {
		router := chi.NewRouter()
		for _, m := range use {
			router.Use(chiafter.WrapMiddleware(m))
		}
		router.Handle("/*", h)
		return router
	},
	orders: func(place place, use ...middleware) http.Handler {
		router := chi.NewRouter()
		router.Use(chiQuiet)
		for _, m := range use {
			if m == nil {
				m = chimiddleware.Recoverer
			}
			router.Use(chiafter.WrapMiddleware(m))
		}
		router.Use(chiPattern)
		router.Post("/orders/{id}", func(w http.ResponseWriter, req *http.Request) {
			answer(w, place(visit{req.Context(), w, req, chi.URLParam(req, "id")}))
		})
		return router
	},
}

// chiPattern names the route for the callbacks. chi knows the pattern when it has
// called the handler.
func chiPattern(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer func() { runner.SetPattern(req.Context(), chi.RouteContext(req.Context()).RoutePattern()) }()
		next.ServeHTTP(w, req)
	})
}

// chiQuiet keeps the stacks of recovered panics off the tests' output.
func chiQuiet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		next.ServeHTTP(w, chimiddleware.WithLogEntry(req, silentEntry{}))
	})
}

type silentEntry struct{}

// Write implements chimiddleware.LogEntry.
func (silentEntry) Write(int, int, http.Header, time.Duration, any) {}

// Panic implements chimiddleware.LogEntry.
func (silentEntry) Panic(any, []byte) {}
