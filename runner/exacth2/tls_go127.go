//go:build go1.27

package exacth2

import (
	"crypto/tls"
	"net"
	"net/http"
)

// copyNewer copies the settings that newer versions of Go have.
func copyNewer(to, from *http.Server) {
	to.DisableClientPriority = from.DisableClientPriority
	to.MaxHeaderValueCount = from.MaxHeaderValueCount
}

// overTLS returns what the private server serves: a connection that says which protocol
// TLS has negotiated.
func overTLS(w *wire, state tls.ConnectionState) net.Conn { return tlsWire{w, state} }

type tlsWire struct {
	*wire
	state tls.ConnectionState
}

// ConnectionState is what net/http asks for.
func (w tlsWire) ConnectionState() tls.ConnectionState { return w.state }

// refused returns false: net/http itself refuses connections whose TLS is too weak.
func refused(*http.Server, *tls.Conn, tls.ConnectionState) bool { return false }
