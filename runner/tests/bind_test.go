package tests

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

var exactRequests = flag.Int("exact.requests", 20_000, "requests of TestNoCallbackStartsBeforeItsResponseIsWithTheKernel")

// countingListener hands out connections that count what has been handed to
// the kernel.
type countingListener struct{ net.Listener }

type countingConn struct {
	net.Conn
	written atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &countingConn{Conn: c}, nil
}

func (c *countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

type connKey struct{}

// A client on a raw connection knows how many bytes all responses up to its
// own have; the callback notes how many were with the kernel as it started.
func TestNoCallbackStartsBeforeItsResponseIsWithTheKernel(t *testing.T) {
	const clients = 4
	early, total := exactRun(t, clients, *exactRequests/clients, true)
	without, few := exactRun(t, clients, 2000/clients, false)
	t.Logf("early: %d of %d with Bind, %d of %d without", early, total, without, few)
	require.Zero(t, early)
}

func exactRun(t *testing.T, clients, requests int, bind bool) (early, total int64) {
	r := newRunner(t, runner.Config{Workers: 2})
	var earlyCount atomic.Int64
	starts := make([]chan int64, clients)
	for i := range starts {
		starts[i] = make(chan int64, 1)
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		conn := req.Context().Value(connKey{}).(*countingConn)
		var client, size int
		_, _ = fmt.Sscanf(req.URL.Path, "/%d/%d", &client, &size)
		err := runner.After(req.Context(), "it", func(context.Context) error {
			starts[client] <- conn.written.Load()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		body := strings.Repeat("x", size)
		if req.URL.RawQuery == "chunked" {
			_, _ = io.WriteString(w, body[:size/2])
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, body[size/2:])
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(size))
		_, _ = io.WriteString(w, body)
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{
		Handler:     r.Middleware(h),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	if bind {
		runner.Bind(srv)
	}
	serveOn(t, srv, countingListener{ln})
	var clientsDone sync.WaitGroup
	for i := range clients {
		clientsDone.Go(func() {
			c := &rawClient{addr: ln.Addr().String()}
			defer c.close()
			for n := range requests {
				read, err := c.request(i, n)
				if err != nil {
					t.Error(err)
					return
				}
				if <-starts[i] < read {
					earlyCount.Add(1)
				}
			}
		})
	}
	clientsDone.Wait()
	return earlyCount.Load(), int64(clients * requests)
}

// rawClient counts the bytes of the responses on its connection.
type rawClient struct {
	addr string
	conn net.Conn
	br   *bufio.Reader
	read *countingReader
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// request sends the n-th request of the client and returns how many bytes the
// server has sent on the connection up to the end of its response.
func (c *rawClient) request(client, n int) (int64, error) {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			return 0, err
		}
		c.conn, c.read = conn, &countingReader{r: conn}
		c.br = bufio.NewReader(c.read)
	}
	size := [...]int{10, 1000, 4000, 10_000, 100_000}[n%5]
	query, header := "", ""
	if n%3 == 0 {
		query = "?chunked"
	}
	closing := n%7 == 6
	if closing {
		header = "Connection: close\r\n"
	}
	if _, err := fmt.Fprintf(c.conn, "GET /%d/%d%s HTTP/1.1\r\nHost: shop\r\n%s\r\n", client, size, query, header); err != nil {
		return 0, err
	}
	res, err := http.ReadResponse(c.br, nil)
	if err != nil {
		return 0, err
	}
	got, err := io.Copy(io.Discard, res.Body)
	if err != nil || got != int64(size) {
		return 0, fmt.Errorf("read %d bytes of %d: %w", got, size, err)
	}
	_ = res.Body.Close()
	total := c.read.n - int64(c.br.Buffered())
	if closing {
		c.close()
	}
	return total, nil
}

func (c *rawClient) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func TestBindCallsTheHooksThatWereSetBefore(t *testing.T) {
	r := newRunner(t, runner.Config{})
	type key struct{}
	states := make(chan http.ConnState, 10)
	seen := make(chan any, 1)
	srv := &http.Server{
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return context.WithValue(ctx, key{}, "mine") },
		ConnState:   func(_ net.Conn, s http.ConnState) { states <- s },
		Handler: r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			seen <- req.Context().Value(key{})
		})),
	}
	runner.Bind(srv)
	get(t, listenAndServe(t, srv))
	require.Equal(t, "mine", <-seen)
	require.Equal(t, http.StateNew, <-states)
	require.Equal(t, http.StateActive, <-states)
}

// Hooks that are set anew after Bind cut its wire: the callbacks still run.
func TestHooksOverwrittenAfterBindLoseNoCallback(t *testing.T) {
	for _, which := range []string{"ConnState", "ConnContext"} {
		t.Run(which, func(t *testing.T) {
			r := newRunner(t, runner.Config{})
			ran := make(chan struct{})
			srv := &http.Server{Handler: r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				_ = runner.After(req.Context(), "it", func(context.Context) error { close(ran); return nil })
			}))}
			runner.Bind(srv)
			if which == "ConnState" {
				srv.ConnState = nil
			} else {
				srv.ConnContext = nil
			}
			get(t, listenAndServe(t, srv))
			<-ran
		})
	}
}
