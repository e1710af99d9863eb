package tests

import (
	"net"
	"sort"
	"sync"
	"sync/atomic"
)

// records is the client's end of a connection. It notes where the records of TLS end, so
// that a byte of the plaintext can be found in what the server has written.
type records struct {
	net.Conn
	overhead int // bytes of a record that are not plaintext; 0: no TLS

	mu    sync.Mutex
	head  []byte // of the record that is being read
	left  int    // of its payload
	size  int    // of its payload
	raw   int64  // bytes that have been read
	plain int64  // bytes of frames among them
	begun bool   // the handshake is over
	ends  []recordEnd
}

type recordEnd struct{ plain, raw int64 }

const (
	recordHeader    = 5
	applicationData = 23
)

func (r *records) Read(p []byte) (int, error) {
	n, err := r.Conn.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.follow(p[:n])
	return n, err
}

func (r *records) follow(p []byte) {
	for len(p) > 0 {
		if r.overhead == 0 {
			r.raw += int64(len(p))
			return
		}
		if len(r.head) < recordHeader {
			n := min(recordHeader-len(r.head), len(p))
			r.head, p = append(r.head, p[:n]...), p[n:]
			r.raw += int64(n)
			if len(r.head) < recordHeader {
				return
			}
			r.size = int(r.head[3])<<8 | int(r.head[4])
			r.left = r.size
		}
		n := min(r.left, len(p))
		r.left, p = r.left-n, p[n:]
		r.raw += int64(n)
		if r.left > 0 {
			return
		}
		if r.begun && r.head[0] == applicationData {
			r.plain += int64(r.size - r.overhead)
			r.ends = append(r.ends, recordEnd{r.plain, r.raw})
		}
		r.head = r.head[:0]
	}
}

// begin is called when what has the type of frames is frames. In TLS 1.3 that is not so
// during the handshake.
func (r *records) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = true
}

// end returns how many bytes the server must have written for the first n bytes of
// plaintext.
func (r *records) end(n int64) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.overhead == 0 {
		return n
	}
	i := sort.Search(len(r.ends), func(i int) bool { return r.ends[i].plain >= n })
	return r.ends[i].raw
}

// forget forgets the records that were read.
func (r *records) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ends = r.ends[:0]
}

// served is the server's end of a connection, below TLS. It counts what the kernel has.
type served struct {
	net.Conn
	written atomic.Int64
	held    atomic.Pointer[hold]  // nil: writes pass
	steps   atomic.Pointer[steps] // nil: writes pass
}

// steps lets the server's writes pass one by one.
type steps struct {
	entered chan struct{} // gets a value when a write waits
	free    chan struct{} // a value lets it pass
	over    chan struct{} // closed when all may pass
}

func (c *served) Write(p []byte) (int, error) {
	if h := c.held.Load(); h != nil {
		h.wait()
	}
	if s := c.steps.Load(); s != nil {
		select {
		case s.entered <- struct{}{}:
			<-s.free
		case <-s.over:
		}
	}
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// hold stops the server's next writes until it is let go.
func (c *served) hold() *hold {
	h := &hold{entered: make(chan struct{}), free: make(chan struct{})}
	c.held.Store(h)
	return h
}

type hold struct {
	entered chan struct{} // closed when a write waits
	free    chan struct{}

	enter, leave sync.Once
}

func (h *hold) wait() {
	h.enter.Do(func() { close(h.entered) })
	<-h.free
}

func (h *hold) letGo() { h.leave.Do(func() { close(h.free) }) }
