package routers

import (
	"context"
	"log"
	"net/http"

	"connectrpc.com/connect"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"
	"github.com/julienschmidt/httprouter"
	"github.com/labstack/echo/v4"
	echov5 "github.com/labstack/echo/v5"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"google.golang.org/protobuf/types/known/wrapperspb"

	connectafter "github.com/afterglow-go/afterglow/integrations/connect"
	"github.com/afterglow-go/afterglow/runner"
)

// The README and docs/frameworks.md show the lines of these examples that are about the router.

func Example_gin() {
	after, engine := newRunnerOfExample(), gin.New()

	engine.Use(func(c *gin.Context) { runner.SetPattern(c.Request.Context(), c.FullPath()) })
	engine.POST("/orders/:id", func(c *gin.Context) {
		id := c.Param("id") // read here: gin uses c again for another request
		err := runner.After(c.Request.Context(), "order.email", func(ctx context.Context) error { return sendMail(ctx, id) })
		c.Status(status(err))
	})

	placeOneOrder(after, engine, "/orders/7", "")
	// Output:
	// 201
	// mail for order 7, placed at /orders/:id
}

func Example_chi() {
	after, router := newRunnerOfExample(), chi.NewRouter()

	router.Use(after.Middleware) // once more, within that of Serve: this one learns the route from chi
	router.Post("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := chi.URLParam(r, "id") // read here: chi uses its own context again for another request
		err := runner.After(r.Context(), "order.email", func(ctx context.Context) error { return sendMail(ctx, id) })
		w.WriteHeader(status(err))
	})

	placeOneOrder(after, router, "/orders/7", "")
	// Output:
	// 201
	// mail for order 7, placed at /orders/{id}
}

// otelhttp copies the request, and chi then cannot name the route.
func Example_chiCopied() {
	after, router := newRunnerOfExample(), chi.NewRouter()
	router.Use(after.Middleware, otelhttp.NewMiddleware("shop"))

	router.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() { runner.SetPattern(r.Context(), chi.RouteContext(r.Context()).RoutePattern()) }()
			next.ServeHTTP(w, r)
		})
	})

	router.Post("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		err := runner.After(r.Context(), "order.email", func(ctx context.Context) error { return sendMail(ctx, r.PathValue("id")) })
		w.WriteHeader(status(err))
	})
	placeOneOrder(after, router, "/orders/7", "")
	// Output:
	// 201
	// mail for order 7, placed at /orders/{id}
}

func Example_echo() {
	after, e := newRunnerOfExample(), echo.New()

	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			runner.SetPattern(c.Request().Context(), c.Path())
			return next(c)
		}
	})
	e.POST("/orders/:id", func(c echo.Context) error {
		id := c.Param("id") // read here: echo uses c again for another request
		err := runner.After(c.Request().Context(), "order.email", func(ctx context.Context) error { return sendMail(ctx, id) })
		return c.NoContent(status(err))
	})

	placeOneOrder(after, e, "/orders/7", "")
	// Output:
	// 201
	// mail for order 7, placed at /orders/:id
}

func Example_echoV5() {
	after, e := newRunnerOfExample(), echov5.New()

	e.POST("/orders/:id", func(c *echov5.Context) error {
		id := c.Param("id")
		err := runner.After(c.Request().Context(), "order.email", func(ctx context.Context) error { return sendMail(ctx, id) })
		return c.NoContent(status(err))
	})
	placeOneOrder(after, e, "/orders/7", "")
	// Output:
	// 201
	// mail for order 7, placed at /orders/:id
}

func Example_gorillaMux() {
	after, router := newRunnerOfExample(), mux.NewRouter()

	router.Use(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pattern, _ := mux.CurrentRoute(r).GetPathTemplate()
			runner.SetPattern(r.Context(), pattern)
			next.ServeHTTP(w, r)
		})
	})

	router.HandleFunc("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		err := runner.After(r.Context(), "order.email", func(ctx context.Context) error { return sendMail(ctx, mux.Vars(r)["id"]) })
		w.WriteHeader(status(err))
	})
	placeOneOrder(after, router, "/orders/7", "")
	// Output:
	// 201
	// mail for order 7, placed at /orders/{id}
}

func Example_httprouter() {
	after, router := newRunnerOfExample(), httprouter.New()

	post := func(pattern string, h httprouter.Handle) {
		router.POST(pattern, func(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
			runner.SetPattern(r.Context(), pattern)
			h(w, r, params)
		})
	}
	post("/orders/:id", func(w http.ResponseWriter, r *http.Request, params httprouter.Params) {
		err := runner.After(r.Context(), "order.email", func(ctx context.Context) error { return sendMail(ctx, params.ByName("id")) })
		w.WriteHeader(status(err))
	})

	placeOneOrder(after, router, "/orders/7", "")
	// Output:
	// 201
	// mail for order 7, placed at /orders/:id
}

func Example_connect() {
	const procedure = "/shop.v1.OrderService/PlaceOrder"
	after, routes := newRunnerOfExample(), http.NewServeMux()
	placeOrder := func(ctx context.Context, req *connect.Request[wrapperspb.StringValue]) (*connect.Response[wrapperspb.StringValue], error) {
		id := req.Msg.GetValue()
		err := runner.After(ctx, "order.email", func(ctx context.Context) error { return sendMail(ctx, id) })
		return connect.NewResponse(wrapperspb.String("Thank you")), err
	}

	routes.Handle(procedure, connect.NewUnaryHandler(procedure, placeOrder, connect.WithInterceptors(connectafter.Interceptor())))

	placeOneOrder(after, routes, procedure, `"7"`)
	// Output:
	// 200 "Thank you"
	// mail for order 7, placed at /shop.v1.OrderService/PlaceOrder
}

// Callbacks keep copies of what gin and chi use again.
func Example_keepValues() {
	keep := runner.Observer{Accepted: func(ctx context.Context, _ runner.AcceptedInfo) context.Context {
		if c, ok := ctx.(*gin.Context); ok {
			return c.Copy()
		}
		if route := chi.RouteContext(ctx); route != nil {
			return context.WithValue(ctx, chi.RouteCtxKey, route.Clone())
		}
		return ctx
	}}
	after, err := runner.New(runner.Config{Observers: []runner.Observer{keep}}) // before telemetry's, if there is one

	if err != nil {
		log.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(after.Middleware)
	router.Post("/orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		err := runner.After(r.Context(), "order.email", func(ctx context.Context) error {
			return sendMail(ctx, chi.URLParamFromCtx(ctx, "id"))
		})
		w.WriteHeader(status(err))
	})
	placeOneOrder(after, router, "/orders/7", "")
	// Output:
	// 201
	// mail for order 7, placed at /orders/{id}
}
