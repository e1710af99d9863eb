package tests

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestCallbacksRunHoweverTheHandlerEnds(t *testing.T) {
	handlers := map[string]struct {
		end      http.HandlerFunc
		status   int
		panicked bool
	}{
		"ok":           {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") }, 200, false},
		"nothing":      {func(http.ResponseWriter, *http.Request) {}, 200, false},
		"error":        {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusTeapot) }, 418, false},
		"redirect":     {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/else", http.StatusSeeOther) }, 303, false},
		"no content":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, 204, false},
		"early hints":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(201) }, 201, false},
		"panic":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, true},
		"goexit":       {func(http.ResponseWriter, *http.Request) { runtime.Goexit() }, 0, true},
		"late panic":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202); panic(http.ErrAbortHandler) }, 202, true},
		"flush, panic": {func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); panic(http.ErrAbortHandler) }, 200, true},
	}
	for name, h := range handlers {
		t.Run(name, func(t *testing.T) {
			eachPromise(t, func(t *testing.T, bind bool) {
				r := newRunner(t, runner.Config{})
				ran := make(chan runner.Request, 1)
				srv := serve(t, r, bind, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
					err := runner.After(req.Context(), "it", func(ctx context.Context) error {
						got, _ := runner.RequestFrom(ctx)
						ran <- got
						return nil
					})
					if err != nil {
						t.Error(err)
					}
					h.end(w, req)
				}))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, nil)
				require.NoError(t, err)
				res, err := http.DefaultTransport.RoundTrip(req)
				if err == nil {
					_, _ = io.Copy(io.Discard, res.Body)
					require.NoError(t, res.Body.Close())
				}
				got := <-ran
				require.Equal(t, h.status, got.Status)
				require.Equal(t, h.panicked, got.Panicked)
			})
		})
	}
}

func TestCallbacksRunWhenTheClientLeaves(t *testing.T) {
	eachPromise(t, func(t *testing.T, bind bool) {
		r := newRunner(t, runner.Config{})
		ran := make(chan runner.Request, 1)
		entered := make(chan struct{})
		srv := serve(t, r, bind, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			err := runner.After(req.Context(), "it", func(ctx context.Context) error {
				if ctx.Err() != nil {
					t.Error("the client's leaving has reached the callback")
				}
				got, _ := runner.RequestFrom(ctx)
				ran <- got
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			close(entered)
			<-req.Context().Done()
		}))
		conn, err := net.Dial("tcp", srv.Listener.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
		require.NoError(t, err)
		<-entered
		require.NoError(t, conn.(*net.TCPConn).SetLinger(0)) // it resets the connection: nothing can be sent any more
		require.NoError(t, conn.Close())
		require.True(t, (<-ran).Aborted)
	})
}

func TestTheResponseNeverWaitsForACallback(t *testing.T) {
	eachPromise(t, func(t *testing.T, bind bool) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1})
		g := newGate(t)
		srv := serve(t, r, bind, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			_ = runner.After(req.Context(), "hang", g.wait)
			_, _ = io.WriteString(w, "done")
		}))
		for range 5 { // more than workers and places
			_, body := get(t, srv.URL)
			require.Equal(t, "done", body)
		}
	})
}

func TestACallAfterTheResponseIsDueAtOnce(t *testing.T) {
	eachPromise(t, func(t *testing.T, bind bool) {
		r := newRunner(t, runner.Config{})
		kept := make(chan context.Context, 1)
		srv := serve(t, r, bind, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { kept <- req.Context() }))
		get(t, srv.URL)
		ctx := <-kept
		<-ctx.Done()
		ran := make(chan bool, 1)
		require.Eventually(t, func() bool { _, ok := runner.RequestFrom(ctx); return ok }, 5*time.Second, time.Millisecond)
		require.NoError(t, runner.After(ctx, "late", func(ctx context.Context) error {
			_, ok := runner.RequestFrom(ctx)
			ran <- ok
			return nil
		}))
		require.True(t, <-ran)
	})
}

// A handler inside TimeoutHandler goes on after its response has left, and may
// even begin then. The connection may serve the next request by that time.
func TestAHandlerThatOutlivesItsResponse(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("begins late: %v", late), func(t *testing.T) {
			r := newRunner(t, runner.Config{})
			asked, leave, ran := make(chan struct{}), make(chan struct{}), make(chan struct{})
			inner := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				if err := runner.After(req.Context(), "it", func(context.Context) error { close(ran); return nil }); err != nil {
					t.Error(err)
				}
				close(asked)
				<-leave
			}))
			outer := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if late {
					<-leave // for example, a slow look-up
				}
				inner.ServeHTTP(w, req)
			})
			// The timeout comes when the test is ready for it: as with
			// http.TimeoutHandler, the context ends and the handler is left alone.
			respond := make(chan struct{})
			timeout := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				ctx, cancel := context.WithCancel(req.Context())
				defer cancel()
				go outer.ServeHTTP(httptest.NewRecorder(), req.WithContext(ctx))
				<-respond
				http.Error(w, "too slow", http.StatusServiceUnavailable)
			})
			idle := make(chan struct{}, 1)
			srv := startServer(t, timeout, func(srv *http.Server) { srv.ConnState = tellIdle(idle) }, runner.Bind)
			if late {
				close(respond)
			} else {
				go func() { <-asked; close(respond) }()
			}
			_, body := get(t, srv.URL)
			require.Equal(t, "too slow\n", body)
			<-idle
			if !late {
				require.Equal(t, 1, r.Stats().Reserved)
			}
			close(leave)
			<-ran
		})
	}
}
