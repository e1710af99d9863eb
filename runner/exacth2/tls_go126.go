//go:build !go1.27

package exacth2

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
)

// copyNewer copies the settings that newer versions of Go have.
func copyNewer(_, _ *http.Server) {}

// overTLS returns what the private server serves. This version of net/http serves HTTP/2
// only on a *tls.Conn, and on what it takes for a connection without TLS.
func overTLS(w *wire, _ tls.ConnectionState) net.Conn { return w }

// errInadequateSecurity is an error code of RFC 9113, section 7.
const errInadequateSecurity = 0xc

// refused closes a connection whose TLS is too weak for HTTP/2 (RFC 9113, section 9.2). It
// reports whether it has done so. net/http cannot check that here, because it does not
// know that there is TLS. The words are those of net/http.
func refused(srv *http.Server, tc *tls.Conn, state tls.ConnectionState) bool {
	why := ""
	switch {
	case state.Version < tls.VersionTLS12:
		why = "TLS version too low"
	case !permitted(srv, state):
		why = fmt.Sprintf("Prohibited TLS 1.2 Cipher Suite: %x", state.CipherSuite)
	default:
		return false
	}
	const fixed = 8 // last stream and error code
	frame := []byte{0, 0, byte(fixed + len(why)), frameGoAway, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	frame = binary.BigEndian.AppendUint32(frame, errInadequateSecurity)
	_, _ = tc.Write(append(frame, why...)) // the connection is closed all the same
	_ = tc.Close()
	return true
}

// permitted reports whether a cipher suite may be used: of those of TLS 1.2 that Go has,
// RFC 9113 prohibits all but these (appendix A).
func permitted(srv *http.Server, state tls.ConnectionState) bool {
	if state.Version >= tls.VersionTLS13 || srv.HTTP2 != nil && srv.HTTP2.PermitProhibitedCipherSuites {
		return true
	}
	switch state.CipherSuite {
	case tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256:
		return true
	}
	return false
}
