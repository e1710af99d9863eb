package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// TestTheResponseIsTheSameWithAndWithoutMiddleware compares raw bytes.
func TestTheResponseIsTheSameWithAndWithoutMiddleware(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file.txt")
	require.NoError(t, os.WriteFile(file, bytes.Repeat([]byte("0123456789"), 20_000), 0o600))

	handlers := map[string]http.HandlerFunc{
		"empty":        func(http.ResponseWriter, *http.Request) {},
		"small":        func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
		"string":       func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") },
		"html sniffed": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html><body>hi") },
		"big":          func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte("x"), 100_000)) },
		"content length": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "hello")
		},
		"too short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			_, _ = io.WriteString(w, "hello")
		},
		"too long": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "2")
			_, _ = io.WriteString(w, "hello")
		},
		"status": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) },
		"204":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"204 and body": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNoContent)
			_, _ = io.WriteString(w, "no")
		},
		"304":          func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"redirect":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) },
		"error":        func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"header twice": func(w http.ResponseWriter, _ *http.Request) { w.Header().Add("X-A", "1"); w.Header().Add("X-A", "2") },
		"early hints": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "late")
		},
		"flushed": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "one")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "two")
		},
		"flushed by the controller": func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				panic(err)
			}
			_, _ = io.WriteString(w, "two")
		},
		"trailer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Sum", "42")
		},
		"write deadline": func(w http.ResponseWriter, _ *http.Request) {
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
				panic(err)
			}
			_, _ = io.WriteString(w, "in time")
		},
		"full duplex": func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
				panic(err)
			}
			_, _ = io.Copy(w, r.Body)
		},
		"file":            func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) },
		"copy":            func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, strings.NewReader("copied")) },
		"connection":      func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") },
		"nil body reader": func(w http.ResponseWriter, r *http.Request) { b, _ := io.ReadAll(r.Body); fmt.Fprint(w, len(b)) },
		"panic":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"panic half-way": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 10_000))
			panic(http.ErrAbortHandler)
		},
		"hijacked": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 0\r\n\r\n")
			_ = conn.Close()
		},
	}
	requests := map[string]string{
		"GET":   "GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n",
		"HEAD":  "HEAD / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n",
		"1.0":   "GET / HTTP/1.0\r\n\r\n",
		"range": "GET / HTTP/1.1\r\nHost: shop\r\nRange: bytes=5-14\r\nConnection: close\r\n\r\n",
		"POST":  "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody",
		"100":   "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\nbody",
		"two":   "GET / HTTP/1.1\r\nHost: shop\r\n\r\nGET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n",
	}
	r := newRunner(t, runner.Config{Queue: 10_000})
	for name, h := range handlers {
		asking := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if err := runner.After(req.Context(), "it", nothing); err != nil {
				t.Error(err)
			}
			h(w, req)
		})
		bare := startServer(t, h)
		bound := serve(t, r, true, asking)
		unbound := serve(t, r, false, asking)
		for what, request := range requests {
			t.Run(name+"/"+what, func(t *testing.T) {
				t.Parallel()
				want := exchange(t, bare, request)
				require.Equal(t, want, exchange(t, bound, request))
				require.Equal(t, want, exchange(t, unbound, request))
			})
		}
	}
}

var dateHeader = regexp.MustCompile(`Date: [^\r]*\r\n`)

// exchange sends a request as it stands and returns all that comes back, with
// the dates taken out.
func exchange(t *testing.T, srv *httptest.Server, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	got, err := io.ReadAll(conn)
	if err != nil && !strings.Contains(err.Error(), "reset by peer") {
		require.NoError(t, err)
	}
	return dateHeader.ReplaceAllString(string(got), "")
}

func TestTheResponseWriterIsDeadInACallback(t *testing.T) {
	r := newRunner(t, runner.Config{})
	got := make(chan string, 1)
	srv := serve(t, r, true, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.WriteString(w, "mine")
		_ = runner.After(req.Context(), "it", func(context.Context) error {
			_, errWrite := w.Write([]byte("late"))
			_, errString := io.WriteString(w, "late")
			_, errRead := w.(io.ReaderFrom).ReadFrom(strings.NewReader("late"))
			_, _, errHijack := w.(http.Hijacker).Hijack()
			errFlush := http.NewResponseController(w).Flush()
			errDeadline := http.NewResponseController(w).SetWriteDeadline(time.Now())
			w.(http.Flusher).Flush()
			w.WriteHeader(http.StatusTeapot)
			w.Header().Set("X-Late", "1")
			for _, err := range []error{errWrite, errString, errRead, errHijack, errFlush} {
				if !errors.Is(err, runner.ErrResponseDone) {
					got <- fmt.Sprint("the response is not over: ", err)
				}
			}
			if errDeadline == nil {
				got <- "the deadline of a later response can be set"
			}
			got <- w.Header().Get("X-Late")
			return nil
		})
	}))
	_, body := get(t, srv.URL)
	require.Equal(t, "mine", body)
	require.Empty(t, <-got)
	_, body = get(t, srv.URL) // the same connection
	require.Equal(t, "mine", body)
	require.Empty(t, <-got)
}

func TestPushIsDeadInACallback(t *testing.T) {
	r := newRunner(t, runner.Config{})
	got := make(chan error, 1)
	r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "it", func(context.Context) error {
			got <- w.(http.Pusher).Push("/x", nil)
			return nil
		})
	})).ServeHTTP(struct {
		plainWriter
		pushes
	}{}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	require.ErrorIs(t, <-got, runner.ErrResponseDone)
}
