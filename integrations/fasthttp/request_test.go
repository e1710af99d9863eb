package fasthttpafter_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	fasthttpafter "github.com/afterglow-go/afterglow/integrations/fasthttp"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

func TestACallbackReadsTheRequestThatItRunsAfter(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, 1)
	s := start(t, after, func(c *fasthttp.RequestCtx) {
		runner.SetPattern(fasthttpafter.Context(c), "/orders/{id}")
		seen(t, c, got)
		c.Error("no", http.StatusConflict)
	})
	status, body, err := s.order(t.Context(), "/orders/7?gift=1", "X-Id", "7", "X-Id", "8", "Cookie", "session=s")
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, status)
	req := adaptertest.Receive(t, got)
	require.Equal(t, http.MethodPost, req.Method)
	require.Equal(t, &url.URL{Path: "/orders/7", RawQuery: "gift=1"}, req.URL)
	require.Equal(t, "/orders/{id}", req.Pattern)
	require.Equal(t, []string{"7", "8"}, req.Header.Values("X-Id"))
	require.Equal(t, "Go-http-client/1.1", req.UserAgent())
	require.NotContains(t, req.Header, "Host")
	session, err := req.Cookie("session")
	require.NoError(t, err)
	require.Equal(t, "s", session.Value)
	require.Equal(t, s.addr, req.Host)
	require.Equal(t, "HTTP/1.1", req.Proto)
	require.NotEmpty(t, req.RemoteAddr)
	require.Equal(t, http.StatusConflict, req.Status)
	require.EqualValues(t, len(body), req.Bytes)
	require.WithinDuration(t, time.Now(), req.Start, adaptertest.Patience)
	require.False(t, req.Succeeded())
}

type valueKey struct{}

// fasthttp uses the memory of a request again for the next one of the connection. The callback
// looks when it has.
func TestWhatACallbackReadsIsACopy(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	next, got := make(chan struct{}), make(chan string, 1)
	s := start(t, after, func(c *fasthttp.RequestCtx) {
		if string(c.Path()) != "/orders/first" {
			return
		}
		c.SetUserValue("path", c.Path())            // a part of the request's memory
		c.SetUserValue(valueKey{}, unsafeString(c)) // another one
		err := fasthttpafter.After(c, "order.email", func(ctx context.Context) error {
			<-next
			req, _ := runner.RequestFrom(ctx)
			path, _ := ctx.Value("path").([]byte)
			name, _ := ctx.Value(valueKey{}).(string)
			got <- strings.Join([]string{req.Method, req.URL.Path, req.URL.RawQuery, req.Host, req.Header.Get("X-Id"), req.Header.Get("Cookie"), string(path), name}, " ")
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	_, _, err := s.order(t.Context(), "/orders/first?q=one", "X-Id", "first", "Cookie", "a=first")
	require.NoError(t, err)
	for range 10 { // the same connection
		_, _, err := s.order(t.Context(), "/wrong!/wrong?q=bad", "X-Id", "wrong", "Cookie", "a=wrong")
		require.NoError(t, err)
	}
	close(next)
	require.Equal(t, "POST /orders/first q=one "+s.addr+" first a=first /orders/first first", adaptertest.Receive(t, got))
}

// Some routers put such strings into the user values.
func unsafeString(c *fasthttp.RequestCtx) string { return b2s(c.Request.Header.Peek("X-Id")) }

// A context that is kept has the values of the time when it was made.
func TestAContextKeepsTheUserValues(t *testing.T) {
	var c fasthttp.RequestCtx
	c.SetUserValue("user", "u1")
	kept := fasthttpafter.Context(&c)
	c.SetUserValue("user", "u2")
	require.Equal(t, "u1", kept.Value("user"))
	require.Equal(t, "u2", fasthttpafter.Context(&c).Value("user"))
	require.Nil(t, kept.Value("nobody"))
}

// The RequestCtx itself is no context to ask with: the callback would read what fasthttp writes.
func TestAfterOfTheRunnerRefusesARequestCtx(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	refused := make(chan error, 1)
	s := start(t, after, func(c *fasthttp.RequestCtx) {
		refused <- runner.After(c, "order.email", func(context.Context) error { return nil })
	})
	_, _, err := s.order(t.Context(), "/")
	require.NoError(t, err)
	require.ErrorIs(t, adaptertest.Receive(t, refused), runner.ErrNoScope)
	var outside fasthttp.RequestCtx
	require.ErrorIs(t, fasthttpafter.After(&outside, "order.email", func(context.Context) error { return nil }), runner.ErrNoScope)
}

func TestATimeoutHandlerWithinIsSeen(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got, leave := make(chan runner.Request, 2), make(chan struct{})
	s := start(t, after, fasthttp.TimeoutHandler(func(c *fasthttp.RequestCtx) {
		seen(t, c, got)
		if string(c.Path()) == "/slow" {
			<-leave
			seen(t, c, got) // the response has left
		}
	}, 50*time.Millisecond, "too slow"))
	status, _, err := s.order(t.Context(), "/slow")
	require.NoError(t, err)
	require.Equal(t, http.StatusRequestTimeout, status)
	req := adaptertest.Receive(t, got)
	require.True(t, req.TimedOut)
	require.False(t, req.Succeeded())
	close(leave)
	require.True(t, adaptertest.Receive(t, got).TimedOut)
	_, _, err = s.order(t.Context(), "/fast")
	require.NoError(t, err)
	require.True(t, adaptertest.Receive(t, got).Succeeded())
}

// The connection goes on for as long as its user likes.
func TestAHijackedConnectionHasNoResponse(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got, leave := make(chan runner.Request, 1), make(chan struct{})
	s := start(t, after, func(c *fasthttp.RequestCtx) {
		seen(t, c, got)
		c.SetStatusCode(http.StatusSwitchingProtocols)
		c.Hijack(func(net.Conn) { <-leave })
	})
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("GET /socket HTTP/1.1\r\nHost: shop\r\n\r\n"))
	require.NoError(t, err)
	require.Equal(t, "/socket", adaptertest.Receive(t, got).URL.Path)
	close(leave)
}

// Of pipelined requests fasthttp does not say when each response has left. Each callback runs, and sees its own.
func TestPipelinedRequestsLoseNoCallback(t *testing.T) {
	const n = 20
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, n)
	s := start(t, after, func(c *fasthttp.RequestCtx) { seen(t, c, got) })
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.addr)
	require.NoError(t, err)
	defer conn.Close()
	var all strings.Builder
	want := make(map[string]bool)
	for i := range n {
		path := fmt.Sprint("/orders/", i)
		want[path] = true
		fmt.Fprintf(&all, "GET %s HTTP/1.1\r\nHost: shop\r\n\r\n", path)
	}
	_, err = io.WriteString(conn, all.String())
	require.NoError(t, err)
	for range n {
		delete(want, adaptertest.Receive(t, got).URL.Path)
	}
	require.Empty(t, want)
}

// A handler that empties its user values closes ours: callbacks must not run before it returns.
func TestResetUserValuesReleasesNothingBeforeTheHandlerHasReturned(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, 1)
	s := start(t, after, func(c *fasthttp.RequestCtx) {
		seen(t, c, got)
		c.ResetUserValues()
		if stats := after.Stats(); stats.Reserved != 1 {
			t.Errorf("the callback is due: %+v", stats)
		}
	})
	_, _, err := s.order(t.Context(), "/")
	require.NoError(t, err)
	require.True(t, adaptertest.Receive(t, got).Succeeded())
}

// A program that recovers from panics around Handler answers them.
func TestAPanicThatIsRecoveredOutsideIsSeen(t *testing.T) {
	after := adaptertest.NewRunner(t, runner.Config{})
	got := make(chan runner.Request, 1)
	h := fasthttpafter.Handler(after, func(c *fasthttp.RequestCtx) {
		seen(t, c, got)
		panic("broken")
	})
	s := start(t, after, func(c *fasthttp.RequestCtx) {
		defer func() {
			if recover() != nil {
				c.Error("sorry", http.StatusInternalServerError)
			}
		}()
		h(c)
	})
	status, _, err := s.order(t.Context(), "/")
	require.NoError(t, err)
	require.Equal(t, http.StatusInternalServerError, status)
	req := adaptertest.Receive(t, got)
	require.True(t, req.Panicked)
	require.Equal(t, http.StatusInternalServerError, req.Status)
}

// Spans and the record of a mistake name the line of the program, not a line of this package.
func TestTheLineThatAsksIsTheProgramsOwn(t *testing.T) {
	var at string
	line := func(ctx context.Context, info runner.AcceptedInfo) context.Context {
		at = callerOf(info)
		return ctx
	}
	after := adaptertest.NewRunner(t, runner.Config{Observers: []runner.Observer{{
		WantsCaller: func(context.Context) bool { return true }, Accepted: line,
	}}})
	s := start(t, after, func(c *fasthttp.RequestCtx) {
		_ = fasthttpafter.After(c, "order.email", func(context.Context) error { return nil })
	})
	_, _, err := s.order(t.Context(), "/")
	require.NoError(t, err)
	require.Contains(t, at, "request_test.go")
}
