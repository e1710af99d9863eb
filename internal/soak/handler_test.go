package soak

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

const (
	databaseTime    = 5 * time.Millisecond
	callbacks       = 3 // of a request to the busy server
	callbackTimeout = 100 * time.Millisecond
	stuckAfter      = 100 * time.Millisecond
	// hangTime is how long a hanging callback is deaf: long enough that it must
	// have been found.
	hangTime = callbackTimeout + stuckAfter + 2*time.Second
)

var page = bytes.Repeat([]byte("Order placed successfully.\n"), 64)

// handler waits as for a database, asks for callbacks, and answers.
type handler struct{ asker }

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	pause(r.Context(), databaseTime)
	h.ask(r.Context())
	w.Write(page)
}

// asker asks for a request's callbacks.
type asker interface{ ask(ctx context.Context) }

type nobody struct{}

func (nobody) ask(context.Context) {}

// mix asks for callbacks of every kind.
type mix struct {
	runner *runner.Runner
	books  *books
	doing  sync.WaitGroup // goroutines that run Do
}

func (m *mix) ask(ctx context.Context) {
	for range callbacks {
		m.askOne(ctx)
	}
}

func (m *mix) askOne(ctx context.Context) {
	switch n := rand.IntN(100); {
	case n < 5:
		m.after(ctx, "soak.panic", func(context.Context) error { panic("soak: wanted") })
	case n < 10:
		m.after(ctx, "soak.hang", hang)
	case n < 15:
		m.after(ctx, "soak.timeout", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	case n < 19:
		m.after(ctx, "soak.error", func(context.Context) error { return errWanted })
	case n < 23:
		attempts := 0
		m.after(ctx, "soak.retry", func(context.Context) error {
			if attempts++; attempts < 3 {
				return errWanted
			}
			return nil
		}, runner.RetryBackoff(3, runner.Exponential(20*time.Millisecond, 200*time.Millisecond)))
	case n < 27:
		m.after(ctx, "soak.nest", func(ctx context.Context) error { m.after(ctx, "soak.wait", wait); return nil })
	case n < 28:
		m.after(ctx, "soak.goexit", func(context.Context) error { runtime.Goexit(); return nil })
	case n < 30:
		m.after(ctx, "soak.gated", wait, runner.When(func(r runner.Request) bool { return !r.Succeeded() }))
	case n < 34:
		m.after(ctx, "soak.merged", wait, runner.Coalesce("page"))
	case n < 38:
		m.after(ctx, "soak.limited", wait)
	case n < 39:
		m.do(ctx)
	case n < 43:
		m.two(ctx)
	default:
		m.after(ctx, "soak.wait", wait)
	}
}

// after asks, and counts what it was told.
func (m *mix) after(ctx context.Context, name string, fn func(context.Context) error, opts ...runner.Option) {
	m.books.answered(name, m.runner.After(ctx, name, fn, opts...))
}

// two asks for two callbacks, which are accepted together or not at all.
func (m *mix) two(ctx context.Context) {
	one := runner.Call{Name: "soak.wait", Func: wait}
	err := m.runner.AfterAll(ctx, one, one)
	m.books.answered(one.Name, err)
	m.books.answered(one.Name, err)
}

// do runs a callback on a goroutine of its own, which the request does not wait for.
func (m *mix) do(ctx context.Context) {
	m.doing.Go(func() {
		called := false
		err := m.runner.Do(context.WithoutCancel(ctx), "soak.do", func(ctx context.Context) error {
			called = true
			return wait(ctx)
		})
		if called {
			err = nil // what it returned is no answer to having asked
		}
		m.books.answered("soak.do", err)
	})
}

var errWanted = errors.New("soak: wanted")

// wait is a callback that waits as for I/O.
func wait(ctx context.Context) error {
	pause(ctx, 10*time.Millisecond+rand.N(20*time.Millisecond))
	return ctx.Err()
}

// hang is a callback that is deaf to its context.
func hang(context.Context) error {
	pause(context.Background(), hangTime)
	return nil
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
