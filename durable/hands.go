package durable

import "sync"

// hands are goroutines that run attempts. An attempt has a goroutine other than River's, because runtime.Goexit
// in a task must not end that one. They are used again, because the stack of a new one has to grow: an attempt that does
// nothing takes 13 µs of processor time on these, and 22 on a new one.
type hands struct {
	mu     sync.Mutex
	idle   []chan func() // guarded by mu: the one that was used last is used next
	closed bool          // guarded by mu
}

// maxIdle bounds the goroutines that wait for an attempt.
const maxIdle = 100

// run runs f on a goroutine, which f may end.
func (h *hands) run(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.idle); n > 0 {
		h.idle[n-1] <- f
		h.idle[n-1] = nil
		h.idle = h.idle[:n-1]
		return
	}
	next := make(chan func(), 1)
	next <- f
	go h.loop(next)
}

// loop runs one after another, until there are enough idle ones.
func (h *hands) loop(next chan func()) {
	for f := range next {
		f()
		if !h.wait(next) {
			return
		}
	}
}

func (h *hands) wait(next chan func()) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.idle) >= maxIdle {
		return false
	}
	h.idle = append(h.idle, next)
	return true
}

// close ends those that are idle, and the others when they are done.
func (h *hands) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, next := range h.idle {
		close(next)
	}
	h.idle = nil
}
