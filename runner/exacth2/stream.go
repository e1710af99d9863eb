package exacth2

import (
	"context"
	"net/http"
	"time"
)

// stream is one request and its response. It is the request's context, too.
type stream struct {
	context.Context
	server *http.Server // that the request came to
	wire   *wire
	number uint32 // 0: not known

	// What follows is guarded by wire.mu.
	over     bool             // the response has ended
	whole    bool             // how it has ended
	first    func(whole bool) // called at the end; nil: notify was not called
	others   []func(whole bool)
	returned time.Time // when the handler did; zero: it has not
	next     *stream   // that has ended with this one
}

// Value implements [context.Context]. It returns the user's server in place of the
// private one.
func (s *stream) Value(key any) any {
	if key == http.ServerContextKey {
		return s.server
	}
	return s.Context.Value(key)
}

// String implements [fmt.Stringer]: fmt would read what others write.
func (s *stream) String() string { return "exacth2.stream" }

// notify is what the runner finds in the request's context.
func (s *stream) notify(done func(whole bool)) bool {
	s.wire.mu.Lock()
	defer s.wire.mu.Unlock()
	switch {
	case s.over:
		return false
	case s.first == nil:
		s.first = done
	default:
		s.others = append(s.others, done)
	}
	return true
}

// tell calls what notify has registered. The stream has ended, so nothing writes its
// fields any more, and tell needs no lock. It runs on the goroutine that reads, writes or
// closes the connection. It holds up no frame: the runner has observers, gates and callbacks
// called on other goroutines.
func (s *stream) tell() {
	if s.first == nil {
		return
	}
	s.first(s.whole)
	for _, done := range s.others {
		done(s.whole)
	}
	s.first, s.others = nil, nil
}
