package tests

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/runnertest"
)

// answer is what a client gets: status 0 if no response has come.
type answer struct {
	status int
	body   string
}

// askOnce serves one request with srv, over a connection in memory. It is called in a
// bubble only, and waits until every handler has returned.
func askOnce(t *testing.T, srv *http.Server, bind bool) (got answer) {
	t.Helper()
	if bind {
		runner.Bind(srv)
	}
	ln := newPipeListener()
	serveOn(t, srv, ln)
	conn, br := ln.dial()
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, "GET /slow HTTP/1.1\r\nHost: shop\r\n\r\n") }()
	if res, err := http.ReadResponse(br, nil); err == nil {
		body, _ := io.ReadAll(res.Body)
		got = answer{res.StatusCode, string(body)}
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	return got
}

// eachBubble is eachPromise, in a bubble.
func eachBubble(t *testing.T, test func(t *testing.T, bind bool)) {
	eachPromise(t, func(t *testing.T, bind bool) {
		synctest.Test(t, func(t *testing.T) { test(t, bind) })
	})
}

// asksAndThen is a handler that asks for callbacks first.
func asksAndThen(t *testing.T, h http.HandlerFunc) (wrapped http.Handler, seen *runner.Request, rec *runnertest.Recorder) {
	t.Helper()
	r, rec := recorded(t, runner.Config{})
	seen = new(runner.Request)
	return r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		see := func(ctx context.Context) error { *seen, _ = runner.RequestFrom(ctx); return nil }
		if err := runner.After(req.Context(), "it", see); err != nil {
			t.Error(err)
		}
		if err := runner.After(req.Context(), "mail", nothing, runner.When(runner.Request.Succeeded)); err != nil {
			t.Error(err)
		}
		h(w, req)
	})), seen, rec
}

// The mail that says that an order was placed must not be sent to who was told 503.
// It sleeps in a bubble only.
func TestARequestThatTimeoutHandlerHasAnsweredTimedOut(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"writes nothing": func(http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Second) },
		"writes before": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "ok")
			time.Sleep(5 * time.Second)
		},
		"writes a status before": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			time.Sleep(5 * time.Second)
		},
		"writes afterwards": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(5 * time.Second)
			_, _ = io.WriteString(w, "ok")
		},
		"a status afterwards": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(5 * time.Second)
			w.WriteHeader(http.StatusCreated)
		},
		"copies afterwards": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(5 * time.Second)
			_, _ = io.Copy(w, strings.NewReader("ok"))
		},
		"writes before and after": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "o")
			time.Sleep(5 * time.Second)
			_, _ = io.WriteString(w, "k")
		},
		"writes nothing and heeds": func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done(); time.Sleep(time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			eachBubble(t, func(t *testing.T, bind bool) {
				wrapped, seen, rec := asksAndThen(t, h)
				got := askOnce(t, &http.Server{Handler: http.TimeoutHandler(wrapped, time.Second, "too slow")}, bind)
				require.Equal(t, answer{http.StatusServiceUnavailable, "too slow"}, got)
				require.True(t, seen.TimedOut)
				require.Equal(t, http.StatusServiceUnavailable, seen.Status)
				require.False(t, seen.Succeeded())
				require.Equal(t, []runner.Outcome{runner.OutcomeSkipped}, rec.Outcomes("mail"))
			})
		})
	}
}

// TestARequestWithinTheTimeOfTimeoutHandlerDidNotTimeOut sleeps in a bubble only.
func TestARequestWithinTheTimeOfTimeoutHandlerDidNotTimeOut(t *testing.T) {
	eachBubble(t, func(t *testing.T, bind bool) {
		wrapped, seen, rec := asksAndThen(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "ok")
			time.Sleep(time.Second / 2)
		})
		got := askOnce(t, &http.Server{Handler: http.TimeoutHandler(wrapped, time.Second, "too slow")}, bind)
		require.Equal(t, answer{http.StatusOK, "ok"}, got)
		require.False(t, seen.TimedOut)
		require.Equal(t, http.StatusOK, seen.Status)
		require.Equal(t, []runner.Outcome{runner.OutcomeSuccess}, rec.Outcomes("mail"))
	})
}

// TestARequestThatOutlastsTheServersWriteTimeoutTimedOut sleeps in a bubble only.
func TestARequestThatOutlastsTheServersWriteTimeoutTimedOut(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"writes little": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(5 * time.Second)
			_, _ = io.WriteString(w, "ok")
		},
		"writes nothing": func(http.ResponseWriter, *http.Request) { time.Sleep(5 * time.Second) },
		"writes much": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(5 * time.Second)
			_, _ = w.Write(make([]byte, 1<<20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachBubble(t, func(t *testing.T, bind bool) {
				wrapped, seen, rec := asksAndThen(t, h)
				got := askOnce(t, &http.Server{Handler: wrapped, WriteTimeout: time.Second}, bind)
				require.Zero(t, got.status, "no response has come")
				require.True(t, seen.TimedOut)
				require.False(t, seen.Succeeded())
				require.Equal(t, []runner.Outcome{runner.OutcomeSkipped}, rec.Outcomes("mail"))
			})
		})
	}
}

// TestARequestWithinTheServersWriteTimeoutDidNotTimeOut sleeps in a bubble only.
func TestARequestWithinTheServersWriteTimeoutDidNotTimeOut(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"in time": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") },
		"with a deadline of its own": func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
			time.Sleep(5 * time.Second)
			_, _ = io.WriteString(w, "ok")
		},
		"sent in time, and then busy": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			_, _ = io.WriteString(w, "ok")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachBubble(t, func(t *testing.T, bind bool) {
				wrapped, seen, rec := asksAndThen(t, h)
				got := askOnce(t, &http.Server{Handler: wrapped, WriteTimeout: 2 * time.Second}, bind)
				require.Equal(t, answer{http.StatusOK, "ok"}, got)
				if name == "sent in time, and then busy" && !bind {
					return // only Bind can know that it was sent
				}
				require.False(t, seen.TimedOut)
				require.Equal(t, []runner.Outcome{runner.OutcomeSuccess}, rec.Outcomes("mail"))
			})
		})
	}
}

// A client may say that it has nothing more to send, and read on.
func TestAClientThatClosesItsOwnHalfHasNotLeft(t *testing.T) {
	r := newRunner(t, runner.Config{})
	seen := make(chan runner.Request, 1)
	srv := serve(t, r, true, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		err := runner.After(req.Context(), "it", func(ctx context.Context) error {
			got, _ := runner.RequestFrom(ctx)
			seen <- got
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		<-req.Context().Done() // net/http takes it for a client that has left
		_, _ = io.WriteString(w, "all the same")
	}))
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	all, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(string(all), "\r\n\r\nall the same"), string(all))
	got := <-seen
	require.True(t, got.NotAborted())
	require.True(t, got.Succeeded())
	require.Equal(t, http.StatusOK, got.Status)
}
