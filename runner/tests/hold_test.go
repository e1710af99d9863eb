package tests

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestHoldSendsTheResponseAndWaitsForTheCallbacks(t *testing.T) {
	for name, body := range map[string]string{"empty": "", "small": "hello", "large": strings.Repeat("x", 40<<10)} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, runner.Config{})
			g := newGate(t)
			returned := make(chan struct{})
			held := r.Hold(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				err := runner.After(req.Context(), "it", func(ctx context.Context) error {
					if err := runner.After(ctx, "nested", g.wait); err != nil {
						t.Error(err)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, body)
			}))
			srv := startServer(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				held.ServeHTTP(w, req)
				close(returned)
			}))
			res, got := get(t, srv.URL)
			require.Equal(t, http.StatusCreated, res.StatusCode)
			require.Equal(t, body, got)
			require.Equal(t, int64(len(body)), res.ContentLength)
			<-g.entered // the whole response was read, and the nested callback runs
			select {
			case <-returned:
				t.Error("the invocation has ended before its callbacks")
			default:
			}
			g.release()
			<-returned
		})
	}
}

func TestHoldWaitsAfterAPanicToo(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ran := false
	h := r.Hold(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_ = runner.After(req.Context(), "it", func(context.Context) error { ran = true; return nil })
		panic(http.ErrAbortHandler)
	}))
	rec := httptest.NewRecorder()
	require.PanicsWithValue(t, http.ErrAbortHandler, func() {
		h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	})
	require.True(t, ran)
}

func TestHoldEndsWithTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Timeout: -1})
		g := newGate(t)
		h := r.Hold(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			_ = runner.After(req.Context(), "deaf", g.wait)
		}))
		returned := make(chan struct{})
		go func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
			close(returned)
		}()
		<-g.entered
		giveUp(t, r)
		<-returned
	})
}

func TestHoldStreamsAsTheHandlerDoes(t *testing.T) {
	r := newRunner(t, runner.Config{})
	srv := startServer(t, r.Hold(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/flush":
			_, _ = io.WriteString(w, "one")
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, "two")
		case "/large":
			_, _ = io.WriteString(w, strings.Repeat("x", 100<<10))
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/length":
			w.Header().Set("Content-Length", "3")
			_, _ = io.WriteString(w, "one")
		}
	})))
	for path, want := range map[string]struct {
		body   string
		length int64
	}{"/flush": {"onetwo", -1}, "/large": {strings.Repeat("x", 100<<10), -1}, "/none": {"", 0}, "/length": {"one", 3}} {
		res, body := get(t, srv.URL+path)
		require.Equal(t, want.body, body, path)
		require.Equal(t, want.length, res.ContentLength, path)
	}
	require.PanicsWithValue(t, "runner: Hold of a nil http.Handler", func() { r.Hold(nil) })
}

func TestHoldSendsTheHeadersOfTheMomentAndTheTrailersOfTheEnd(t *testing.T) {
	r := newRunner(t, runner.Config{})
	srv := startServer(t, r.Hold(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		header := w.Header()
		header.Set("X-Early", "kept")
		if req.URL.Path == "/declared" {
			header.Set("Trailer", "X-Sum")
		}
		_, _ = io.WriteString(w, "body")
		header.Set("X-Early", "changed")
		header.Set("X-Late", "late")
		switch req.URL.Path {
		case "/declared":
			header.Set("X-Sum", "42")
		case "/prefixed":
			header.Set(http.TrailerPrefix+"X-Sum", "42")
		}
	})))
	for path, trailer := range map[string]string{"/": "", "/declared": "42", "/prefixed": "42"} {
		res, body := get(t, srv.URL+path)
		require.Equal(t, "body", body, path)
		require.Equal(t, "kept", res.Header.Get("X-Early"), path)
		require.Empty(t, res.Header.Get("X-Late"), path)
		require.Equal(t, trailer, res.Trailer.Get("X-Sum"), path)
	}
}

func TestWaitReturnsWhenTheScopeIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1})
		ctx, release := r.Scope(t.Context())
		require.NoError(t, runner.Wait(ctx), "nothing was asked for")
		ran := 0
		require.NoError(t, runner.After(ctx, "it", func(ctx context.Context) error {
			time.Sleep(time.Second)
			ran++
			return runner.After(ctx, "nested", func(context.Context) error { time.Sleep(time.Second); ran++; return nil })
		}))
		release(nil)
		begin := time.Now()
		require.NoError(t, runner.Wait(ctx))
		require.Equal(t, 2, ran)
		require.Equal(t, 2*time.Second, time.Since(begin))

		require.NoError(t, runner.After(ctx, "slow", func(context.Context) error { time.Sleep(time.Hour); return nil }))
		impatient, cancel := context.WithTimeoutCause(ctx, time.Second, errBroken)
		defer cancel()
		require.ErrorIs(t, runner.Wait(impatient), errBroken)
		require.ErrorIs(t, runner.Wait(context.Background()), runner.ErrNoScope)
		require.NoError(t, runner.Wait(ctx))
	})
}

func TestHoldRunsTheCallbacksOfAHijackedConnection(t *testing.T) {
	r := newRunner(t, runner.Config{})
	ran := make(chan struct{})
	srv := httptest.NewServer(r.Hold(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := runner.After(req.Context(), "it", func(context.Context) error { close(ran); return nil }); err != nil {
			t.Error(err)
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
	})))
	defer srv.Close()
	_, body := get(t, srv.URL)
	require.Equal(t, "hi", body)
	<-ran
}

func TestHoldCountsTheBodyThatAHEADHandlerWrites(t *testing.T) {
	r := newRunner(t, runner.Config{})
	srv := httptest.NewServer(r.Hold(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })))
	defer srv.Close()
	res, err := http.Head(srv.URL)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, int64(5), res.ContentLength)
}
