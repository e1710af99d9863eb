package conformance

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// meter counts what passes the connections of one server.
type meter struct {
	written   atomic.Int64 // bytes that the server has handed to the kernel
	readFroms atomic.Int64 // calls of ReadFrom on the server's connections
	read      atomic.Int64 // bytes that the clients have read

	held atomic.Pointer[hold] // nil: the server writes freely
}

// hold stops the server's next writes until it is let go.
type hold struct {
	entered chan struct{} // closed when a write has begun to wait
	free    chan struct{}

	enter, leave sync.Once
}

func (m *meter) hold() *hold {
	h := &hold{entered: make(chan struct{}), free: make(chan struct{})}
	m.held.Store(h)
	return h
}

func (h *hold) letGo() { h.leave.Do(func() { close(h.free) }) }

func (m *meter) pass() {
	if h := m.held.Load(); h != nil {
		h.enter.Do(func() { close(h.entered) })
		<-h.free
	}
}

// smallBuffer is asked of the kernel for each connection, so that a slow reader
// is felt by the server.
const smallBuffer = 64 << 10

// listener hands out connections that the meter counts.
type listener struct {
	net.Listener
	meter *meter
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp := c.(*net.TCPConn)
	_ = tcp.SetWriteBuffer(smallBuffer)
	return &serverConn{TCPConn: tcp, meter: l.meter}, nil
}

// serverConn keeps CloseWrite, which net/http uses when it closes a connection.
type serverConn struct {
	*net.TCPConn
	meter *meter
}

func (c *serverConn) Write(p []byte) (int, error) {
	c.meter.pass()
	n, err := c.TCPConn.Write(p)
	c.meter.written.Add(int64(n))
	return n, err
}

// ReadFrom is where a file is sent by sendfile.
func (c *serverConn) ReadFrom(src io.Reader) (int64, error) {
	c.meter.pass()
	c.meter.readFroms.Add(1)
	n, err := c.TCPConn.ReadFrom(src)
	c.meter.written.Add(n)
	return n, err
}

// WriteTo must not be found on the embedded connection: it would read past the
// wrapper.
func (c *serverConn) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{c.TCPConn})
}

func (m *meter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	_ = c.(*net.TCPConn).SetReadBuffer(smallBuffer)
	return &clientConn{c, m}, nil
}

type clientConn struct {
	net.Conn
	meter *meter
}

func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.meter.read.Add(int64(n))
	return n, err
}
