package routers

import (
	"net/http"

	"github.com/gorilla/handlers"
	"github.com/gorilla/mux"

	"github.com/afterglow-go/afterglow/runner"
)

var gorilla = framework{
	name: "gorilla/mux", pattern: "/orders/{id}", recovery: recoversAsLayer,
	recoverer: handlers.RecoveryHandler(handlers.RecoveryLogger(silent{})),
	any: func(h http.Handler, use ...middleware) http.Handler {
		router := mux.NewRouter()
		for _, m := range use {
			router.Use(m)
		}
		router.PathPrefix("/").Handler(h)
		return router
	},
	orders: func(place place, use ...middleware) http.Handler {
		router := mux.NewRouter()
		for _, m := range use {
			if m == nil {
				m = handlers.RecoveryHandler(handlers.RecoveryLogger(silent{}))
			}
			router.Use(m)
		}
		router.Use(muxPattern)
		router.HandleFunc("/orders/{id}", func(w http.ResponseWriter, req *http.Request) {
			answer(w, place(visit{req.Context(), w, req, mux.Vars(req)["id"]}))
		}).Methods(http.MethodPost)
		return router
	},
}

// muxPattern names the route for the callbacks.
func muxPattern(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if pattern, err := mux.CurrentRoute(req).GetPathTemplate(); err == nil {
			runner.SetPattern(req.Context(), pattern)
		}
		next.ServeHTTP(w, req)
	})
}

// silent is a logger of recovered panics.
type silent struct{}

// Println implements handlers.RecoveryHandlerLogger.
func (silent) Println(...any) {}
