package routers

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/afterglow-go/afterglow/internal/conformance"
)

// reverseProxy asks for callbacks in front of a proxy, whose backend gives the
// answer. The suite has the case of a proxy within; proxied puts one in front.
var reverseProxy = framework{
	name: "ReverseProxy", pattern: "POST /orders/{id}",
	orders: func(place place, use ...middleware) http.Handler {
		proxy := &httputil.ReverseProxy{
			ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
			Transport: backend{},
			Rewrite:   func(p *httputil.ProxyRequest) { p.SetURL(&url.URL{Scheme: "http", Host: "backend"}) },
		}
		mux := http.NewServeMux()
		mux.Handle("POST /orders/{id}", wrap(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			want := http.StatusCreated
			if err := place(visit{req.Context(), w, req, req.PathValue("id")}); err != nil {
				want = statusOf(err)
			}
			req.Header.Set("X-Want", strconv.Itoa(want))
			proxy.ServeHTTP(w, req)
		}), use...))
		return mux
	},
}

// backend answers with the status that is wanted, without a network.
type backend struct{}

// RoundTrip implements [http.RoundTripper].
func (backend) RoundTrip(req *http.Request) (*http.Response, error) {
	want, err := strconv.Atoi(req.Header.Get("X-Want"))
	if err != nil {
		return nil, err
	}
	body := http.StatusText(want)
	return &http.Response{
		StatusCode: want, ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header:        http.Header{"Content-Type": {"text/plain"}},
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

// proxied is a server of net/http behind a ReverseProxy. What is measured is what the
// proxy gets of it.
func proxied() conformance.Server {
	s := conformance.NetHTTP(conformance.HTTP1, true, nil)
	serve := s.HTTP
	s.Name = "behind ReverseProxy"
	s.How += ", with the proxy"
	s.HTTP = func(t testing.TB, ln net.Listener, dial conformance.Dial, h http.Handler) *http.Client {
		t.Helper()
		client := serve(t, ln, dial, h)
		proxy := &httputil.ReverseProxy{
			ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), Transport: client.Transport, FlushInterval: -1,
			Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(&url.URL{Scheme: "http", Host: ln.Addr().String()})
				p.Out.Header["X-Forwarded-For"] = p.In.Header["X-Forwarded-For"]
			},
			// A client sees what became of the connection, as without a proxy.
			ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		}
		front := httptest.NewUnstartedServer(proxy)
		front.Config.ErrorLog = proxy.ErrorLog
		front.Listener = smallBuffers{front.Listener}
		front.Start()
		outside := client.Transport.(*http.Transport).Clone()
		outside.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, network, front.Listener.Addr().String())
			if err == nil {
				_ = c.(*net.TCPConn).SetReadBuffer(64 << 10)
			}
			return c, err
		}
		t.Cleanup(func() {
			outside.CloseIdleConnections()
			front.CloseClientConnections()
			front.Close()
		})
		return &http.Client{Transport: outside, Timeout: client.Timeout, CheckRedirect: client.CheckRedirect}
	}
	return s
}

// smallBuffers makes a slow reader felt by the proxy, and by the server behind it.
type smallBuffers struct{ net.Listener }

// Accept implements [net.Listener].
func (l smallBuffers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		_ = c.(*net.TCPConn).SetWriteBuffer(64 << 10)
	}
	return c, err
}
