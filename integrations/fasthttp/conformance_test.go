package fasthttpafter_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"

	fasthttpafter "github.com/afterglow-go/afterglow/integrations/fasthttp"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, // fasthttp starts these for good, or ends them some seconds after the server
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

var update = flag.Bool("update", false, "write CONFORMANCE.md anew")

//go:generate go test -count=1 -run ^TestConformance$ . -update

func TestConformance(t *testing.T) {
	conformance.Document(t, *update, "What was shown with fasthttp", "The client is that of net/http.",
		server("fasthttp", false), server("fasthttp, body streamed", true))
}

func server(name string, stream bool) conformance.Server {
	s := conformance.Server{
		Name: name, Exact: true, How: "fasthttp closes the user values of a request when it has flushed the response; not of pipelined requests",
		Without: map[conformance.Capability]string{
			conformance.Handlers:   "its handlers are its own",
			conformance.Panicking:  "fasthttp does not recover panics",
			conformance.Leaving:    "fasthttp does not say that a client has left",
			conformance.Pipelining: "fasthttp holds a response back until it has served the requests that have come already",
		},
	}
	if stream {
		s.Without[conformance.Statuses] = "the response has begun with status 200"
	} else {
		s.Without[conformance.Streaming] = "the response is sent when the handler has returned"
	}
	s.Serve = func(t testing.TB, ln net.Listener, dial conformance.Dial, h conformance.Handler, runners ...*runner.Runner) conformance.Client {
		t.Helper()
		handler := whole(h)
		if stream {
			handler = streamed(t, h)
		}
		for i := len(runners) - 1; i >= 0; i-- {
			handler = fasthttpafter.Handler(runners[i], handler)
		}
		serveOn(t, ln, handler)
		transport := &http.Transport{DialContext: dial}
		t.Cleanup(transport.CloseIdleConnections)
		return ask(transport, ln.Addr().String())
	}
	return s
}

// whole answers calls with a response that is sent when the handler has returned.
func whole(h conformance.Handler) fasthttp.RequestHandler {
	return func(c *fasthttp.RequestCtx) {
		err := h(conformance.Call{
			Context: fasthttpafter.Context(c), Request: string(c.QueryArgs().Peek("q")),
			Write: func(p []byte) error { _, err := c.Write(p); return err },
		})
		if err != nil {
			c.Error(err.Error(), fasthttp.StatusInternalServerError)
		}
	}
}

// streamed answers calls while fasthttp sends the response.
func streamed(t testing.TB, h conformance.Handler) fasthttp.RequestHandler {
	return func(c *fasthttp.RequestCtx) {
		ctx, request := fasthttpafter.Context(c), string(c.QueryArgs().Peek("q"))
		c.SetBodyStreamWriter(func(w *bufio.Writer) {
			err := h(conformance.Call{
				Context: ctx, Request: request,
				Write: func(p []byte) error { _, err := w.Write(p); return err },
				Flush: w.Flush,
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// ask is a client of both.
func ask(transport *http.Transport, addr string) conformance.Client {
	client := &http.Client{Transport: transport, Timeout: adaptertest.Patience}
	return func(ctx context.Context, request string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/?q="+url.QueryEscape(request), http.NoBody)
		if err != nil {
			return "", err
		}
		res, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode >= http.StatusBadRequest {
			err = errors.New(res.Status)
		}
		return string(body), err
	}
}
