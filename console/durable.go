package console

import (
	"context"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Durable is a set of queues that outlive the process, as functions that read them. Each
// call gets a context with a timeout. Calls may be concurrent. A function that panics
// or fails costs its part of the page.
type Durable struct {
	// Name tells it from others on the page.
	Name string

	// Snapshot returns what this process' workers count, for the overview.
	// nil: the overview has no row for them.
	Snapshot func() runner.Snapshot

	// Queues returns depth and age by state. It is called at most once in two seconds,
	// and only while somebody looks.
	Queues func(ctx context.Context) ([]DurableQueue, error)

	// Groups returns the dead letters, grouped by how they failed.
	// nil: the page has none.
	Groups func(ctx context.Context) (DeadGroups, error)

	// Letters returns the dead letters of a group, newest first, a page at a time.
	// after is DeadLetters.Next of the page before; empty: the first page.
	// nil: groups cannot be opened.
	Letters func(ctx context.Context, group, after string, limit int) (DeadLetters, error)

	// Retry has dead letters run again: those of a group, or one task. It may stop
	// before the end of a large group and report that there are more.
	// nil: nothing can be retried.
	Retry func(ctx context.Context, group, task string) (changed int, more bool, err error)
}

// DurableQueue is one queue.
type DurableQueue struct {
	Name   string `json:"name"`
	Paused bool   `json:"paused,omitempty"`

	// States are in the order in which a task passes them.
	States []DurableState `json:"states"`
}

// DurableState is how many tasks of a queue are in a state.
type DurableState struct {
	State string        `json:"state"`  // "due", "running", "dead", …
	Count int           `json:"count"`  // tasks, up to what the queue counts
	More  bool          `json:"more"`   // there are as many or more
	Age   time.Duration `json:"age_ns"` // of the oldest; 0: none, or not known
}

// DeadGroups is the dead letters, grouped.
type DeadGroups struct {
	Groups []DeadGroup `json:"groups"` // the largest first
	Looked int         `json:"looked"` // dead letters that were looked at, the newest
	More   bool        `json:"more"`   // there are older ones
}

// DeadGroup is dead letters that failed in the same way.
type DeadGroup struct {
	ID    string    `json:"id"`
	Name  string    `json:"name"`  // of the tasks
	Error string    `json:"error"` // of the newest
	Count int       `json:"count"` // among those that were looked at
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

// DeadLetters is a page of dead letters.
type DeadLetters struct {
	Tasks []DeadLetter `json:"tasks"`
	Next  string       `json:"next,omitempty"` // empty: there are no more
}

// DeadLetter is a task that will not run again by itself.
type DeadLetter struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Queue    string    `json:"queue"`
	Ref      string    `json:"ref,omitempty"`
	TraceID  string    `json:"trace_id,omitempty"`
	Attempts int       `json:"attempts"`
	Enqueued time.Time `json:"enqueued"`
	Ended    time.Time `json:"ended"`
	Error    string    `json:"error"`              // of the last attempt
	Stack    string    `json:"stack,omitempty"`    // of a panic
	Function string    `json:"function,omitempty"` // that the task runs, with its file and line; empty: not known
	Payload  string    `json:"payload,omitempty"`
}
