package tests

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestRequestFromIsTheFrozenRequest(t *testing.T) {
	r := newRunner(t, runner.Config{})
	mux := http.NewServeMux()
	ran := make(chan runner.Request, 1)
	mux.HandleFunc("POST /orders/{id}", func(w http.ResponseWriter, req *http.Request) {
		if _, ok := runner.RequestFrom(req.Context()); ok {
			t.Error("the request is not frozen before its handler has returned")
		}
		err := runner.After(req.Context(), "it", func(ctx context.Context) error {
			got, ok := runner.RequestFrom(ctx)
			if !ok {
				t.Error("no request")
			}
			ran <- got
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "12345")
		req.Header.Set("X-Seen", "set by the handler")
	})
	var outer string
	pattern := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			next.ServeHTTP(w, req)
			outer = req.Pattern
			req.Header.Set("X-Late", "set after the handler")
		})
	}
	srv := startServer(t, pattern(r.Middleware(mux)), runner.Bind)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/orders/7?x=1", strings.NewReader("body"))
	require.NoError(t, err)
	req.Header.Set("User-Agent", "test/1")
	req.AddCookie(&http.Cookie{Name: "session", Value: "s1"})
	send(t, req)

	got := <-ran
	require.Equal(t, "POST", got.Method)
	require.Equal(t, "POST /orders/{id}", got.Pattern)
	require.Equal(t, "POST /orders/{id}", outer, "a middleware around ours sees the pattern too")
	require.Equal(t, "/orders/7", got.URL.Path)
	require.Equal(t, "1", got.URL.Query().Get("x"))
	require.Equal(t, "HTTP/1.1", got.Proto)
	require.Equal(t, req.URL.Host, got.Host)
	require.NotEmpty(t, got.RemoteAddr)
	require.Equal(t, "test/1", got.UserAgent())
	require.Empty(t, got.Header.Get("X-Late"))
	require.Equal(t, 201, got.Status)
	require.Equal(t, int64(5), got.Bytes)
	require.Positive(t, got.Duration)
	require.False(t, got.Aborted)
	require.False(t, got.Panicked)
	cookie, err := got.Cookie("session")
	require.NoError(t, err)
	require.Equal(t, "s1", cookie.Value)
	_, err = got.Cookie("none")
	require.ErrorIs(t, err, http.ErrNoCookie)
}

func TestRequestFromSaysNoWithoutARequest(t *testing.T) {
	r := newRunner(t, runner.Config{})
	_, ok := runner.RequestFrom(t.Context())
	require.False(t, ok)
	got := make(chan bool, 1)
	require.NoError(t, r.Go(t.Context(), "it", func(ctx context.Context) error {
		_, ok := runner.RequestFrom(ctx)
		got <- ok
		return nil
	}))
	require.False(t, <-got)
}

func TestTheFilesOfAMultipartFormAreRemoved(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	r := newRunner(t, runner.Config{})
	spilled := 0
	srv := serve(t, r, true, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if err := req.ParseMultipartForm(1 << 10); err != nil {
			t.Error(err)
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Error(err)
		}
		spilled = len(files)
	}))
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("f", "x.bin")
	require.NoError(t, err)
	_, err = file.Write(make([]byte, 11<<20))
	require.NoError(t, err)
	require.NoError(t, form.Close())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, &body)
	require.NoError(t, err)
	req.Header.Set("Content-Type", form.FormDataContentType())
	send(t, req)
	srv.Close()
	require.Equal(t, 1, spilled, "the form was too big for memory")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestTheStatusIsThatOfTheResponseAfterAFailedCopy(t *testing.T) {
	r := newRunner(t, runner.Config{})
	got := make(chan int, 1)
	srv := serve(t, r, true, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "it", func(ctx context.Context) error {
			q, _ := runner.RequestFrom(ctx)
			got <- q.Status
			return nil
		})
		if _, err := io.Copy(w, iotest.ErrReader(errBroken)); err != nil {
			http.Error(w, "the backend is down", http.StatusBadGateway)
		}
	}))
	res, _ := get(t, srv.URL)
	require.Equal(t, http.StatusBadGateway, res.StatusCode)
	require.Equal(t, http.StatusBadGateway, <-got)
}

func TestARequestMayBeReadBesideTheHandler(t *testing.T) {
	r := newRunner(t, runner.Config{})
	inner := r.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	var wg sync.WaitGroup
	srv := startServer(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		wg.Go(func() { // as a mirror of the traffic does
			for range 100 {
				_ = req.Clone(context.Background())
			}
		})
		inner.ServeHTTP(w, req)
	}))
	for range 20 {
		get(t, srv.URL)
	}
	wg.Wait()
}

func TestABodyIsNotReadableInACallback(t *testing.T) {
	r := newRunner(t, runner.Config{})
	got := make(chan error, 1)
	srv := serve(t, r, true, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "it", func(context.Context) error {
			_, err := io.ReadAll(req.Body)
			got <- err
			return nil
		})
	}))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, strings.NewReader("body"))
	require.NoError(t, err)
	send(t, req)
	require.ErrorIs(t, <-got, http.ErrBodyReadAfterClose)
}
