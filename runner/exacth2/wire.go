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

// wire is what the private server reads and writes. It has the methods of net.Conn only, so
// that net/http takes it for a connection without TLS.
type wire struct {
	net.Conn
	ahead    string // to be read before what the connection has
	followed bool   // of another server than net/http: see Follow

	mu      sync.Mutex // guards what follows, and the streams
	in, out frames
	streams map[uint32]*stream // that have begun, and whose responses have not ended; nil: its handler has not begun
	newest  uint32             // stream that the client has begun
	leaving bool               // GOAWAY has been written, so net/http ignores newer streams
	early   resets             // before handlers have begun; of a followed wire, before they have returned
	running int                // handlers of a followed wire that have begun, and have not returned
	writing bool               // Write has been called, and has not returned
	closing bool               // Close has been called, so no write begins
	closed  bool               // every stream has ended
	alarm   *time.Timer        // ends streams that last too long after their handlers; nil: none has
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

// followRead notes the streams that the client has begun with p, and ends those that it has
// reset.
func (w *wire) followRead(p []byte) {
	var gone *stream
	w.mu.Lock()
	for ended := false; len(p) > 0; {
		if p, ended = w.in.next(p); !ended {
			continue
		}
		switch number := w.in.stream(); w.in.kind() {
		case frameHeaders:
			w.beginLocked(number)
		case frameResetStream:
			gone = w.resetLocked(number, gone)
		}
	}
	w.mu.Unlock()
	tellAll(gone)
}

// Write is called by one goroutine at a time.
func (w *wire) Write(p []byte) (int, error) {
	if !w.beginWrite() {
		return 0, net.ErrClosed
	}
	n, err := w.Conn.Write(p)
	w.followWritten(p[:n])
	return n, err
}

// beginWrite reports whether a write may begin.
func (w *wire) beginWrite() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writing = !w.closing
	return w.writing
}

// followWritten ends the streams that end with p, which the kernel has. The write has
// returned.
func (w *wire) followWritten(p []byte) {
	var gone *stream
	w.mu.Lock()
	w.writing = false
	for ended := false; len(p) > 0; {
		if p, ended = w.out.next(p); !ended {
			continue
		}
		switch number := w.out.stream(); {
		case w.out.endsStream():
			gone = w.endLocked(number, true, gone)
		case w.out.kind() == frameResetStream:
			gone = w.resetLocked(number, gone)
		case w.out.kind() == framePushPromise:
			w.promiseLocked(w.out.promised())
		case w.out.kind() == frameGoAway:
			w.leaving = !w.followed // others announce the end of a connection, and still take streams
		}
	}
	closing := w.closing
	w.mu.Unlock()
	tellAll(gone)
	if closing { // this was the last write
		w.finish()
	}
}

// beginLocked notes that the client has begun a stream. HEADERS of an older stream are
// trailers. Clients have the odd numbers.
func (w *wire) beginLocked(number uint32) {
	if number > w.newest && number%2 == 1 && !w.leaving {
		w.newest = number
		w.streams[number] = nil
	}
}

// promiseLocked notes that a pushed stream has begun. Its handler may have begun before.
func (w *wire) promiseLocked(number uint32) {
	if _, begun := w.streams[number]; !begun {
		w.streams[number] = nil
	}
}

// endLocked ends a stream, and puts it at the head of the list gone. If its handler has not
// begun, net/http itself has answered, and the handler never begins.
func (w *wire) endLocked(number uint32, whole bool, gone *stream) *stream {
	s := w.streams[number]
	delete(w.streams, number)
	if s == nil {
		return gone
	}
	s.over, s.whole = true, whole
	s.next = gone
	return s
}

// resetLocked is endLocked for a stream that was reset, by either side. Its handler may
// not have begun. A stream that has ended can be reset, too: net/http does so when it has not
// read the whole request. That means nothing.
func (w *wire) resetLocked(number uint32, gone *stream) *stream {
	if s, open := w.streams[number]; open && s == nil {
		w.early.add(number, maxEarly+w.running)
	}
	return w.endLocked(number, false, gone)
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
	if w.early.take(s.number) || w.closed {
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
	w.awakeLocked()
}

// awakeLocked sets the alarm, as a handler has returned before its response has ended.
func (w *wire) awakeLocked() {
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
		if s == nil || s.returned.IsZero() {
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

// Close closes the connection. Every stream has ended when nothing more can be written. That
// is now, unless a write is under way. Then it is when that write has returned, or when the
// connection is closed. The connection's own Close may take seconds: a *tls.Conn sends an
// alert.
func (w *wire) Close() error {
	w.mu.Lock()
	w.closing = true
	writing := w.writing
	w.mu.Unlock()
	if !writing {
		w.finish()
	}
	err := w.Conn.Close()
	w.finish()
	return err
}

// finish ends every stream that has not ended.
func (w *wire) finish() {
	var gone *stream
	w.mu.Lock()
	w.closed = true
	if w.alarm != nil {
		w.alarm.Stop()
		w.alarm = nil
	}
	for number, s := range w.streams {
		if s == nil && w.followed {
			w.early.add(number, maxEarly+w.running)
		}
		gone = w.endLocked(number, false, gone)
	}
	w.mu.Unlock()
	tellAll(gone)
}
