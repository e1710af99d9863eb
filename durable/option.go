package durable

import (
	"strings"
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

// In makes the task due after d, which is now if d is negative. The wait is precise to about five seconds, as the leader
// looks for due tasks so often.
func In(d time.Duration) EnqueueOption {
	return EnqueueOption{func(o *enqueueOptions) { o.in, o.at = d, time.Time{} }}
}

// At makes the task due at t, as [In] does. A time that is over means at once. t is before the year 10000.
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
	ref = cutRef(strings.ReplaceAll(strings.ToValidUTF8(cutRef(ref), string(utf8.RuneError)), "\x00", "")) // Postgres takes no NUL byte
	return EnqueueOption{func(o *enqueueOptions) { o.ref = ref }}
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
