package tests

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// The frames of RFC 9113, section 6.
const (
	data         = 0
	headers      = 1
	resetStream  = 3
	settings     = 4
	pushPromise  = 5
	ping         = 6
	goAway       = 7
	windowUpdate = 8
	continuation = 9

	endStream  = 1 // a flag, and ACK of SETTINGS and PING
	endHeaders = 4

	initialWindowSize = 4 // a setting
	enablePush        = 2
)

const (
	codeNone               = 0
	codeCancel             = 8
	codeInadequateSecurity = 12
)

type frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
	last        bool // of the response on its stream
}

// peer is a client that speaks HTTP/2 frame by frame.
type peer struct {
	t       testing.TB
	nc      net.Conn
	records *records
	scheme  byte  // an entry of HPACK's static table
	plain   int64 // bytes of the frames read
	next    uint32
	seen    []frame // all that were read
	ending  uint32  // stream that ends with the last CONTINUATION; 0: none
}

// connect opens a connection to s, and sends the preface and the client's settings.
func (s *site) connect(t testing.TB, own ...setting) *peer {
	t.Helper()
	p, err := s.tryConnect(t, own...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.nc.Close() })
	return p
}

type setting struct {
	id    uint16
	value uint32
}

func (s *site) tryConnect(t testing.TB, own ...setting) (*peer, error) {
	t.Helper()
	nc, err := s.dial(t.Context())
	if err != nil {
		return nil, err
	}
	return s.greetOn(t, nc, own...)
}

// greetOn begins to speak on a connection.
func (s *site) greetOn(t testing.TB, nc net.Conn, own ...setting) (*peer, error) {
	t.Helper()
	p := &peer{t: t, records: &records{Conn: nc}, scheme: 0x86, next: 1}
	p.nc = p.records
	if s.kind.version != 0 {
		p.scheme = 0x87
		conf := &tls.Config{
			InsecureSkipVerify: true, NextProtos: []string{"h2"}, //nolint:gosec // the certificate is the test's own
			MinVersion: s.kind.version, MaxVersion: s.kind.version, CipherSuites: s.ciphers,
		}
		p.records.overhead = 17 // AES-GCM and ChaCha20 of TLS 1.3: the type and the tag
		if s.kind.version == tls.VersionTLS12 {
			p.records.overhead = 24 // AES-GCM of TLS 1.2: the nonce and the tag
			p.records.begin()
		}
		tc := tls.Client(p.records, conf)
		if err := tc.HandshakeContext(t.Context()); err != nil {
			_ = nc.Close()
			return nil, err
		}
		p.records.begin()
		p.nc = tc
	}
	var b []byte
	for _, s := range own {
		b = binary.BigEndian.AppendUint16(b, s.id)
		b = binary.BigEndian.AppendUint32(b, s.value)
	}
	_, err := p.nc.Write(append([]byte(preface), frame{kind: settings, payload: b}.bytes()...))
	if err != nil {
		_ = nc.Close()
	}
	return p, err
}

func (f frame) bytes() []byte {
	b := []byte{byte(len(f.payload) >> 16), byte(len(f.payload) >> 8), byte(len(f.payload)), f.kind, f.flags}
	b = binary.BigEndian.AppendUint32(b, f.stream)
	return append(b, f.payload...)
}

func (p *peer) send(frames ...frame) {
	p.t.Helper()
	require.NoError(p.t, p.trySend(frames...))
}

func (p *peer) trySend(frames ...frame) error {
	var b []byte
	for _, f := range frames {
		b = append(b, f.bytes()...)
	}
	_, err := p.nc.Write(b)
	return err
}

// request is a frame that asks for a path on a new stream.
func (p *peer) request(method, path string) frame {
	f := frame{kind: headers, flags: endStream | endHeaders, stream: p.next, payload: block(p.scheme, method, path)}
	p.next += 2
	return f
}

// get asks for a path, and returns the number of the stream.
func (p *peer) get(path string) uint32 {
	p.t.Helper()
	f := p.request("GET", path)
	p.send(f)
	return f.stream
}

// block is the header block of a request, of HPACK's static table and literals without
// indexing.
func block(scheme byte, method, path string) []byte {
	b := []byte{scheme}
	for _, f := range []struct {
		index byte
		value string
	}{{2, method}, {4, path}, {1, "test"}} {
		b = append(b, f.index, byte(len(f.value)))
		b = append(b, f.value...)
	}
	return b
}

func (p *peer) reset(stream uint32) {
	p.t.Helper()
	p.send(reset(stream))
}

func reset(stream uint32) frame {
	return frame{kind: resetStream, stream: stream, payload: binary.BigEndian.AppendUint32(nil, codeCancel)}
}

// open lets the server send n bytes more on a stream, and on the connection.
func (p *peer) open(stream, n uint32) {
	p.t.Helper()
	p.send(window(stream, n), window(0, n))
}

func window(stream, n uint32) frame {
	return frame{kind: windowUpdate, stream: stream, payload: binary.BigEndian.AppendUint32(nil, n)}
}

// patience bounds every wait for a frame.
const patience = 20 * time.Second

// read returns the next frame.
func (p *peer) read() (frame, error) {
	_ = p.records.SetReadDeadline(time.Now().Add(patience)) // a connection that was closed says so when it is read
	var head [9]byte
	if _, err := io.ReadFull(p.nc, head[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: head[3], flags: head[4], stream: binary.BigEndian.Uint32(head[5:])}
	f.payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(p.nc, f.payload); err != nil {
		return frame{}, err
	}
	p.plain += int64(len(head) + len(f.payload))
	f.last = p.isLast(f)
	p.seen = append(p.seen, f)
	if f.kind == settings && f.flags == 0 {
		if err := p.trySend(frame{kind: settings, flags: endStream}); err != nil {
			return frame{}, err
		}
	}
	return f, nil
}

// until reads until a frame is what is wanted.
func (p *peer) until(wanted func(frame) bool) frame {
	p.t.Helper()
	for {
		f, err := p.read()
		require.NoError(p.t, err)
		if wanted(f) {
			return f
		}
	}
}

func (p *peer) isLast(f frame) bool {
	switch f.kind {
	case resetStream:
		return true
	case data:
		return f.flags&endStream != 0
	case headers, continuation:
		if f.kind == headers && f.flags&endStream != 0 {
			p.ending = f.stream
		}
		if f.flags&endHeaders == 0 || p.ending != f.stream {
			return false
		}
		p.ending = 0
		return true
	}
	return false
}

// ended finds the last frame of the response on a stream.
func ended(stream uint32) func(frame) bool {
	return func(f frame) bool { return f.stream == stream && f.last }
}

func of(stream uint32, kind byte) func(frame) bool {
	return func(f frame) bool { return f.stream == stream && f.kind == kind }
}

// end reads to the end of the response on a stream, and returns how many bytes the server
// must have written then.
func (p *peer) end(stream uint32) int64 {
	p.t.Helper()
	p.until(ended(stream))
	return p.records.end(p.plain)
}

// body is what has been read of the response on a stream.
func (p *peer) body(stream uint32) string {
	var b bytes.Buffer
	for _, f := range p.seen {
		if f.kind == data && f.stream == stream {
			b.Write(f.payload)
		}
	}
	return b.String()
}

func (s *site) dial(ctx context.Context) (net.Conn, error) {
	if s.pipe != nil {
		return s.pipe.dial()
	}
	return new(net.Dialer).DialContext(ctx, "tcp", s.addr)
}
