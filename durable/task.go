package durable

import (
	"context"
	"reflect"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Options say how the tasks of one name are run. The zero value is ready for use.
type Options struct {
	// Timeout is how long each attempt may run.
	// 0: 30 s, as runner.Config.Timeout; negative: no timeout.
	Timeout time.Duration

	// MaxAttempts is how often a task is run in all, before it is a dead letter. An
	// attempt that a crash has ended counts; one that Shutdown has interrupted does not.
	// 0: 10.
	MaxAttempts int

	// Backoff is how long a task waits after its n-th failed attempt. The wait is
	// precise to about five seconds, as the leader looks for due tasks so often; less
	// than that starts at once. An error that is marked with runner.RetryIn says itself
	// how long.
	// nil: runner.Exponential(time.Second, time.Hour).
	Backoff runner.Backoff

	// Queue is the queue that tasks of this name wait in, unless [OnQueue] says
	// otherwise. Its name has letters, digits, and _ or - between them.
	// Empty: "default".
	Queue string

	// Priority orders the tasks of a queue that are due: 1 goes first, 4 last.
	// 0: 1.
	Priority int
}

const (
	defaultTimeout     = 30 * time.Second
	defaultMaxAttempts = 10
	defaultQueue       = "default"
)

var defaultBackoff = runner.Exponential(time.Second, time.Hour)

// Task is a named function with a typed payload: what [Define] returns.
type Task[In any] struct {
	definition

	fn func(context.Context, In) error
}

// Definition is any [Task], whatever its payload is.
type Definition interface {
	// Name returns the task's name.
	Name() string

	defined() *definition
	// prepare decodes the payload, and returns the function to be run.
	prepare(payload []byte) (func(context.Context) error, error)
}

// definition is what a Task has that does not depend on its payload.
type definition struct {
	name    string
	options Options
	err     error   // that Open and Enqueue return; nil: none
	entry   uintptr // where the code of the function begins; 0: nil
}

// Define returns a task. It is meant for a package variable, so it never fails: a name
// or an option that cannot be used is an error of Open, and of each Enqueue.
//
// The name tells the task from others, in the database as well: a task that waits under
// a name that no process knows stays where it is. It has 2 to 100 bytes: letters, digits, and . _ - between
// them, as in "order.receipt". In is encoded as JSON.
func Define[In any](name string, o Options, fn func(ctx context.Context, in In) error) *Task[In] {
	t := &Task[In]{definition: definition{name: name, options: o}, fn: fn}
	t.err = t.validate(fn == nil)
	t.options, t.entry = o.withDefaults(), reflect.ValueOf(fn).Pointer()
	return t
}

// Name returns the task's name.
func (t *definition) Name() string { return t.name }

func (t *definition) defined() *definition { return t }

// With returns one task to be enqueued, for [Queue.EnqueueAll], [AfterAll] and
// [Periodic].
func (t *Task[In]) With(in In, opts ...EnqueueOption) Item {
	i := Item{task: &t.definition, err: t.err}
	if i.err == nil {
		i.payload, i.err = encode(t.name, in)
	}
	for _, o := range opts {
		o.apply(&i)
	}
	return i
}

// Enqueue puts the task into the database. To is a [Queue], or a transaction as
// [TxQueue.Tx] returns it.
//
// With a Queue, the task is on disk when the error is nil. Any other error promises nothing:
// the task may exist, so try again with [Unique]. With a transaction, the task exists if
// and only if the transaction commits; after an error, roll the transaction back.
func (t *Task[In]) Enqueue(ctx context.Context, to Enqueuer, in In, opts ...EnqueueOption) (Enqueued, error) {
	return enqueueOne(ctx, to, t.With(in, opts...))
}

// After enqueues the task after the response: it is an after-callback of
// the runner that ctx comes from (see [runner.After]), with the name of the task. It is best effort until the
// callback has run: a process that dies before loses it. The callback
// tries three times. It is an error if ctx has no scope, or if the runner is full.
func (t *Task[In]) After(ctx context.Context, to Enqueuer, in In, opts ...EnqueueOption) error {
	return afterAll(ctx, t.name, to, []Item{t.With(in, opts...)}, caller())
}

func (t *Task[In]) prepare(payload []byte) (func(context.Context) error, error) {
	var in In
	if err := decode(t.name, payload, &in); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return t.fn(ctx, in) }, nil
}

// withDefaults replaces each zero field by what it stands for.
func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = defaultMaxAttempts
	}
	if o.Backoff == nil {
		o.Backoff = defaultBackoff
	}
	if o.Queue == "" {
		o.Queue = defaultQueue
	}
	if o.Priority == 0 {
		o.Priority = 1
	}
	return o
}
