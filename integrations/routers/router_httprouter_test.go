package routers

import (
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/afterglow-go/afterglow/runner"
)

// httprouter has no middleware of its own: its users wrap the handler of a route.
var httpRouter = framework{
	name: "httprouter", pattern: "/orders/:id", recovery: recoversAsEngine,
	any: func(h http.Handler, use ...middleware) http.Handler {
		router := httprouter.New()
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut} {
			router.Handler(method, "/*path", wrap(h, use...))
		}
		return router
	},
	orders: func(place place, use ...middleware) http.Handler {
		router := httprouter.New()
		var layers []middleware
		for _, m := range use {
			if m != nil {
				layers = append(layers, m)
				continue
			}
			router.PanicHandler = func(w http.ResponseWriter, _ *http.Request, _ any) {
				http.Error(w, "sorry", http.StatusInternalServerError)
			}
		}
		handle(router, http.MethodPost, "/orders/:id", layers, func(w http.ResponseWriter, req *http.Request) {
			id := httprouter.ParamsFromContext(req.Context()).ByName("id")
			answer(w, place(visit{req.Context(), w, req, id}))
		})
		return router
	},
}

// handle registers a handler that names its route for the callbacks: httprouter does
// not say which one has matched.
func handle(router *httprouter.Router, method, pattern string, use []middleware, h http.HandlerFunc) {
	router.Handler(method, pattern, wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		runner.SetPattern(req.Context(), pattern)
		h(w, req)
	}), use...))
}
