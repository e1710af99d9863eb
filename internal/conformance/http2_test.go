package conformance_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var http2Requests = flag.Int("http2.requests", 200, "requests of each row of TestWhatTellsThatAnHTTP2ResponseHasLeft")

// moment calls due when it takes the response to be with the kernel. It is
// called as the last thing of a handler.
type moment func(w http.ResponseWriter, req *http.Request, conn *h2conn, due func())

// moments are the signs of a finished response that a handler can find without
// changing the response. HTTP2.md says what came of them.
var moments = []struct {
	name string
	cleartextOnly,
	exact bool
	moment
}{
	{"handler returned", false, false, func(_ http.ResponseWriter, _ *http.Request, _ *h2conn, due func()) { go due() }},
	{"context ended", false, false, func(_ http.ResponseWriter, req *http.Request, _ *h2conn, due func()) {
		context.AfterFunc(req.Context(), due)
	}},
	{"CloseNotify", false, false, func(w http.ResponseWriter, _ *http.Request, _ *h2conn, due func()) {
		closed := closeNotify(w)
		go func() { <-closed; due() }()
	}},
	{"CloseNotify, then a write or 1 ms", false, false, settled(time.Millisecond)},
	{"CloseNotify, then a write or 5 ms", false, false, settled(5 * time.Millisecond)},
	{"END_STREAM seen in the connection's frames", true, true, func(w http.ResponseWriter, _ *http.Request, conn *h2conn, due func()) {
		conn.whenEnded(streamOf(w), due)
	}},
}

func closeNotify(w http.ResponseWriter) <-chan bool {
	return w.(http.CloseNotifier).CloseNotify() //nolint:staticcheck // nothing else tells of the stream's end
}

// settled waits for a write that ends after the stream was closed, and gives
// up when none is under way for as long as quiet: it had ended before.
func settled(quiet time.Duration) moment {
	return func(w http.ResponseWriter, _ *http.Request, conn *h2conn, due func()) {
		closed := closeNotify(w)
		go func() {
			<-closed
			conn.nextWrite(quiet)
			due()
		}()
	}
}

// streamOf reads what net/http keeps to itself.
func streamOf(w http.ResponseWriter) uint32 {
	return uint32(reflect.ValueOf(w).Elem().FieldByName("rws").Elem().FieldByName("stream").Elem().FieldByName("id").Uint())
}

// h2conn is the server's end of a connection. It counts the bytes that the
// kernel has, and follows the frames among them if they are not encrypted.
type h2conn struct {
	net.Conn
	frames bool

	mu      sync.Mutex
	written int64
	writing bool
	wrote   chan struct{} // closed and replaced when a write has ended
	head    []byte        // of the frame that is being written
	left    int           // of its payload
	ending  uint32        // stream whose last HEADERS want their CONTINUATION
	ended   map[uint32]bool
	due     map[uint32]func()
}

func (c *h2conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.writing = true
	c.mu.Unlock()
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	c.writing = false
	c.written += int64(n)
	close(c.wrote)
	c.wrote = make(chan struct{})
	var due []func()
	if c.frames {
		due = c.follow(p[:n])
	}
	c.mu.Unlock()
	for _, f := range due {
		f()
	}
	return n, err
}

func (c *h2conn) nextWrite(quiet time.Duration) {
	for {
		c.mu.Lock()
		wrote := c.wrote
		c.mu.Unlock()
		t := time.NewTimer(quiet)
		select {
		case <-wrote:
			t.Stop()
			return
		case <-t.C:
		}
		c.mu.Lock()
		writing := c.writing
		c.mu.Unlock()
		if !writing {
			return
		}
	}
}

// follow returns what is due as p has left. mu is held.
func (c *h2conn) follow(p []byte) (due []func()) {
	const header, data, headers, reset, continuation = 9, 0, 1, 3, 9
	const endStream, endHeaders = 1, 4
	for len(p) > 0 || (len(c.head) == header && c.left == 0) {
		if len(c.head) < header {
			n := min(header-len(c.head), len(p))
			c.head, p = append(c.head, p[:n]...), p[n:]
			if len(c.head) < header {
				return due
			}
			c.left = int(c.head[0])<<16 | int(c.head[1])<<8 | int(c.head[2])
		}
		n := min(c.left, len(p))
		c.left, p = c.left-n, p[n:]
		if c.left > 0 {
			return due
		}
		kind, flags, id := c.head[3], c.head[4], binary.BigEndian.Uint32(c.head[5:])
		over := kind == reset || kind == data && flags&endStream != 0
		switch {
		case kind == headers && flags&endStream != 0 && flags&endHeaders == 0:
			c.ending = id
		case kind == headers && flags&endStream != 0:
			over = true
		case kind == continuation && flags&endHeaders != 0 && c.ending == id:
			over = true
		}
		if over {
			c.ended[id] = true
			if f := c.due[id]; f != nil {
				due = append(due, f)
			}
		}
		c.head = c.head[:0]
	}
	return due
}

func (c *h2conn) whenEnded(id uint32, due func()) {
	c.mu.Lock()
	ended := c.ended[id]
	c.due[id] = due
	c.mu.Unlock()
	if ended {
		due()
	}
}

func (c *h2conn) total() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written
}

type h2listener struct {
	net.Listener
	frames bool
}

func (l h2listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &h2conn{
		Conn: nc, frames: l.frames, wrote: make(chan struct{}),
		ended: make(map[uint32]bool), due: make(map[uint32]func()),
	}, nil
}

type readCounter struct {
	net.Conn
	n *atomic.Int64
}

func (c readCounter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

type h2key struct{}

// A client with a connection of its own knows how many bytes it has read when
// its response has ended. What was due when fewer were with the kernel was
// early. Only what looks into the frames never is.
func TestWhatTellsThatAnHTTP2ResponseHasLeft(t *testing.T) {
	var lines strings.Builder
	for _, cleartext := range []bool{false, true} {
		for _, m := range moments {
			if m.cleartextOnly && !cleartext {
				continue
			}
			early, total, delay := earlyOf(t, cleartext, m.moment)
			protocol := map[bool]string{true: "cleartext", false: "TLS"}[cleartext]
			fmt.Fprintf(&lines, "| %-9s | %-42s | %5d of %d | %5.2f %% | %8v |\n", protocol, m.name, early, total, 100*float64(early)/float64(total), delay)
			if m.exact && early > 0 {
				t.Errorf("%s was early %d times", m.name, early)
			}
		}
	}
	t.Log("\n| protocol  | due when | early | | mean delay after the handler |\n|---|---|---|---|---|\n" + lines.String())
}

func earlyOf(t *testing.T, cleartext bool, m moment) (early, total int64, delay time.Duration) {
	const clients = 4
	type found struct {
		written int64
		delay   time.Duration
	}
	var dues [clients]chan found
	for i := range dues {
		dues[i] = make(chan found, 1)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		conn := req.Context().Value(h2key{}).(*h2conn)
		client, _ := strconv.Atoi(req.URL.Query().Get("client"))
		size, _ := strconv.Atoi(req.URL.Query().Get("size"))
		_, _ = io.WriteString(w, strings.Repeat("x", size))
		if req.URL.Path == "/flushed" {
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "the end")
		}
		begin := time.Now()
		m(w, req, conn, func() { dues[client] <- found{conn.total(), time.Since(begin)} })
	}))
	srv.Listener = h2listener{srv.Listener, cleartext}
	srv.Config.ConnContext = func(ctx context.Context, nc net.Conn) context.Context {
		if t, ok := nc.(*tls.Conn); ok {
			nc = t.NetConn()
		}
		return context.WithValue(ctx, h2key{}, nc)
	}
	protocols := new(http.Protocols)
	if cleartext {
		protocols.SetUnencryptedHTTP2(true)
		srv.Config.Protocols = protocols
		srv.Start()
	} else {
		protocols.SetHTTP2(true)
		srv.EnableHTTP2 = true
		srv.StartTLS()
	}
	defer srv.Close()
	var before, delays atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			var read atomic.Int64
			transport := &http.Transport{
				Protocols: protocols, DisableCompression: true,
				DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
					c, err := new(net.Dialer).DialContext(ctx, network, addr)
					return readCounter{c, &read}, err
				},
			}
			if !cleartext {
				transport.TLSClientConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
				transport.TLSClientConfig.NextProtos = nil
			}
			defer transport.CloseIdleConnections()
			for n := range *http2Requests/clients + 1 {
				size := [...]int{0, 10, 1000, 4090, 10_000, 100_000}[n%6]
				path := [...]string{"", "/flushed"}[n/6%2]
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s%s?client=%d&size=%d", srv.URL, path, i, size), nil)
				if err != nil {
					t.Error(err)
					return
				}
				res, err := transport.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
				end := read.Load()
				got := <-dues[i]
				if n == 0 {
					continue // the handshake's settings mingle with it
				}
				if got.written < end {
					before.Add(1)
				}
				delays.Add(int64(got.delay))
			}
		})
	}
	wg.Wait()
	total = int64(*http2Requests / clients * clients)
	return before.Load(), total, (time.Duration(delays.Load()) / time.Duration(max(total, 1))).Round(time.Microsecond)
}
