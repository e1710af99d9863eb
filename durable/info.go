package durable

import (
	"encoding/json"
	"time"
)

// Info is one task in the database.
type Info struct {
	ID       int64
	Name     string
	Queue    string
	State    State
	Priority int
	Ref      string // as [Ref] gave it; empty: none
	TraceID  string // of the span that enqueued it; empty: none
	Payload  json.RawMessage

	Attempt     int // attempts that have begun and count
	MaxAttempts int
	Crashes     int // attempts that ended because their process had died

	Enqueued time.Time
	Due      time.Time // when its current or its next attempt is, or was, due
	Started  time.Time // the last attempt; zero: none
	Ended    time.Time // zero: not yet

	Process string // ID of the process that runs it, or ran its last attempt; empty: none
	Cancel  bool   // it runs, and Cancel has been called

	Failures []Failure // of its attempts, the oldest first
	Group    string    // of a dead letter: see [FailureGroup]; empty: none
}

// Failure is the end of an attempt that did not succeed.
type Failure struct {
	At      time.Time // the attempt's start, or when its process was found dead
	Attempt int
	Error   string
	Stack   string // of a panic
}

// FailureGroup is dead letters of one name that failed in the same way: their last errors have the same
// text, apart from numbers.
type FailureGroup struct {
	ID    string // for [Filter].Group
	Name  string // of the tasks
	Error string // of the newest
	Count int    // among the dead letters that were looked at
	First time.Time
	Last  time.Time
}

// Failures is what [Queue.Failures] returns.
type Failures struct {
	Groups []FailureGroup // the largest first
	Looked int            // dead letters that were looked at: the newest
	More   bool           // there are older ones
}

// Filter chooses tasks. Each field that is not empty narrows the choice. A page takes a moment, whatever there is in the database, with one
// exception: Queues without States reads until it has found enough tasks of these queues, from the newest one on.
type Filter struct {
	IDs    []int64
	Names  []string
	Queues []string
	States []State
	Group  string // dead letters of this [FailureGroup]

	// Limit is how many tasks a page has.
	// 0: 100; at most MaxPage.
	Limit int

	// After is [Page].Next of the page before.
	// Empty: the first page.
	After string
}

// Page is some tasks, the newest first.
type Page struct {
	Tasks []Info
	Next  string // for [Filter].After; empty: there are no more
}

// Bounds of what one call reads or changes.
const (
	MaxPage     = 1000
	MaxCount    = 100_000
	MaxFailures = 10_000
	MaxGroups   = 100 // of Failures
	MaxQueues   = 100 // of Stats
)

const defaultPage = 100

// Changed is what [Queue.RetryAll] and [Queue.CancelAll] have done.
type Changed struct {
	Tasks int    // changed by this call
	Next  string // for [Filter].After of the next call; empty: there are no more
}

// Stats is what is in the database, for all processes.
type Stats struct {
	At     time.Time // when it was read
	Queues []QueueStats
	Leader string // ID of the process that leads; empty: none
}

// QueueStats is one queue.
type QueueStats struct {
	Name   string
	Paused bool

	// Tasks counts by state, up to MaxCount each, which means as many or more. Done and canceled
	// tasks are not counted: they are 0.
	Tasks [NumStates]int

	// OldestDue is since when the task that is due for longest has been; zero: none is. Age is how long
	// that is, by the database's clock.
	OldestDue time.Time
	Age       time.Duration
}

// Process is a process that works tasks.
type Process struct {
	ID      string // as in [Info].Process
	Host    string
	PID     int
	Name    string // Config.Name
	Queues  map[string]int
	Started time.Time
	Beat    time.Time // its last heartbeat, by the database's clock
	Silent  time.Duration
}
