package tests

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// givesBack serves a request with h inside Middleware, and returns the request of what is
// outside, as it is afterwards.
func givesBack(t *testing.T, req *http.Request, h http.Handler) *http.Request {
	t.Helper()
	inner, outer := newRunner(t, runner.Config{}), newRunner(t, runner.Config{})
	outer.Middleware(inner.Middleware(h)).ServeHTTP(httptest.NewRecorder(), req)
	return req
}

func post(t *testing.T, body string) *http.Request {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/orders/7?a=1", strings.NewReader(body))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

func TestMiddlewareOutsideFindsThePatternAndItsPathValues(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	req := givesBack(t, post(t, ""), mux)
	require.Equal(t, "POST /orders/{id}", req.Pattern)
	require.Equal(t, "7", req.PathValue("id"))
}

func TestMiddlewareOutsideFindsPathValuesThatTheHandlerSets(t *testing.T) {
	set := http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) { req.SetPathValue("id", "8") })
	require.Equal(t, "8", givesBack(t, post(t, ""), set).PathValue("id"))

	mux := http.NewServeMux()
	mux.Handle("POST /orders/{id}", set)
	require.Equal(t, "8", givesBack(t, post(t, ""), mux).PathValue("id"), "in place of the one that has matched")

	before := post(t, "")
	before.SetPathValue("tenant", "a")
	after := givesBack(t, before, set)
	require.Equal(t, "8", after.PathValue("id"))
	require.Equal(t, "a", after.PathValue("tenant"))
}

func TestMiddlewareOutsideFindsTheForms(t *testing.T) {
	req := givesBack(t, post(t, "b=2"), http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if err := req.ParseForm(); err != nil {
			t.Error(err)
		}
	}))
	require.Equal(t, url.Values{"a": {"1"}, "b": {"2"}}, req.Form)
	require.Equal(t, url.Values{"b": {"2"}}, req.PostForm)
	require.Equal(t, "2", req.FormValue("b"))

	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(t, form.WriteField("c", "3"))
	require.NoError(t, form.Close())
	upload := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", &body)
	upload.Header.Set("Content-Type", form.FormDataContentType())
	req = givesBack(t, upload, http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if err := req.ParseMultipartForm(1 << 20); err != nil {
			t.Error(err)
		}
	}))
	require.Equal(t, []string{"3"}, req.MultipartForm.Value["c"])
}

func TestMiddlewareOutsideFindsABodyThatTheHandlerHasReplaced(t *testing.T) {
	req := givesBack(t, post(t, "body"), http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		all, err := io.ReadAll(req.Body) // a signature is checked
		if err != nil {
			t.Error(err)
		}
		req.Body = io.NopCloser(io.MultiReader(bytes.NewReader(all), strings.NewReader(", again")))
	}))
	all, err := io.ReadAll(req.Body)
	require.NoError(t, err)
	require.Equal(t, "body, again", string(all))
}

// A body that nobody has replaced is that of the server, which it knows by its type.
func TestMiddlewareOutsideKeepsItsBody(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"nothing set": func(http.ResponseWriter, *http.Request) {},
		"a path value": func(_ http.ResponseWriter, req *http.Request) {
			req.SetPathValue("id", "8")
		},
	} {
		t.Run(name, func(t *testing.T) {
			req := post(t, "body")
			own, ctx := req.Body, req.Context()
			require.Same(t, req, givesBack(t, req, h))
			require.Equal(t, own, req.Body)
			require.Equal(t, ctx, req.Context(), "and its context")
			all, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			require.Equal(t, "body", string(all))
		})
	}
}

func TestMiddlewareOutsideFindsWhatElseTheHandlerSets(t *testing.T) {
	req := givesBack(t, post(t, ""), http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		req.Header = http.Header{"X-New": {"1"}}
		req.URL = &url.URL{Path: "/rewritten"}
		req.Method, req.Host, req.RemoteAddr = http.MethodPut, "elsewhere", "192.0.2.9:1"
	}))
	require.Equal(t, "1", req.Header.Get("X-New"))
	require.Equal(t, "/rewritten", req.URL.Path)
	require.Equal(t, http.MethodPut, req.Method)
	require.Equal(t, "elsewhere", req.Host)
	require.Equal(t, "192.0.2.9:1", req.RemoteAddr)
}

func TestMiddlewareOutsideFindsItAllTheSameIfTheHandlerPanics(t *testing.T) {
	req := post(t, "")
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	require.Panics(t, func() { givesBack(t, req, mux) })
	require.Equal(t, "7", req.PathValue("id"))
}

// A middleware outside may read the request while the handler runs, as a logger on a
// goroutine of its own does. Only the race detector sees this test fail.
func TestGiveBackWritesOnlyWhatTheHandlerHasSet(t *testing.T) {
	mux := http.NewServeMux() // it sets the pattern
	mux.HandleFunc("/orders/", func(_ http.ResponseWriter, req *http.Request) {
		if err := req.ParseForm(); err != nil {
			t.Error(err)
		}
		req.Body = http.NoBody
	})
	req := post(t, "b=2")
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _, _, _ = req.URL.Path, req.Method, req.Host, req.Context()
		_, _, _, _ = req.Header.Get("X"), req.RemoteAddr, req.RequestURI, req.ContentLength
		_, _ = req.Trailer, req.MultipartForm
	}()
	givesBack(t, req, mux)
	<-read // not before, which would put the two in order
	require.Equal(t, "/orders/", req.Pattern)
	require.Equal(t, "2", req.FormValue("b"))
	require.Equal(t, http.NoBody, req.Body)
}
