package tests

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// seen is what a handler and the hooks of a server see of a request.
type seen struct {
	mu    sync.Mutex
	lines []string
}

func (s *seen) add(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *seen) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = nil
}

func (s *seen) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines
}

type baseKey struct{}

// What the server gives to hooks and handlers is what it gives without Configure.
func TestHooksAndHandlersSeeWhatTheySeeWithoutConfigure(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		var all seen
		var conn net.Conn
		closed := make(chan struct{}, 1)
		hooks := with(func(srv *http.Server) {
			srv.BaseContext = func(net.Listener) context.Context { return context.WithValue(context.Background(), baseKey{}, "base") }
			connContext := srv.ConnContext
			srv.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
				conn = nc
				return connContext(ctx, nc)
			}
			srv.ConnState = func(nc net.Conn, state http.ConnState) {
				all.add("%T is the connection: %v, %v", nc, nc == conn, state)
				if state == http.StateClosed {
					closed <- struct{}{}
				}
			}
			srv.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				ctx := req.Context()
				body, err := io.ReadAll(req.Body)
				local, _ := ctx.Value(http.LocalAddrContextKey).(net.Addr)
				all.add("%s %s %s %d.%d %v %q %v %v", req.Method, req.RequestURI, req.Proto, req.ProtoMajor, req.ProtoMinor, req.Header, body, err, req.ContentLength)
				all.add("%v %v %v %v", ctx.Value(baseKey{}), ctx.Value(http.ServerContextKey) == srv, connOf(ctx) == below(conn),
					local.String() == conn.LocalAddr().String())
				all.add("%v %v", req.RemoteAddr == conn.RemoteAddr().String(), req.Trailer)
				if req.TLS != nil {
					all.add("%x %v %v", req.TLS.Version, req.TLS.NegotiatedProtocol, req.TLS.HandshakeComplete)
				}
				all.add("%v %v", req.ParseMultipartForm(100), ctx.Err())
				_, flusher := w.(http.Flusher)
				_, hijacker := w.(http.Hijacker)
				_, pusher := w.(http.Pusher)
				_, readerFrom := w.(io.ReaderFrom)
				_, writer := w.(io.StringWriter)
				all.add("%v %v %v %v %v", flusher, hijacker, pusher, readerFrom, writer)
				rc := http.NewResponseController(w)
				all.add("%v %v %v", rc.EnableFullDuplex(), rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Time{}))
				switch req.URL.Path {
				case "/panic":
					panic("broken")
				case "/superfluous":
					w.WriteHeader(200)
					w.WriteHeader(201)
				}
			})
		})
		lines := both(t, k, answers, func(t *testing.T, s *site) []string {
			all.clear()
			p := s.connect(t)
			for _, path := range []string{"/a?b=c", "/panic", "/superfluous", "*"} {
				method := "GET"
				if path == "*" {
					method = "OPTIONS"
				}
				f := p.request(method, path)
				p.send(f)
				p.until(ended(f.stream))
				p.send(frame{kind: ping, payload: make([]byte, 8)})
				p.until(of(0, ping)) // the server has closed the stream
			}
			f := p.request("POST", "/")
			f.flags &^= endStream
			p.send(f, frame{kind: data, flags: endStream, stream: f.stream, payload: []byte("hello")})
			p.until(ended(f.stream))
			require.NoError(t, p.nc.Close())
			<-closed
			require.Eventually(t, func() bool { return s.log.String() != "" }, 10*time.Second, time.Millisecond)
			logged, _, _ := strings.Cut(s.log.String(), "goroutine") // of the panic
			return append(all.all(), strings.ReplaceAll(logged, p.nc.LocalAddr().String(), "client"))
		}, hooks)
		require.Greater(t, len(lines), 20)
	})
}
