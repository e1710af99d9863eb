package exacth2

import (
	"crypto/tls"
	"errors"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
)

// ErrTaken means that something else serves HTTP/2 for the server: an earlier call of
// [Configure], or golang.org/x/net/http2.ConfigureServer.
var ErrTaken = errors.New("exacth2: srv.TLSNextProto has an entry for HTTP/2 already: " +
	"call Configure once, and do not call http2.ConfigureServer (http.Server.HTTP2 has its settings)")

// errCiphers stands for the error that net/http has for such a TLSConfig when it begins
// to serve.
var errCiphers = errors.New("exacth2: srv.TLSConfig.CipherSuites has neither of the cipher suites that HTTP/2 requires: " +
	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 and TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")

const (
	alpn      = "h2"                // of HTTP/2 over TLS
	cleartext = "unencrypted_http2" // where net/http looks for what serves HTTP/2 without TLS
)

// Configure makes "after" exact for the HTTP/2 requests that srv serves. Call it
// before srv serves, and after srv.TLSConfig, srv.Protocols and srv.TLSNextProto are
// set. The other fields may be set later. Configure sets srv.TLSNextProto, adds the
// protocols to srv.TLSConfig.NextProtos, and calls srv.RegisterOnShutdown.
//
// It changes nothing if srv does not serve HTTP/2, because srv.Protocols,
// srv.TLSNextProto or GODEBUG say so. It returns [ErrTaken] if something else serves
// HTTP/2 for srv, or another error if srv.TLSConfig cannot be used for HTTP/2. Then srv
// is as before.
func Configure(srv *http.Server) error {
	if srv == nil {
		panic("exacth2: Configure of a nil http.Server")
	}
	if srv.TLSNextProto[alpn] != nil {
		return ErrTaken
	}
	if !serves(srv) {
		return nil
	}
	if srv.TLSConfig == nil {
		srv.TLSConfig = new(tls.Config)
	} else if !haveCipher(srv.TLSConfig) {
		return errCiphers
	}
	for _, p := range []string{alpn, "http/1.1"} {
		if !slices.Contains(srv.TLSConfig.NextProtos, p) {
			srv.TLSConfig.NextProtos = append(srv.TLSConfig.NextProtos, p)
		}
	}
	s := &server{connections: make(map[*connection]struct{})}
	if srv.TLSNextProto == nil {
		srv.TLSNextProto = make(map[string]func(*http.Server, *tls.Conn, http.Handler))
	}
	srv.TLSNextProto[alpn] = s.serveTLS
	srv.TLSNextProto[cleartext] = s.serveCleartext
	srv.RegisterOnShutdown(s.drain)
	return nil
}

// serves reports whether srv would serve HTTP/2 without Configure.
func serves(srv *http.Server) bool {
	if p := srv.Protocols; p != nil {
		if !p.HTTP2() && !p.UnencryptedHTTP2() {
			return false
		}
	} else if srv.TLSNextProto != nil {
		return false // that is how HTTP/2 was switched off before there was srv.Protocols
	}
	// A server that has tried to serve has set up HTTP/2, unless GODEBUG or a build tag
	// have left it out.
	probe := &http.Server{Protocols: new(http.Protocols)}
	probe.Protocols.SetUnencryptedHTTP2(true)
	_ = probe.Serve(closedListener{})
	return probe.TLSNextProto[alpn] != nil
}

// closedListener is a listener that accepts nothing.
type closedListener struct{}

func (closedListener) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (closedListener) Close() error              { return nil }
func (closedListener) Addr() net.Addr            { return new(net.TCPAddr) }

func haveCipher(c *tls.Config) bool {
	return c.CipherSuites == nil || c.MinVersion >= tls.VersionTLS13 ||
		slices.Contains(c.CipherSuites, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256) ||
		slices.Contains(c.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
}

// server is what Configure has added to one http.Server.
type server struct {
	unknown sync.Once // guards that an unknown ResponseWriter is logged only once

	mu          sync.Mutex
	connections map[*connection]struct{} // being served; guarded by mu
	draining    bool                     // Shutdown has begun; guarded by mu
}

// add registers c for the drain. If the drain has begun, it drains c at once.
func (s *server) add(c *connection) {
	s.mu.Lock()
	s.connections[c] = struct{}{}
	draining := s.draining
	s.mu.Unlock()
	if draining {
		c.drain()
	}
}

func (s *server) remove(c *connection) {
	s.mu.Lock()
	delete(s.connections, c)
	s.mu.Unlock()
}

// drain is called by http.Server.Shutdown. Every connection finishes its streams
// and accepts no more.
func (s *server) drain() {
	s.mu.Lock()
	s.draining = true
	all := make([]*connection, 0, len(s.connections))
	for c := range s.connections {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.drain()
	}
}

// logf logs where net/http would log what goes wrong with srv.
func logf(srv *http.Server, format string, args ...any) {
	printf := log.Printf //nolint:forbidigo // where net/http would log it
	if srv.ErrorLog != nil {
		printf = srv.ErrorLog.Printf //nolint:forbidigo // as above
	}
	printf("exacth2: "+format, args...)
}
