package tests

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"log"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/exacth2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kind is how a server is reached.
type kind struct {
	name    string
	version uint16 // of TLS; 0: none
}

var kinds = []kind{{"TLS 1.2", tls.VersionTLS12}, {"TLS 1.3", tls.VersionTLS13}, {"cleartext", 0}}

// each runs a test for each way to reach a server.
func each(t *testing.T, test func(t *testing.T, k kind)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}

// site is a server under test.
type site struct {
	kind    kind
	srv     *http.Server
	addr    string
	ciphers []uint16 // that the client offers; nil: the usual ones
	pipe    *pipes   // nil: it listens on a socket
	last    []option // what is done after Configure
	log     *logged
	done    chan struct{} // closed when Serve has returned
}

type connKey struct{}

// connOf returns the server's end of the connection that a request has come on.
func connOf(ctx context.Context) *served { return ctx.Value(connKey{}).(*served) }

// option changes a server before Configure is called.
type option func(*site)

func with(change func(*http.Server)) option { return func(s *site) { change(s.srv) } }

// exact serves h with Configure, and plain without.
func exact(t testing.TB, k kind, h http.Handler, options ...option) *site {
	return start(t, k, true, h, options...)
}

func plain(t testing.TB, k kind, h http.Handler, options ...option) *site {
	return start(t, k, false, h, options...)
}

func start(t testing.TB, k kind, configure bool, h http.Handler, options ...option) *site {
	t.Helper()
	s := &site{kind: k, log: new(logged), done: make(chan struct{})}
	s.srv = &http.Server{
		Handler:   h,
		Protocols: new(http.Protocols),
		ErrorLog:  log.New(s.log, "", 0),
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, below(nc))
		},
	}
	s.srv.Protocols.SetHTTP1(true)
	s.srv.Protocols.SetHTTP2(k.version != 0)
	s.srv.Protocols.SetUnencryptedHTTP2(k.version == 0)
	if k.version != 0 {
		// Tickets would be records that look like those of frames.
		s.srv.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate(t)}, SessionTicketsDisabled: true, MinVersion: tls.VersionTLS12}
	}
	for _, o := range options {
		o(s)
	}
	if configure {
		require.NoError(t, exacth2.Configure(s.srv))
	}
	for _, o := range s.last {
		o(s)
	}
	var ln net.Listener
	if s.pipe != nil {
		ln = s.pipe
	} else {
		tcp, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		s.addr = tcp.Addr().String()
		ln = listener{tcp}
	}
	go func() {
		defer close(s.done)
		if k.version == 0 {
			_ = s.srv.Serve(ln)
			return
		}
		_ = s.srv.ServeTLS(ln, "", "")
	}()
	t.Cleanup(func() {
		_ = s.srv.Close()
		<-s.done
	})
	return s
}

func below(nc net.Conn) *served {
	if tc, ok := nc.(*tls.Conn); ok {
		nc = tc.NetConn()
	}
	return nc.(*served)
}

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &served{Conn: nc}, nil
}

// pipes is a listener in memory, for bubbles.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func inMemory(s *site) { s.pipe = &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (l *pipes) dial() (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- &served{Conn: server}:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error   { l.once.Do(func() { close(l.closed) }); return nil }
func (l *pipes) Addr() net.Addr { return new(net.TCPAddr) }

// logged keeps what the server has logged.
type logged struct {
	mu   sync.Mutex
	text []byte
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	return len(p), nil
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

var certificate = func() func(testing.TB) tls.Certificate {
	make := sync.OnceValues(func() (tls.Certificate, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return tls.Certificate{}, err
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"test"}, NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
	})
	return func(t testing.TB) tls.Certificate {
		t.Helper()
		c, err := make()
		require.NoError(t, err)
		return c
	}
}()

// newRunner returns a runner that is shut down at the end of the test, and has lost
// nothing.
func newRunner(t testing.TB, cfg runner.Config) *runner.Runner {
	t.Helper()
	r, err := runner.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		report, err := r.Shutdown(ctx)
		require.NoError(t, err, "%+v", report)
	})
	return r
}

// begins is how callbacks have begun: with how many bytes written on their connection.
type begins chan int64

// after asks for a callback that tells how it begins.
func (b begins) after(ctx context.Context) error {
	conn := connOf(ctx)
	return runner.After(ctx, "it", func(context.Context) error { b <- conn.written.Load(); return nil })
}

func (b begins) none(t testing.TB, when string) {
	t.Helper()
	select {
	case <-b:
		require.Fail(t, "a callback has begun "+when)
	default:
	}
}
