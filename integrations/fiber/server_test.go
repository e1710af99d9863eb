package fiberafter_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/stretchr/testify/require"

	fiberafter "github.com/afterglow-go/afterglow/integrations/fiber"
	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/runner"
)

// serveOn serves app until the end of the test.
func serveOn(t testing.TB, ln net.Listener, app *fiber.App) {
	t.Helper()
	served := make(chan struct{})
	go func() { _ = app.Listener(ln, fiber.ListenConfig{DisableStartupMessage: true}); close(served) }()
	t.Cleanup(func() {
		if err := app.Shutdown(); err != nil {
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

// start serves app.
func start(t testing.TB, app *fiber.App) site {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serveOn(t, ln, app)
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
func seen(t testing.TB, c fiber.Ctx, to chan<- runner.Request) {
	err := fiberafter.After(c, "order.log", func(ctx context.Context) error {
		req, _ := runner.RequestFrom(ctx)
		to <- req
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
