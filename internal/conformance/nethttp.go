package conformance

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/runner/exacth2"
)

// Protocol is what a server of net/http speaks.
type Protocol string

// The protocols of [NetHTTP].
const (
	HTTP1          Protocol = "HTTP/1.1"
	HTTP2          Protocol = "HTTP/2 TLS"
	HTTP2Cleartext Protocol = "HTTP/2 cleartext"
)

// Bound is how a server of net/http that is bound knows the end of a response.
const Bound = "runner.Bind: the state of the connection"

// Mount returns what serves h under middleware, the first of them outermost, for
// example a router. A request of any method and path gets to h.
type Mount func(h http.Handler, middleware ...func(http.Handler) http.Handler) http.Handler

// wrap is the Mount that adds nothing.
func wrap(h http.Handler, middleware ...func(http.Handler) http.Handler) http.Handler {
	for i := len(middleware) - 1; i >= 0; i-- {
		h = middleware[i](h)
	}
	return h
}

// NetHTTP is a server of net/http, with or without Bind. mount is its
// Server.Mount.
func NetHTTP(p Protocol, bind bool, mount Mount) Server {
	s := Server{Name: string(p) + " unbound", How: "the server's handler has returned", Mount: mount}
	set := func(*http.Server) error { return nil }
	if bind {
		s.Name = string(p) + " bound"
		if p == HTTP1 {
			s.Exact, s.How = true, Bound
		}
		set = func(srv *http.Server) error { runner.Bind(srv); return nil }
	}
	return s.ofNetHTTP(p, set)
}

// ExactHTTP2 is NetHTTP for a protocol of HTTP/2, with exacth2.Configure.
func ExactHTTP2(p Protocol, mount Mount) Server {
	s := Server{Name: string(p) + " exact", Exact: true, How: "exacth2: the frames of the connection", window: 13, Mount: mount}
	if p == HTTP2 {
		s.window += 22 // what TLS 1.3 adds to it
	}
	return s.ofNetHTTP(p, exacth2.Configure)
}

// ofNetHTTP returns s with what serves. set prepares the server.
func (s Server) ofNetHTTP(p Protocol, set func(*http.Server) error) Server {
	if p != HTTP1 {
		s.Without = map[Capability]string{
			Hijacking:  "its connection belongs to all streams",
			Pipelining: "it multiplexes",
			Sendfile:   "it puts a file into frames",
		}
	}
	s.HTTP = func(t testing.TB, ln net.Listener, dial Dial, h http.Handler) *http.Client {
		t.Helper()
		srv := httptest.NewUnstartedServer(h)
		_ = srv.Listener.Close() // NewUnstartedServer has made one
		srv.Listener = ln
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		transport := &http.Transport{ExpectContinueTimeout: patience, DisableCompression: true}
		if p == HTTP2Cleartext {
			transport.Protocols = new(http.Protocols)
			transport.Protocols.SetUnencryptedHTTP2(true)
			srv.Config.Protocols = transport.Protocols
		}
		if err := set(srv.Config); err != nil {
			t.Fatal(err)
		}
		switch p {
		case HTTP1, HTTP2Cleartext:
			srv.Start()
		case HTTP2:
			srv.EnableHTTP2 = true
			srv.StartTLS()
			transport = srv.Client().Transport.(*http.Transport)
			transport.ExpectContinueTimeout = patience
			transport.DisableCompression = true
		}
		transport.DialContext = dial
		t.Cleanup(func() {
			transport.CloseIdleConnections()
			srv.CloseClientConnections()
			srv.Close()
		})
		return &http.Client{Transport: transport, Timeout: 3 * patience, CheckRedirect: stay}
	}
	return s
}

// stay shows the redirect itself.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// asHTTP serves calls as requests.
func asHTTP(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		err := h(Call{
			Context: req.Context(),
			Request: req.URL.Query().Get("q"),
			Write:   func(p []byte) error { _, err := w.Write(p); return err },
			Flush:   http.NewResponseController(w).Flush,
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
}

// asClient asks what asHTTP serves.
func asClient(client *http.Client, addr string) Client {
	scheme := "http"
	if client.Transport.(*http.Transport).TLSClientConfig != nil {
		scheme = "https"
	}
	return func(ctx context.Context, request string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, 3*patience)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+addr+"/?q="+url.QueryEscape(request), nil)
		if err != nil {
			return "", err
		}
		res, err := client.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode >= 400 {
			err = errors.New(res.Status)
		}
		return string(body), err
	}
}
