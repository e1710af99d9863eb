package tests

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// A connection that carries a WebSocket is open for hours.
func TestCallbacksOfAHijackedConnectionRunWhileItIsOpen(t *testing.T) {
	eachPromise(t, func(t *testing.T, bind bool) {
		r := newRunner(t, runner.Config{Workers: 1})
		ran := make(chan string, 2)
		seen := make(chan runner.Request, 2)
		leave := make(chan struct{})
		srv := serve(t, r, bind, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			ask := func(name string) {
				err := runner.After(req.Context(), name, func(ctx context.Context) error {
					got, _ := runner.RequestFrom(ctx)
					seen <- got
					ran <- name
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
			ask("before")
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			ask("since")
			<-leave
			_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
		}))
		body := make(chan string, 1)
		go func() {
			res, err := http.Get(srv.URL + "/socket")
			if err != nil {
				t.Error(err)
				body <- ""
				return
			}
			defer res.Body.Close()
			all, _ := io.ReadAll(res.Body)
			body <- string(all)
		}()
		var all []string
		for range 2 {
			select {
			case name := <-ran:
				all = append(all, name)
				got := <-seen
				require.Equal(t, "/socket", got.URL.Path)
				require.Zero(t, got.Status, "there will be no response")
				require.False(t, got.Aborted)
			case <-time.After(10 * time.Second):
				close(leave)
				require.FailNow(t, "the callback waits for the end of the connection")
			}
		}
		require.Equal(t, "before since", strings.Join(all, " "))
		close(leave)
		require.Equal(t, "hi", <-body)
		// A callback is counted after it has returned.
		require.Eventually(t, func() bool { return r.Stats().Outcomes[runner.OutcomeSuccess] == 2 }, 10*time.Second, time.Millisecond)
	})
}

func TestAFailedHijackReleasesNothing(t *testing.T) {
	r := newRunner(t, runner.Config{})
	reserved := -1
	w := struct {
		*serverWriter
		hijacks
	}{serverWriter: &serverWriter{header: make(http.Header)}}
	h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := runner.After(req.Context(), "it", nothing); err != nil {
			t.Error(err)
		}
		_, _, err := w.(http.Hijacker).Hijack()
		require.ErrorIs(t, err, errBroken)
		reserved = r.Stats().Reserved
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	require.NoError(t, err)
	h.ServeHTTP(w, req)
	require.Equal(t, 1, reserved)
}

// slowErr is a context whose first call of Err takes until it is let go.
type slowErr struct {
	context.Context
	asked          atomic.Bool
	entered, leave chan struct{}
}

func (c *slowErr) Err() error {
	if !c.asked.Swap(true) {
		close(c.entered)
		<-c.leave
	}
	return c.Context.Err()
}

// A goroutine of the handler hijacks, and while the runner describes the request for the
// callbacks, the handler returns.
func TestAHijackWhileTheHandlerReturnsMakesTheCallbacksDueOnce(t *testing.T) {
	eachBubble(t, func(t *testing.T, bind bool) {
		r := newRunner(t, runner.Config{})
		ctx := &slowErr{entered: make(chan struct{}), leave: make(chan struct{})}
		seen := make(chan runner.Request, 2)
		inner := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			err := runner.After(req.Context(), "it", func(ctx context.Context) error {
				got, _ := runner.RequestFrom(ctx)
				seen <- got
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			go func() {
				conn, _, err := w.(http.Hijacker).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				conn.Close()
			}()
			<-ctx.entered
		}))
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			ctx.Context = req.Context()
			inner.ServeHTTP(w, req.WithContext(ctx))
		})}
		if bind {
			runner.Bind(srv)
		}
		ln := newPipeListener()
		serveOn(t, srv, ln)
		conn, _ := ln.dial()
		defer conn.Close()
		_, err := io.WriteString(conn, "GET /socket HTTP/1.1\r\nHost: shop\r\n\r\n")
		require.NoError(t, err)
		synctest.Wait()
		require.True(t, ctx.asked.Load())
		require.Empty(t, seen, "the request is not described yet")
		close(ctx.leave)
		synctest.Wait()
		require.Len(t, seen, 1)
		require.Equal(t, "/socket", (<-seen).URL.Path)
	})
}
