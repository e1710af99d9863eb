package routers

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// proxiedOrder sends an order through a proxy in front of a backend, and returns the
// answer and the request that the callback has seen.
func proxiedOrder(t *testing.T, backend *httptest.Server) (res *http.Response, seen runner.Request, err error) {
	t.Helper()
	to, err := url.Parse(backend.URL)
	require.NoError(t, err)
	transport := new(http.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Transport: transport, Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(to) },
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	after := adaptertest.NewRunner(t, runner.Config{})
	requests := make(chan runner.Request, 1)
	srv := serve(t, after.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		err := runner.After(req.Context(), "order.log", func(ctx context.Context) error {
			req, _ := runner.RequestFrom(ctx)
			requests <- req
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		proxy.ServeHTTP(w, req)
	})))
	res, err = srv.Client().Do(chiRouter.order(t.Context(), srv.URL, "7"))
	if err == nil {
		_, err = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
	}
	return res, adaptertest.Receive(t, requests), err
}

func TestACallbackInFrontOfAProxySeesThatItsBackendHasBrokenOff(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	defer backend.Close()
	res, seen, err := proxiedOrder(t, backend)
	require.Error(t, err, "the client sees it too")
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.True(t, seen.Panicked)
	require.False(t, seen.Succeeded())
}

func TestACallbackInFrontOfAProxySeesThatItsBackendIsGone(t *testing.T) {
	backend := httptest.NewServer(http.NotFoundHandler())
	backend.Close()
	res, seen, err := proxiedOrder(t, backend)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadGateway, res.StatusCode)
	require.Equal(t, http.StatusBadGateway, seen.Status)
	require.False(t, seen.Panicked)
}
