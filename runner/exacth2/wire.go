package exacth2

import (
	"net"
	"sync"
	"time"
)

// MaxHold is how long a response may go on after its handler has returned. Then its
// callbacks are due, although the response has not ended. So a client that never lets the
// rest of a response through cannot hold callbacks for longer.
const MaxHold = time.Minute

// maxEarly bounds how many resets a connection remembers of streams whose handlers have not
// begun. net/http has at most five times MaxConcurrentStreams of these, which is 250.
const maxEarly = 4096

// wire is what the private server reads and writes. It has the methods of net.Conn only, so
// that net/http takes it for a connection without TLS.
type wire struct {
	net.Conn
	ahead string // to be read before what the connection has

	mu      sync.Mutex // guards what follows, and the streams
	in, out frames
	streams map[uint32]*stream // whose handlers have begun, and whose responses have not ended
	early   []uint32           // reset before their handlers have begun; a ring
	oldest  int                // of early, once it is full
	closed  bool
	alarm   *time.Timer // ends streams that last too long after their handlers; nil: none has
}

// newWire wraps nc. ahead has been read from it.
func newWire(nc net.Conn, ahead string) *wire {
	return &wire{Conn: nc, ahead: ahead, in: frames{skip: len(preface)}, streams: make(map[uint32]*stream)}
}

// Read is called by one goroutine at a time.
func (w *wire) Read(p []byte) (n int, err error) {
	if w.ahead != "" {
		n = copy(p, w.ahead)
		w.ahead = w.ahead[n:]
	} else {
		n, err = w.Conn.Read(p)
	}
	if n > 0 {
		w.followRead(p[:n])
	}
	return n, err
}

// followRead ends the streams that the client has reset with p.
func (w *wire) followRead(p []byte) {
	var gone *stream
	w.mu.Lock()
	for ended := false; len(p) > 0; {
		if p, ended = w.in.next(p); ended && w.in.kind() == frameResetStream {
			gone = w.resetLocked(w.in.stream(), gone)
		}
	}
	w.mu.Unlock()
	tellAll(gone)
}

// Write is called by one goroutine at a time.
func (w *wire) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	if n > 0 {
		w.followWritten(p[:n])
	}
	return n, err
}

// followWritten ends the streams that end with p, which the kernel has.
func (w *wire) followWritten(p []byte) {
	var gone *stream
	w.mu.Lock()
	for ended := false; len(p) > 0; {
		if p, ended = w.out.next(p); !ended {
			continue
		}
		switch number := w.out.stream(); {
		case w.out.endsStream():
			gone = w.endLocked(number, true, gone)
		case w.out.kind() == frameResetStream:
			gone = w.resetLocked(number, gone)
		}
	}
	w.mu.Unlock()
	tellAll(gone)
}

// endLocked ends a stream, and puts it at the head of the list gone.
func (w *wire) endLocked(number uint32, whole bool, gone *stream) *stream {
	s := w.streams[number]
	if s == nil {
		return gone
	}
	s.endLocked(whole)
	s.next = gone
	return s
}

// resetLocked is endLocked for a stream that was reset, by either side. Its handler may
// not have begun.
func (w *wire) resetLocked(number uint32, gone *stream) *stream {
	if w.streams[number] != nil {
		return w.endLocked(number, false, gone)
	}
	if len(w.early) < maxEarly {
		w.early = append(w.early, number)
	} else {
		w.early[w.oldest] = number
		w.oldest = (w.oldest + 1) % maxEarly
	}
	return gone
}

// tellAll tells of each stream in the list gone that it has ended. The caller holds no
// lock.
func tellAll(gone *stream) {
	for gone != nil {
		s := gone
		gone, s.next = s.next, nil
		s.tell()
	}
}

// open is called when the handler of s begins.
func (w *wire) open(s *stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, number := range w.early {
		if number == s.number {
			w.early[i] = 0
			s.over = true
			return
		}
	}
	if w.closed {
		s.over = true
		return
	}
	w.streams[s.number] = s
}

// returned is called when the handler of s has returned.
func (w *wire) returned(s *stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.over {
		return
	}
	s.returned = time.Now()
	if w.alarm == nil {
		w.alarm = time.AfterFunc(MaxHold, w.sweep)
	}
}

// sweep ends the streams that have lasted too long after their handlers.
func (w *wire) sweep() {
	var gone *stream
	w.mu.Lock()
	w.alarm = nil
	now, wait := time.Now(), time.Duration(0) // until the next one is due
	for number, s := range w.streams {
		if s.returned.IsZero() {
			continue
		}
		left := MaxHold - now.Sub(s.returned)
		switch {
		case left <= 0:
			gone = w.endLocked(number, false, gone)
		case wait == 0 || left < wait:
			wait = left
		}
	}
	if wait > 0 {
		w.alarm = time.AfterFunc(wait, w.sweep)
	}
	w.mu.Unlock()
	tellAll(gone)
}

// Close closes the connection. Nothing more can be read or written, so every stream has
// ended.
func (w *wire) Close() error {
	err := w.Conn.Close()
	w.finish()
	return err
}

// finish ends every stream.
func (w *wire) finish() {
	var gone *stream
	w.mu.Lock()
	w.closed = true
	if w.alarm != nil {
		w.alarm.Stop()
		w.alarm = nil
	}
	for number := range w.streams {
		gone = w.endLocked(number, false, gone)
	}
	w.mu.Unlock()
	tellAll(gone)
}
