package durable

// hands are the goroutines on which attempts run, apart from River's: runtime.Goexit in a task ends
// one of them, and not River's. A hand that is free takes the next attempt, so its stack need not grow again.
// Free ones stay until end, so there are about as many as attempts have run at once.
type hands struct {
	free chan func()   // to a hand that is free
	done chan struct{} // closed by end
}

func newHands() *hands { return &hands{free: make(chan func()), done: make(chan struct{})} }

// run has a hand run f, and does not wait.
func (h *hands) run(f func()) {
	select {
	case h.free <- f:
	default:
		go h.work(f)
	}
}

func (h *hands) work(f func()) {
	for {
		f()
		select {
		case f = <-h.free:
		case <-h.done:
			return
		}
	}
}

// end ends the hands that are free, and the others when they are.
func (h *hands) end() { close(h.done) }
