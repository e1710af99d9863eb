package durable

import (
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"
)

// EnqueueOption changes one task. Options are values, and the same one may be used many times. Of
// several of the same kind the last one counts. The zero EnqueueOption does nothing.
type EnqueueOption struct {
	set func(*enqueueOptions)
}

func (o EnqueueOption) apply(i *Item) {
	if o.set != nil {
		o.set(&i.enqueueOptions)
	}
}

// enqueueOptions are what EnqueueOptions have said.
type enqueueOptions struct {
	unique   string
	isUnique bool
	in       time.Duration
	at       time.Time
	priority int
	queue    string
	ref      string
}

// Unique lets a task of this name and key exist once: if there is one that waits or
// runs, or one that has succeeded within [Retention].Done, Enqueue adds nothing and
// [Enqueued].Duplicate is true. So it is safe to enqueue again after an error. A canceled task and a
// dead letter do not count. A later attempt of a task keeps its key.
func Unique(key string) EnqueueOption {
	return EnqueueOption{func(o *enqueueOptions) { o.unique, o.isUnique = key, true }}
}

// In makes the task due after d. The wait is precise to about five seconds, as the leader
// looks for due tasks so often.
func In(d time.Duration) EnqueueOption {
	return EnqueueOption{func(o *enqueueOptions) { o.in, o.at = d, time.Time{} }}
}

// At makes the task due at t, as [In] does.
func At(t time.Time) EnqueueOption {
	return EnqueueOption{func(o *enqueueOptions) { o.at, o.in = t, 0 }}
}

// Priority overrides [Options].Priority: 1 goes first, 4 last.
func Priority(p int) EnqueueOption {
	return EnqueueOption{func(o *enqueueOptions) { o.priority = p }}
}

// OnQueue overrides [Options].Queue.
func OnQueue(name string) EnqueueOption {
	return EnqueueOption{func(o *enqueueOptions) { o.queue = name }}
}

// Ref is your own reference of this one task, such as "order 7", as [runner.Ref] is: it is on the span, in
// every log record, in [Info] and in the Report of a shutdown, and never in a metric.
func Ref(ref string) EnqueueOption {
	return EnqueueOption{func(o *enqueueOptions) { o.ref = cutRef(ref) }}
}

const (
	maxRef    = 100
	maxUnique = 500
)

// cutRef keeps as much of a reference as runner.Ref does.
func cutRef(ref string) string {
	if len(ref) <= maxRef {
		return ref
	}
	cut := maxRef
	for cut > maxRef-utf8.UTFMax && !utf8.RuneStart(ref[cut]) {
		cut--
	}
	return ref[:cut]
}

var (
	nameRE  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,98}[A-Za-z0-9]$`)
	queueRE = regexp.MustCompile(`^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$`)
)

const maxQueueName = 64

// validate reports what of a definition cannot be used, joined.
func (t *definition) validate(isNil bool) error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("durable: task %q: "+format, append([]any{t.name}, args...)...))
	}
	if !nameRE.MatchString(t.name) {
		fail("its name cannot be used: use 2 to 100 letters, digits, and . _ - between them, as in order.receipt")
	}
	if isNil {
		fail("it has no function: give Define one")
	}
	if t.options.MaxAttempts < 0 || t.options.MaxAttempts > maxAttempts {
		fail("Options.MaxAttempts is %d: use 0 for the default, or 1 to %d", t.options.MaxAttempts, maxAttempts)
	}
	if err := validQueue(t.options.Queue); t.options.Queue != "" && err != nil {
		fail("Options.Queue: %w", err)
	}
	if p := t.options.Priority; p < 0 || p > 4 {
		fail("Options.Priority is %d: use 0 for the default, or 1 (first) to 4 (last)", p)
	}
	return errors.Join(errs...)
}

const maxAttempts = 1000 // the database has 16 bits for it

func validQueue(name string) error {
	if len(name) > maxQueueName || !queueRE.MatchString(name) {
		return fmt.Errorf("the queue's name is %q: use 1 to %d letters, digits, and _ or - between them", name, maxQueueName)
	}
	return nil
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

// validate reports what of an item cannot be used, joined.
func (i *Item) validate() error {
	if i.task == nil {
		return errors.New("durable: an empty Item: make it with Task.With")
	}
	if i.err != nil {
		return i.err
	}
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("durable: task %s: "+format, append([]any{i.task.name}, args...)...))
	}
	if i.priority < 0 || i.priority > 4 {
		fail("Priority is %d: use 1 (first) to 4 (last)", i.priority)
	}
	if i.queue != "" {
		if err := validQueue(i.queue); err != nil {
			fail("OnQueue: %w", err)
		}
	}
	if len(i.unique) > maxUnique {
		fail("the key of Unique has %d bytes: use at most %d", len(i.unique), maxUnique)
	}
	return errors.Join(errs...)
}

// due returns when the task is due; zero: at once.
func (i *Item) due(now time.Time) time.Time {
	switch {
	case i.in > 0:
		return now.Add(i.in)
	case i.at.After(now):
		return i.at
	default:
		return time.Time{}
	}
}
