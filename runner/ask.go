package runner

import (
	"context"
	"fmt"
	"runtime"
)

// After asks for fn to be run after the response of the request that ctx
// belongs to, by the runner whose [Runner.Middleware] or [Runner.Scope] is the
// innermost in ctx. It returns at once, except under [Block]. nil means that fn is
// accepted: it will run, or Shutdown's Report names it.
//
// After works in callbacks too, to any depth. Called when the response is
// already done, there or in a goroutine that outlives its handler, it makes
// fn due at once.
//
// The name is constant and tells callbacks apart in metrics, spans and logs.
//
// fn's context has the values of ctx, but not its cancellation or deadline. It
// is canceled when the callback's own timeout has passed (cause [ErrTimeout]),
// when Shutdown gives up waiting (cause [ErrShutdown]), and after fn has
// returned. After takes the scope, the request and the pprof labels from ctx
// before it returns. It reads other values when fn asks for them: if a web
// framework uses ctx again for another request, fn gets that request's values.
//
// The errors are [ErrNoScope], [ErrInvalidName] and [ErrNilFunc] for a mistake
// in the call, and [ErrQueueFull], [ErrReservedFull], [ErrHeldFull], [ErrPausedFull],
// [ErrMaxWait], [ErrNested], [ErrStuck] and [ErrClosed] for a rejected callback. All of
// the latter but ErrStuck and ErrClosed match ErrQueueFull. If ctx ends while After waits
// under [Block], the error matches ErrQueueFull and ctx's cause.
func After(ctx context.Context, name string, fn func(context.Context) error, opts ...Option) error {
	from := originOf(ctx)
	r, s := from.asked()
	if r == nil {
		return misused(MisuseNoScope, name, ErrNoScope, opts...)
	}
	return r.ask(ctx, from, s, r.callerOf(ctx), Call{name, fn, opts})
}

// After is the same as the function [After], for this runner out of several
// whose scopes ctx has.
func (r *Runner) After(ctx context.Context, name string, fn func(context.Context) error, opts ...Option) error {
	from := originOf(ctx)
	s := from.scopeOf(r)
	if s == nil {
		return misused(MisuseNoScope, name, fmt.Errorf("%w: none of runner %q", ErrNoScope, r.cfg.Name), opts...)
	}
	return r.ask(ctx, from, s, r.callerOf(ctx), Call{name, fn, opts})
}

// Go asks for fn to be run now: it is due at once, whatever ctx belongs to.
// All else is as with [After].
//
// If a callback asks for its successor without end, as a poller does, give Go a
// context of its own: with the callback's context, what observers put into the
// values of each stays reachable from the next.
func (r *Runner) Go(ctx context.Context, name string, fn func(context.Context) error, opts ...Option) error {
	return r.ask(ctx, originOf(ctx), r.detached, r.callerOf(ctx), Call{name, fn, opts})
}

// Call is a callback to be asked for, with what [After] takes as its arguments.
type Call struct {
	Name    string
	Func    func(context.Context) error
	Options []Option
}

// AfterAll asks for several callbacks as [After] does for one, and either all of
// them are accepted or none: a handler that answers 503 has not promised half of
// its work. If one is rejected, or its call is a mistake, the error says so for
// all of them. Without calls it does nothing.
//
// Under [Block] it waits until the queue has a place for each of them. Under
// [DropOldest] it evicts nothing: the callbacks evict others when they become due.
// More calls than Config.Queue has places never fit.
func AfterAll(ctx context.Context, calls ...Call) error {
	from := originOf(ctx)
	r, s := from.asked()
	if r == nil {
		return misused(MisuseNoScope, "", ErrNoScope, optionsOf(calls)...)
	}
	return r.ask(ctx, from, s, r.callerOf(ctx), calls...)
}

// AfterAll is the same as the function [AfterAll], for this runner out of several
// whose scopes ctx has.
func (r *Runner) AfterAll(ctx context.Context, calls ...Call) error {
	from := originOf(ctx)
	s := from.scopeOf(r)
	if s == nil {
		return misused(MisuseNoScope, "", fmt.Errorf("%w: none of runner %q", ErrNoScope, r.cfg.Name), optionsOf(calls)...)
	}
	return r.ask(ctx, from, s, r.callerOf(ctx), calls...)
}

// optionsOf returns the options of the first call.
func optionsOf(calls []Call) []Option {
	if len(calls) == 0 {
		return nil
	}
	return calls[0].Options
}

// callerOf returns the line that called the exported function which calls
// callerOf, if an observer wants to know it; otherwise 0.
func (r *Runner) callerOf(ctx context.Context) uintptr {
	if r.hooks.wantsCaller == nil || !r.hooks.callerWanted(ctx) {
		return 0
	}
	var pcs [1]uintptr
	runtime.Callers(3, pcs[:])
	return pcs[0]
}

// ask takes callbacks the whole way from the call to their scope or the queue.
func (r *Runner) ask(ctx context.Context, from origin, s *scope, caller uintptr, calls ...Call) error {
	var few [4]*task
	tasks := few[:0]
	if len(calls) == 0 {
		return nil
	}
	for i := range calls {
		c := &calls[i]
		if err := c.check(); err != nil {
			return err
		}
		t := r.newTask(ctx, from, s, c.Name, c.Func, c.Options)
		if caller != 0 {
			t.caller = callerIn(c.Options, caller)
		}
		if s == r.detached && t.policy != nil && t.policy.once != nil {
			return misused(MisuseNoScope, c.Name, fmt.Errorf("%w: Once needs one", ErrNoScope), c.Options...)
		}
		tasks = append(tasks, t)
	}
	s.concludeLate()
	defer s.awaitServer() // also if an observer calls runtime.Goexit
	return r.admit(ctx, from, tasks)
}

func (c *Call) check() error {
	if c.Func == nil {
		return misused(MisuseNilFunc, c.Name, fmt.Errorf("%w: %.100q", ErrNilFunc, c.Name), c.Options...)
	}
	if !validName(c.Name) {
		return misused(MisuseInvalidName, c.Name, fmt.Errorf("%w: got %.100q", ErrInvalidName, c.Name), c.Options...)
	}
	return nil
}

// origin is where a context comes from: the innermost scope that it is in, and
// the callback that it belongs to.
type origin struct {
	scope    *scope           // nil: none
	callback *callbackContext // nil: none
}

// asked returns the runner and the scope that After asks with this origin. The
// runner is nil if there is none.
func (o origin) asked() (*Runner, *scope) {
	switch {
	case o.scope != nil:
		return o.scope.runner, o.scope
	case o.callback != nil:
		r := o.callback.runner
		return r, r.detached
	default:
		return nil, nil
	}
}

// scopeOf returns the innermost scope of r, nil if there is none.
func (o origin) scopeOf(r *Runner) *scope {
	for s := o.scope; s != nil; s = s.outer {
		if s.runner == r {
			return s
		}
	}
	if o.callback != nil && o.callback.runner == r {
		return r.detached
	}
	return nil
}

// originKey is the key by which contexts of this package say what they are.
type originKey struct{}

// originOf finds the origin of ctx with one look at its values.
func originOf(ctx context.Context) origin {
	if ctx == nil {
		panic("runner: nil Context")
	}
	switch v := ctx.Value(originKey{}).(type) {
	case *scope:
		return origin{v, v.callback}
	case *callbackContext:
		return origin{v.scope, v}
	default:
		return origin{}
	}
}
