package conformance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/afterglow-go/afterglow/runner"
)

var errFailed = errors.New("the handler has failed")

// responseCases are about when callbacks start, for every kind of server.
var responseCases = []kase{
	{"responses of many sizes", nil, manySizes},
	{"last bytes held up on the connection", nil, heldUp},
	{"streams with Flush", []Capability{Streaming}, streams},
	{"handler fails", []Capability{Statuses}, fails},
	{"handler panics before it writes", []Capability{Panicking}, func(e *env) { panics(e, false) }},
	{"handler panics half-way", []Capability{Panicking, Streaming}, func(e *env) { panics(e, true) }},
	{"client leaves before the callback is asked for", []Capability{Leaving}, leavesBefore},
	{"client leaves during the response", []Capability{Leaving, Streaming}, leavesDuring},
	{"client leaves after the response", nil, leavesAfter},
	{"response waits for no callback", []Capability{Overlapping}, waitsForNone},
}

func (e *env) must(response string, err error) string {
	e.Helper()
	if err != nil {
		e.Fatalf("the request has failed: %v", err)
	}
	return response
}

// The sizes lie on both sides of net/http's buffers.
func manySizes(e *env) {
	r := e.runner(runner.Config{})
	client := e.serve(e.watch(func(c Call) error {
		var size int
		if _, err := fmt.Sscan(c.Request, &size); err != nil {
			return err
		}
		return c.Write([]byte(strings.Repeat("x", size)))
	}), r)
	for i := range 60 {
		size := [...]int{0, 1, 2000, 2048, 4090, 5000, 100_000}[i%7]
		if got := e.must(client(e.Context(), fmt.Sprint(size))); len(got) != size {
			e.Fatalf("%d bytes have come of %d", len(got), size)
		}
		e.promise()
	}
}

// The connection takes no byte until it is let go, so a callback that starts
// before has not waited for the kernel.
func heldUp(e *env) {
	r := e.runner(runner.Config{})
	var last *hold
	held := make(chan *hold, 1)
	client := e.serve(e.watch(func(c Call) error {
		err := c.Write([]byte("hello"))
		if c.Request == "held" {
			last = e.meter.hold()
			held <- last
		}
		return err
	}), r)
	e.must(client(e.Context(), "free"))
	e.promise()

	answer := make(chan error, 1)
	go func() {
		_, err := client(e.Context(), "held")
		answer <- err
	}()
	h := receive(e, held)
	defer h.letGo()
	receive(e, h.entered)
	if e.server.Exact {
		// The goroutine that releases is the one that is held up.
		if s := r.Stats(); s.Reserved != 1 {
			e.Errorf("the callback is due before its response has left: %+v", s)
		}
		e.none("before its response had left")
		h.letGo()
	} else {
		e.eventually("the callback has started, or the response must leave first", func() bool { return len(e.starts) == 1 })
		e.note = "not held up"
		h.letGo()
	}
	if err := receive(e, answer); err != nil {
		e.Error(err)
	}
	e.promise()
}

func streams(e *env) {
	r := e.runner(runner.Config{})
	client := e.serve(e.watch(func(c Call) error {
		for range 5 {
			if err := errors.Join(c.Write([]byte(strings.Repeat("x", 100))), c.Flush()); err != nil {
				return err
			}
			if s := r.Stats(); s.Reserved != 1 {
				e.Errorf("the callback is due while its handler streams: %+v", s)
			}
		}
		return c.Write([]byte("end"))
	}), r)
	for range 20 {
		if got := e.must(client(e.Context(), "")); len(got) != 503 {
			e.Fatalf("%d bytes have come", len(got))
		}
		e.promise()
	}
}

func fails(e *env) {
	r := e.runner(runner.Config{})
	client := e.serve(e.watch(func(Call) error { return errFailed }), r)
	for range 10 {
		if _, err := client(e.Context(), ""); err == nil {
			e.Error("the client sees no failure")
		}
		if s := e.promise(); s.request.Succeeded() {
			e.Error("the frozen request says that it has succeeded")
		}
	}
}

func panics(e *env, late bool) {
	r := e.runner(runner.Config{})
	client := e.serve(e.watch(func(c Call) error {
		if late {
			if err := errors.Join(c.Write([]byte("half")), c.Flush()); err != nil {
				e.Error(err)
			}
		}
		panic("the handler has panicked")
	}), r)
	for range 5 {
		if _, err := client(e.Context(), ""); err == nil {
			e.Error("the client sees no failure")
		}
		s := e.promise()
		if s.request.Succeeded() {
			e.Error("the frozen request says that it has succeeded")
		}
		if s.request.Method != "" && !s.request.Panicked {
			e.Error("the frozen request says that its handler has not panicked")
		}
	}
}

func leavesBefore(e *env) {
	r := e.runner(runner.Config{})
	entered := make(chan struct{})
	client := e.serve(func(c Call) error {
		close(entered)
		<-c.Context.Done()
		return e.watch(func(Call) error { return nil })(c)
	}, r)
	ctx, leave := context.WithCancel(e.Context())
	go func() { <-entered; leave() }()
	if _, err := client(ctx, ""); err == nil {
		e.Error("the client has left and yet got an answer")
	}
	e.promiseLeft()
}

func leavesDuring(e *env) {
	r := e.runner(runner.Config{})
	flushed := make(chan struct{})
	client := e.serve(e.watch(func(c Call) error {
		if err := errors.Join(c.Write([]byte("half")), c.Flush()); err != nil {
			e.Error(err)
		}
		close(flushed)
		<-c.Context.Done()
		// The kernel takes some more: a client that has left looks like one that has
		// closed its own half only, until a write fails.
		more := []byte(strings.Repeat("x", 32<<10))
		for range 1000 {
			if err := errors.Join(c.Write(more), c.Flush()); err != nil {
				return err
			}
		}
		return nil
	}), r)
	ctx, leave := context.WithCancel(e.Context())
	go func() { <-flushed; leave() }()
	if _, err := client(ctx, ""); err == nil {
		e.Error("the client has left and yet got an answer")
	}
	if s := e.promiseLeft(); s.request.Method != "" && !s.request.Aborted {
		e.Error("the frozen request says that its client has stayed")
	}
}

func leavesAfter(e *env) {
	r := e.runner(runner.Config{})
	stay, ended := make(chan struct{}), make(chan error, 1)
	client := e.serve(e.watch(func(c Call) error {
		return runner.After(c.Context, "stay", func(ctx context.Context) error {
			<-stay
			ended <- ctx.Err()
			return nil
		})
	}), r)
	ctx, leave := context.WithCancel(e.Context())
	e.must(client(ctx, ""))
	leave()
	close(stay)
	if err := receive(e, ended); err != nil {
		e.Errorf("the client's leaving has reached the callback: %v", err)
	}
	e.promise()
}

func waitsForNone(e *env) {
	r := e.runner(runner.Config{Workers: 1, Queue: 1})
	hang := make(chan struct{})
	defer close(hang)
	client := e.serve(func(c Call) error {
		// Later ones are rejected: that must not take time either.
		_ = runner.After(c.Context, "hang", func(context.Context) error { <-hang; return nil })
		return c.Write([]byte("done"))
	}, r)
	for range 5 {
		if got := e.must(client(e.Context(), "")); got != "done" {
			e.Errorf("got %q", got)
		}
	}
}
