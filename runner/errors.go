package runner

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// Errors that After, Go and Do return. ErrNoScope, ErrInvalidName and ErrNilFunc
// are mistakes in the call: no callback was asked for. They are counted
// per process ([Misuses]), and logged once for each line that makes them. The
// others reject a callback, which is counted as [OutcomeRejected].
var (
	// ErrNoScope: the context comes from no Middleware or Scope of the runner,
	// nor is it that of one of its callbacks, so there is nothing to run after.
	ErrNoScope = errors.New("runner: no scope in the context: wrap the handler in Middleware and pass the context of its request (in gin, c.Request.Context()), open a Scope, or use Go")
	// ErrInvalidName: a name is 1 to 100 bytes of printable ASCII without
	// spaces, such as "order.email".
	ErrInvalidName = errors.New("runner: invalid callback name: use 1 to 100 bytes of printable ASCII without spaces, as in order.email")
	// ErrNilFunc: there is no function to run.
	ErrNilFunc = errors.New("runner: nil callback: give After, Go or Do a function to run")

	// ErrClosed: Shutdown has been called.
	ErrClosed = errors.New("runner: closed: Shutdown has been called: answer 503")
	// ErrQueueFull: as many callbacks wait for a worker as Config.Queue allows. A handler
	// that must not lose the work answers 503 Service Unavailable.
	ErrQueueFull = errors.New("runner: queue full: answer 503, raise Config.Queue, or choose another Config.Overflow")
	// ErrReservedFull: too many callbacks, of this name or of all names, wait for open
	// responses. It matches ErrQueueFull, as the next two errors do.
	ErrReservedFull error = fullError("runner: no place for another callback of this name that waits for an open response: answer 503, or raise Config.MaxReserved")
	// ErrHeldFull: too many callbacks, of this name or of all names, wait for their
	// share of Config.Limits.
	ErrHeldFull error = fullError("runner: no place for another callback that waits for the limit of its name: answer 503, or raise Config.Limits or Config.MaxHeld")
	// ErrPausedFull: too many callbacks, of this name or of all names, wait for their
	// next attempt.
	ErrPausedFull error = fullError("runner: no place for another callback of this name with Retry, as too many wait for their next attempt: use fewer attempts, or raise Config.MaxPaused")
	// ErrMaxWait: under [Block], no place became free in time. It wraps
	// ErrQueueFull.
	ErrMaxWait = fmt.Errorf("runner: no place became free within the time of Block: %w", ErrQueueFull)
	// ErrStuck: Config.MaxStuck callbacks ignore their contexts, and none of their
	// workers can be given back.
	ErrStuck = errors.New("runner: too many callbacks are stuck past their deadline: make them heed their context; Observer.Stuck and the log say where they hang")
	// ErrNested: under [Block], a callback asked for another one and the queue was
	// full: it may not wait. It wraps ErrQueueFull.
	ErrNested = fmt.Errorf("runner: a callback may not wait for a place: %w", ErrQueueFull)
)

// fullError is the error for a kind of places that is full. It matches ErrQueueFull, and
// does not repeat its advice.
type fullError string

func (e fullError) Error() string        { return string(e) }
func (e fullError) Is(target error) bool { return target == ErrQueueFull }

// Causes, as [context.Cause] of a callback's context reports them, and errors
// that [FinishedInfo] carries.
var (
	// ErrTimeout: the callback's own deadline has passed. It matches
	// [context.DeadlineExceeded] as well.
	ErrTimeout = fmt.Errorf("runner: callback timed out: %w", context.DeadlineExceeded)
	// ErrShutdown: the drain gave up waiting. It is the cause of a canceled
	// callback and the error of a dropped or abandoned one.
	ErrShutdown = errors.New("runner: shut down before the callback had ended")
	// ErrEvicted: [DropOldest] gave the callback's place to a newer one.
	ErrEvicted = errors.New("runner: evicted from a full queue by a newer callback")
	// ErrGoexit: the callback ended its goroutine with runtime.Goexit.
	ErrGoexit = errors.New("runner: callback called runtime.Goexit")
)

// ErrResponseDone is what the methods of a handler's ResponseWriter return when the
// response is over (see [Runner.Middleware]): a callback must not use the writer.
var ErrResponseDone = errors.New("runner: the response is over: a callback cannot write to it")

// PanicError is the error of a callback that panicked.
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // the panicking goroutine's stack, as debug.Stack formats it
}

// Error returns the panic's value in words, without the stack. As with the Go
// runtime's own report, that is the text of an error, a fmt.Stringer, a string
// or a number; of another value only the type is told, as it may be endless.
func (e *PanicError) Error() string {
	switch reflect.ValueOf(e.Value).Kind() {
	case reflect.Array, reflect.Chan, reflect.Func, reflect.Interface, reflect.Map, reflect.Pointer, reflect.Slice, reflect.Struct, reflect.UnsafePointer:
		switch e.Value.(type) {
		case error, fmt.Stringer:
		default:
			return fmt.Sprintf("runner: callback panicked: (%T)", e.Value)
		}
	}
	return fmt.Sprintf("runner: callback panicked: %v", e.Value)
}

// Unwrap returns the panic's value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}
