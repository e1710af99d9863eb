package routers

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/afterglow-go/afterglow/internal/conformance"
)

type middleware = func(http.Handler) http.Handler

// visit is what the handler of an order gets, in every framework.
type visit struct {
	own context.Context // what a user of the framework passes to After
	w   http.ResponseWriter
	req *http.Request
	id  string // from the route; "" in an RPC
}

// place answers a visit. Its error is a refusal, or nil.
type place func(visit) error

// refusal is an error with the status that the client shall see.
type refusal int

func (r refusal) Error() string { return http.StatusText(int(r)) }

// statusOf returns the status of a refusal.
func statusOf(err error) int {
	var r refusal
	if errors.As(err, &r) {
		return int(r)
	}
	return http.StatusInternalServerError
}

// answer writes what place has returned, where the framework has no way of its own.
func answer(w http.ResponseWriter, err error) {
	if err != nil {
		http.Error(w, err.Error(), statusOf(err))
		return
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte("Order placed successfully"))
}

// framework is one way to serve orders.
type framework struct {
	name string

	// any serves h, whatever the method and the path.
	any conformance.Mount

	// orders serves place. The middleware is added in the framework's own way, the
	// first outermost; nil stands for the framework's recovery from panics.
	orders func(place place, use ...middleware) http.Handler

	pattern string // of the route of orders
	rpc     string // its system, if orders are RPCs
	created int    // status of an order placed; 0: 201

	// request turns an order's request into the framework's; nil: POST /orders/id.
	request func(id string) (path, contentType, body string)

	// without names what the suite cannot show here, around the framework and within
	// it. Our own writer may be better than the framework's: lentWithin names what it has.
	without    map[conformance.Capability]string
	lentWithin []conformance.Capability

	recovery  recovery
	recoverer middleware // for recoversAsLayer: if it is a middleware of net/http, too
	recycles  bool       // it gives the context of orders to other requests
}

// recovery is where a framework's recovery from panics stands.
type recovery int

const (
	recoversNever    recovery = iota // it leaves that to net/http
	recoversAsLayer                  // where its user puts it
	recoversAsEngine                 // around all handlers and their middleware
	recoversInside                   // directly around the handler
)

// frameworks are those of the tables.
func frameworks() []framework {
	return []framework{ginEngine, chiRouter, echo4, echo5, gorilla, httpRouter, connectUnary, reverseProxy}
}

// mounting is where the Middleware stands.
type mounting string

const (
	around mounting = "around" // the whole engine
	within mounting = "within" // added in the framework's own way
)

var mountings = []mounting{around, within}

// engine returns the framework with m in the given place. Other middleware follows
// within it.
func (f framework) engine(at mounting, m middleware, place place, use ...middleware) http.Handler {
	if at == around {
		return m(f.orders(place, use...))
	}
	return f.orders(place, append([]middleware{m}, use...)...)
}

// mount is engine for the suite's handlers.
func (f framework) mount(at mounting) conformance.Mount {
	if at == within {
		return f.any
	}
	return func(h http.Handler, use ...middleware) http.Handler { return wrap(f.any(h), use...) }
}

// server returns the framework as a server of the suite.
func (f framework) server(p conformance.Protocol, at mounting) conformance.Server {
	return f.lacking(conformance.NetHTTP(p, true, f.mount(at)), at)
}

// exactHTTP2 is server for HTTP/2 with exacth2.
func (f framework) exactHTTP2(at mounting) conformance.Server {
	s := f.lacking(conformance.ExactHTTP2(conformance.HTTP2, f.mount(at)), at)
	s.Name += ", exact"
	return s
}

// lacking gives a server its name, and takes from it what the framework has not.
func (f framework) lacking(s conformance.Server, at mounting) conformance.Server {
	s.Name = f.name + ", " + string(at)
	if s.Without == nil {
		s.Without = make(map[conformance.Capability]string)
	}
	maps.Copy(s.Without, f.without)
	if at == within {
		for _, c := range f.lentWithin {
			delete(s.Without, c)
		}
	}
	return s
}

func wrap(h http.Handler, use ...middleware) http.Handler {
	for i := len(use) - 1; i >= 0; i-- {
		h = use[i](h)
	}
	return h
}

// order returns the request for an order.
func (f framework) order(ctx context.Context, url, id string) *http.Request {
	path, contentType, body := "/orders/"+id, "", ""
	if f.request != nil {
		path, contentType, body = f.request(id)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+path, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("X-Id", id)
	return req
}
