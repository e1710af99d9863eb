package tests

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// complaints serves one request with h, and returns what the server logs of it.
func complaints(t *testing.T, h http.Handler, setup ...func(*http.Server)) string {
	t.Helper()
	var mu sync.Mutex
	var written bytes.Buffer // guarded by mu
	returned := make(chan struct{})
	whole := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer close(returned)
		h.ServeHTTP(w, req)
	})
	srv := startServer(t, whole, append(setup, func(srv *http.Server) {
		srv.ErrorLog = log.New(writerFunc(func(b []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return written.Write(b)
		}), "", 0)
	})...)
	res, err := srv.Client().Get(srv.URL)
	if err == nil {
		_, _ = io.Copy(io.Discard, res.Body)
		require.NoError(t, res.Body.Close())
	}
	<-returned
	mu.Lock()
	defer mu.Unlock()
	return written.String()
}

var placeInLog = regexp.MustCompile(`\(([a-z_]+\.go:[0-9]+)\)`)

func TestTheServersComplaintsNameTheUsersLine(t *testing.T) {
	var want string
	hijack := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = conn.Close()
	}
	for name, h := range map[string]func(w http.ResponseWriter){
		"superfluous WriteHeader": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusCreated)
			want = line(1)
			w.WriteHeader(http.StatusTeapot)
		},
		"WriteHeader after Write": func(w http.ResponseWriter) {
			_, _ = w.Write([]byte("x"))
			want = line(1)
			w.WriteHeader(http.StatusTeapot)
		},
		"Error twice": func(w http.ResponseWriter) {
			http.Error(w, "a", http.StatusTeapot)
			want = line(1)
			http.Error(w, "b", http.StatusTeapot)
		},
		"Write after Hijack": func(w http.ResponseWriter) {
			hijack(w)
			want = line(1)
			_, err := w.Write([]byte("x"))
			require.ErrorIs(t, err, http.ErrHijacked)
		},
		"WriteString after Hijack": func(w http.ResponseWriter) {
			hijack(w)
			want = line(1)
			_, err := w.(io.StringWriter).WriteString("x")
			require.ErrorIs(t, err, http.ErrHijacked)
		},
		"WriteHeader after Hijack": func(w http.ResponseWriter) {
			hijack(w)
			want = line(1)
			w.WriteHeader(http.StatusTeapot)
		},
	} {
		t.Run(name, func(t *testing.T) {
			user := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { h(w) })
			bare := complaints(t, user)
			found := placeInLog.FindStringSubmatch(bare)
			require.NotNil(t, found, "net/http says nothing without Middleware: %s", bare)
			require.Equal(t, want, found[1])
			inner, outer := newRunner(t, runner.Config{}), newRunner(t, runner.Config{})
			for _, wrapped := range []http.Handler{inner.Middleware(user), outer.Middleware(inner.Middleware(user))} {
				require.Equal(t, bare, withAddress(bare, complaints(t, wrapped)), "word for word")
				require.Equal(t, bare, withAddress(bare, complaints(t, wrapped, runner.Bind)))
			}
		})
	}
}

var clientAddress = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)

// withAddress returns text with the address of the client that another one has.
func withAddress(of, text string) string {
	return clientAddress.ReplaceAllString(text, clientAddress.FindString(of))
}
