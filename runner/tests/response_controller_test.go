package tests

import (
	"context"
	"io"
	"log"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// unwrapsOnly is what middleware outside often has: it notes something, and can nothing
// else itself. http.ResponseController finds what is within.
type unwrapsOnly struct{ http.ResponseWriter }

func (w unwrapsOnly) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func insideUnwrapsOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { h.ServeHTTP(unwrapsOnly{w}, req) })
}

func TestResponseControllerIsSeenByTheResponse(t *testing.T) {
	r := newRunner(t, runner.Config{})
	seen := make(chan runner.Request, 1)
	srv := startServer(t, insideUnwrapsOnly(r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		err := runner.After(req.Context(), "it", func(ctx context.Context) error {
			got, _ := runner.RequestFrom(ctx)
			seen <- got
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusTeapot) // too late: the client has got another one
	}))), func(srv *http.Server) { srv.ErrorLog = log.New(io.Discard, "", 0) })
	res, _ := get(t, srv.URL)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, res.StatusCode, (<-seen).Status)
}

func TestAHijackByResponseControllerMakesTheCallbacksDue(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ran := make(chan struct{})
	srv := startServer(t, insideUnwrapsOnly(r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := runner.After(req.Context(), "it", func(context.Context) error { close(ran); return nil }); err != nil {
			t.Error(err)
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		select {
		case <-ran: // while the connection is open
		case <-time.After(10 * time.Second):
			t.Error("the callback waits for the end of the connection")
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
	}))), runner.Bind)
	_, body := get(t, srv.URL)
	require.Equal(t, "hi", body)
}
