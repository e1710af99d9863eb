package fasthttpafter_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/valyala/fasthttp"

	fasthttpafter "github.com/afterglow-go/afterglow/integrations/fasthttp"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// silent is a logger of the server's errors.
type silent struct{}

// Printf implements fasthttp.Logger.
func (silent) Printf(string, ...any) {}

// serveOn serves h until the end of the test.
func serveOn(t testing.TB, ln net.Listener, h fasthttp.RequestHandler) {
	t.Helper()
	srv := &fasthttp.Server{Handler: h, Logger: silent{}, ReadTimeout: adaptertest.Patience}
	served := make(chan struct{})
	go func() { _ = srv.Serve(ln); close(served) }()
	t.Cleanup(func() {
		if err := srv.Shutdown(); err != nil {
			t.Error(err)
		}
		<-served
	})
}

// site is a server and a client of it.
type site struct {
	addr   string
	client *http.Client
}

// start serves h within a scope of after.
func start(t testing.TB, after *runner.Runner, h fasthttp.RequestHandler) site {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serveOn(t, ln, fasthttpafter.Handler(after, h))
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	t.Cleanup(transport.CloseIdleConnections)
	return site{ln.Addr().String(), &http.Client{Transport: transport, Timeout: adaptertest.Patience}}
}

// order sends a request, and returns the status and the body of its response.
func (s site) order(ctx context.Context, path string, header ...string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.addr+path, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	res, err := s.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	return res.StatusCode, string(all), err
}

// seen asks for a callback that hands on the request it runs after.
func seen(t testing.TB, c *fasthttp.RequestCtx, to chan<- runner.Request) {
	err := fasthttpafter.After(c, "order.log", func(ctx context.Context) error {
		req, _ := runner.RequestFrom(ctx)
		to <- req
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
