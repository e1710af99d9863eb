package tests

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// startServer starts a real server on loopback, with what setup makes of it.
func startServer(t *testing.T, h http.Handler, setup ...func(*http.Server)) *httptest.Server {
	t.Helper()
	srv := httptest.NewUnstartedServer(h)
	for _, f := range setup {
		f(srv.Config)
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

// serve starts a server with r's Middleware around h.
func serve(t *testing.T, r *runner.Runner, bind bool, h http.Handler) *httptest.Server {
	t.Helper()
	if bind {
		return startServer(t, r.Middleware(h), runner.Bind)
	}
	return startServer(t, r.Middleware(h))
}

// serveOn serves connections of ln until the end of the test, without httptest,
// which sets the hooks of a server itself.
func serveOn(t *testing.T, srv *http.Server, ln net.Listener) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(ln) })
	t.Cleanup(func() {
		require.NoError(t, srv.Close())
		wg.Wait()
	})
}

// listenAndServe is serveOn for a port of loopback; it returns the URL.
func listenAndServe(t *testing.T, srv *http.Server) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	serveOn(t, srv, ln)
	return "http://" + ln.Addr().String()
}

// tellIdle is a ConnState hook that reports connections that become idle.
func tellIdle(idle chan<- struct{}) func(net.Conn, http.ConnState) {
	return func(_ net.Conn, s http.ConnState) {
		if s == http.StateIdle {
			idle <- struct{}{}
		}
	}
}

// pipeListener serves connections that a test hands it, over channels, so that
// the race detector sees the order of things.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *pipeListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

func (l *pipeListener) dial() (net.Conn, *bufio.Reader) {
	client, server := net.Pipe()
	l.conns <- server
	return client, bufio.NewReader(client)
}

// send sends a request and reads as much of the response as comes.
func send(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res, string(body)
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return send(t, req)
}

// eachPromise runs a test with and without Bind.
func eachPromise(t *testing.T, test func(t *testing.T, bind bool)) {
	t.Run("bound", func(t *testing.T) { test(t, true) })
	t.Run("unbound", func(t *testing.T) { test(t, false) })
}
