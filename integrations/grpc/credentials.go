package grpcafter

import (
	"errors"
	"net"
	"reflect"
	"sync"
	"syscall"

	"google.golang.org/grpc/credentials"

	"github.com/afterglow-go/afterglow/runner/exacth2"
)

// followed are credentials whose connections are followed.
type followed struct {
	credentials.TransportCredentials
	known *connections
}

// ServerHandshake implements [credentials.TransportCredentials].
func (f *followed) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	nc, info, err := f.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		return nc, info, err
	}
	return f.known.add(nc), info, nil
}

// Clone implements [credentials.TransportCredentials].
func (f *followed) Clone() credentials.TransportCredentials {
	return &followed{f.TransportCredentials.Clone(), f.known}
}

// connections are those that a server has open, by the address of the client: grpc names a
// connection to stats handlers by that alone. Each has an address that is another pointer.
type connections struct{ byAddr sync.Map }

func (c *connections) add(nc net.Conn) net.Conn {
	return &connection{Conn: exacth2.Follow(nc), remote: unique(nc.RemoteAddr()), all: c}
}

// at returns the connection with that address; nil: it did not pass through the credentials.
func (c *connections) at(a net.Addr) *connection {
	if a == nil || !reflect.TypeOf(a).Comparable() {
		return nil
	}
	known, _ := c.byAddr.Load(a)
	found, _ := known.(*connection)
	return found
}

// connection is what grpc reads and writes.
type connection struct {
	*exacth2.Conn
	remote net.Addr
	all    *connections
	known  sync.Once // guards that it is stored once, and not after Close
}

// RemoteAddr implements [net.Conn].
func (c *connection) RemoteAddr() net.Addr { return c.remote }

// Read implements [net.Conn]. From the first one on, grpc closes c and not only what it wraps, so it
// is stored no sooner.
func (c *connection) Read(p []byte) (int, error) {
	c.known.Do(func() { c.all.byAddr.Store(c.remote, c) })
	return c.Conn.Read(p)
}

// Close implements [net.Conn].
func (c *connection) Close() error {
	c.known.Do(func() {})
	c.all.byAddr.Delete(c.remote)
	return c.Conn.Close()
}

// SyscallConn serves channelz, which shows the options of sockets.
func (c *connection) SyscallConn() (syscall.RawConn, error) {
	if inner, ok := c.Conn.Conn.(syscall.Conn); ok {
		return inner.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// unique returns a copy of an address, of the same type where interceptors look at the type.
func unique(a net.Addr) net.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		if a != nil {
			b := *a
			return &b
		}
	case *net.UnixAddr:
		if a != nil {
			b := *a
			return &b
		}
	}
	return &wrapped{a}
}

// wrapped is an address of another type.
type wrapped struct{ net.Addr }
