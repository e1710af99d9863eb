package routers

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	echov5 "github.com/labstack/echo/v5"

	"github.com/afterglow-go/afterglow/internal/adaptertest"
	"github.com/afterglow-go/afterglow/internal/conformance"
	"github.com/afterglow-go/afterglow/runner"
)

// echoStarts are the servers that echo makes itself. They are bound as its users can
// reach them.
func echoStarts() []conformance.Server {
	return []conformance.Server{
		startedBy("echo v4, by e.Start", echo4, func(t testing.TB, ln net.Listener, h http.Handler) {
			e, ok := h.(*echo.Echo)
			if !ok { // the case has put something around it
				e = echo.New()
				e.Any("/*", echo.WrapHandler(h))
			}
			e.HideBanner, e.HidePort, e.Listener = true, true, ln
			e.StdLogger = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			e.Logger.SetOutput(io.Discard)
			runner.Bind(e.Server)
			inBackground(t, func() error { return e.Start("") }, func() { _ = e.Close() })
		}),
		startedBy("echo v5, by StartConfig", echo5, func(t testing.TB, ln net.Listener, h http.Handler) {
			var server *http.Server
			bound := make(chan struct{})
			start := echov5.StartConfig{Listener: ln, HideBanner: true, HidePort: true, BeforeServeFunc: func(srv *http.Server) error {
				runner.Bind(srv)
				srv.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
				server = srv
				close(bound)
				return nil
			}}
			inBackground(t, func() error { return start.Start(context.WithoutCancel(t.Context()), h) }, func() {
				<-bound
				_ = server.Close()
			})
		}),
	}
}

func startedBy(name string, f framework, start func(t testing.TB, ln net.Listener, h http.Handler)) conformance.Server {
	s := conformance.NetHTTP(conformance.HTTP1, true, f.any)
	s.Name, s.Without = name, f.without
	s.HTTP = func(t testing.TB, ln net.Listener, dial conformance.Dial, h http.Handler) *http.Client {
		t.Helper()
		start(t, ln, h)
		transport := &http.Transport{DialContext: dial, ExpectContinueTimeout: adaptertest.Patience, DisableCompression: true}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{
			Transport: transport, Timeout: adaptertest.Patience,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return s
}

// inBackground runs a server until the end of the test.
func inBackground(t testing.TB, serve func() error, stop func()) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- serve() }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}
