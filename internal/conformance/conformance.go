package conformance

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/afterglow-go/afterglow/runner"
)

// Capability is something that a server can do and that some cases need.
type Capability string

// The capabilities. A server has all of them but those that it names in
// Server.Without.
const (
	// Streaming: a handler can send a part of its response while it runs.
	Streaming Capability = "streaming"
	// Leaving: a client that leaves ends the context of its request.
	Leaving Capability = "leaving"
	// Panicking: the server survives the panic of a handler.
	Panicking Capability = "panicking"
	// Nesting: the requests of one server can pass through several runners.
	Nesting Capability = "nesting"
	// Overlapping: a request is served while callbacks of an earlier one run.
	Overlapping Capability = "overlap of callbacks and requests"
	// Handlers: it serves an http.Handler, by Server.HTTP.
	Handlers Capability = "http.Handler"
	// Hijacking: a handler can take its connection over.
	Hijacking Capability = "hijacking"
	// Pipelining: requests on one connection may be sent before the responses
	// to earlier ones have come.
	Pipelining Capability = "pipelining"
	// Sendfile: a file is handed to the connection's io.ReaderFrom.
	Sendfile Capability = "sendfile"
	// Hints: a handler can send an informational response before the final one.
	Hints Capability = "informational response"
	// Statuses: the status of a response says that the call has failed.
	Statuses Capability = "status of failures"
	// FlushErrors: a handler's ResponseWriter says that it could not be flushed.
	FlushErrors Capability = "error of Flush"
)

// Call is one request as the handler of any server sees it.
type Call struct {
	Context context.Context
	Request string               // what the client has sent
	Write   func(p []byte) error // adds to the response
	Flush   func() error         // sends what has been written; not called without Streaming
}

// Handler answers calls. Its error is the failure of the call.
type Handler func(Call) error

// Client sends a request and returns the whole response.
type Client func(ctx context.Context, request string) (response string, err error)

// Dial connects to the server under test.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// Server is one kind of server, and what it promises.
type Server struct {
	// Name heads a column of the table.
	Name string

	// Exact promises that a callback starts only once the last byte of its
	// response has been handed to the kernel. Otherwise the promise is that its
	// handler has returned.
	Exact bool

	// How says by what the server knows that a response has ended and, if it is not Exact,
	// what it promises in place of that. It is for the table of [Summary].
	How string

	// window is the size of HTTP/2's frame that gives back the window of a body that the
	// handler has not read. It follows the response, and the client may have read it as well.
	// 0: there is none.
	window int64

	// Without names what the server cannot do, each with the reason. Cases that
	// need it are skipped, and shown so in the table.
	Without map[Capability]string

	// Serve serves h on ln, each call within a scope of every runner, the
	// first of them outermost, until the end of the test. Its client connects by
	// dial only, and keeps its connection.
	// nil: made of HTTP and the runners' Middleware.
	Serve func(t testing.TB, ln net.Listener, dial Dial, h Handler, runners ...*runner.Runner) Client

	// Mount puts a case's handler under the Middleware of its runners.
	// nil: they are around the handler, and nothing else is.
	Mount Mount

	// HTTP serves h on ln until the end of the test. h is what Mount has
	// returned; a server that makes its promise by Bind binds itself.
	// The client it returns connects by dial only.
	// nil: the server is Without Handlers.
	HTTP func(t testing.TB, ln net.Listener, dial Dial, h http.Handler) *http.Client
}

// kase is one row of the table.
type kase struct {
	name  string
	needs []Capability
	run   func(*env)
}

// Run holds every server to every case. It logs a table of what was shown, and
// returns it.
func Run(t *testing.T, servers ...Server) Table {
	t.Helper()
	cases := slices.Concat(
		responseCases, callbackCases, // for every kind of server
		handlerCases, streamCases, connCases, fileCases, wrapperCases, // for those of an http.Handler
	)
	shown := make(map[string]string) // by case and server
	for _, s := range servers {
		t.Run(s.Name, func(t *testing.T) {
			s.check(t)
			for _, c := range cases {
				key := c.name + "\n" + s.Name
				t.Run(c.name, func(t *testing.T) {
					if why := s.lacks(c.needs); why != "" {
						shown[key] = "left out"
						t.Skip(why)
					}
					e := &env{TB: t, server: s}
					defer func() {
						shown[key] = e.shown()
						if t.Failed() {
							shown[key] = "FAILED"
						}
					}()
					c.run(e)
				})
			}
		})
	}
	table := tableOf(cases, servers, shown)
	t.Log("\n" + table.String() + reasons(servers))
	return table
}

// check finds servers that leave out more than they say.
func (s Server) check(t *testing.T) {
	t.Helper()
	if s.HTTP == nil && s.Without[Handlers] == "" {
		t.Fatal("a server with neither HTTP nor a reason Without Handlers")
	}
	if s.HTTP == nil && s.Serve == nil {
		t.Fatal("a server with neither Serve nor HTTP")
	}
	for c, why := range s.Without {
		if why == "" {
			t.Fatalf("no reason is given for the lack of %s", c)
		}
	}
}

func (s Server) lacks(needs []Capability) (why string) {
	for _, c := range needs {
		if why := s.Without[c]; why != "" {
			return fmt.Sprintf("%s has no %s: %s", s.Name, c, why)
		}
	}
	return ""
}
