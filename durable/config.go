package durable

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/histogram"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// Config says how a [Queue] works. The zero value is ready for use: it enqueues, works
// and leads. Open copies it.
type Config struct {
	// Name tells this queue from other runners of the process in metrics, spans and logs,
	// as runner.Config.Name does.
	// Empty: "durable".
	Name string

	// Role is what this process does with the tasks in the database.
	// Zero value: [Full].
	Role Role

	// Queues has how many tasks of each queue this process runs at once. Queues
	// that are not in it are left to other processes.
	// nil: {"default": 100}.
	Queues map[string]int

	// Periodic tasks are enqueued by the process that leads. All processes that may lead have
	// the same ones.
	Periodic []Periodic

	// Telemetry gets the metrics, spans and records, in the same families as those of
	// in-process callbacks.
	// nil: nothing.
	Telemetry *telemetry.Telemetry

	// Observers are told of each attempt, after Telemetry, as those of a Runner are. One that has Opened
	// is an error, because there is no Runner to open.
	Observers []runner.Observer

	// Logger gets what the queue itself has to say: a lost lease, tasks that were returned,
	// errors of the database.
	// nil: slog.Default().
	Logger *slog.Logger

	// SkipMigrations leaves the tables as they are. If they are not those of this version, Open
	// returns [ErrSchema]; [Migrations] prints what an operator has to run.
	SkipMigrations bool

	// Schema is the Postgres schema of the tables. SQLite has none.
	// Empty: the first of the search_path.
	Schema string

	// DeadAfter is how long a process may be silent before others take its tasks. A
	// process that has not been able to write its heartbeat for two thirds of that ends the contexts
	// of its own tasks. All times are measured by each process's monotonic clock, so no clock that is
	// set can kill a live process. The tasks of a process that dies are due again within
	// DeadAfter and two sevenths of that: 20 s by default.
	//
	// Negative switches the heartbeat off. A task is then taken for lost an hour after its timeout is over, counted
	// from its start by the database's clock. It starts again within 20 s from then, in a process that works its name. A task
	// without a timeout is never taken for lost: it stays running if its process dies. And a task that ignores the end of its
	// context for an hour runs twice.
	// 0: 15 s. The shortest is one second, the longest an hour.
	DeadAfter time.Duration

	// Poll is how often a queue looks for tasks if no notification comes.
	// 0: one second.
	Poll time.Duration

	// Retention is how long tasks stay in the database after their end.
	Retention Retention

	// MaxNames bounds the names that are counted apart, as runner.Config.MaxNames does.
	// 0: 100.
	MaxNames int

	// DurationBuckets and WaitBuckets are the bounds of the histograms, as in runner.Config.
	// Empty: those of runner.Config; waits up to a day.
	DurationBuckets, WaitBuckets []time.Duration
}

// Role is what a process does with the tasks in the database.
type Role uint8

const (
	// Full enqueues, works, and may lead. Exactly one process leads at a time: it makes
	// scheduled tasks due, enqueues periodic ones, and deletes those whose retention is over.
	Full Role = iota
	// EnqueueOnly enqueues, and neither works nor leads: a web process with workers elsewhere.
	EnqueueOnly
	// WorkOnly enqueues and works, and does not lead. At least one other process must be Full.
	WorkOnly

	numRoles
)

// String returns full, enqueue or work.
func (r Role) String() string {
	if r < numRoles {
		return [numRoles]string{"full", "enqueue", "work"}[r]
	}
	return fmt.Sprintf("Role(%d)", uint8(r))
}

// Retention is how long tasks stay in the database after their end.
type Retention struct {
	Done     time.Duration // that succeeded; 0: a day. Unique looks at these
	Canceled time.Duration // 0: a day
	Dead     time.Duration // dead letters; 0: 30 days; negative: for ever
}

const (
	defaultName      = "durable"
	defaultWorkers   = 100
	defaultDeadAfter = 15 * time.Second
	minDeadAfter     = time.Second
	maxDeadAfter     = time.Hour
	defaultPoll      = time.Second
	defaultMaxNames  = 100
	day              = 24 * time.Hour
)

// maxWorkers is the bound that River has for one queue.
const maxWorkers = 10_000

// validate reports every field that cannot be used, joined.
func (c Config) validate() error {
	var errs []error
	if c.Role >= numRoles {
		errs = append(errs, fmt.Errorf("durable: Config.Role is %v: use Full, EnqueueOnly or WorkOnly", c.Role))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Queues)) {
		if err := validQueue(name); err != nil {
			errs = append(errs, fmt.Errorf("durable: Config.Queues: %w", err))
		}
		if n := c.Queues[name]; n < 1 || n > maxWorkers {
			errs = append(errs, fmt.Errorf("durable: Config.Queues[%q] is %d: use 1 to %d", name, n, maxWorkers))
		}
	}
	if c.Queues != nil && len(c.Queues) == 0 {
		errs = append(errs, errors.New("durable: Config.Queues is empty: use nil for the default, or the Role EnqueueOnly"))
	}
	if c.DeadAfter > 0 && (c.DeadAfter < minDeadAfter || c.DeadAfter > maxDeadAfter) {
		errs = append(errs, fmt.Errorf("durable: Config.DeadAfter is %v: use 0 for the default, a negative duration for none, or %v to %v", c.DeadAfter, minDeadAfter, maxDeadAfter))
	}
	if c.Poll < 0 {
		errs = append(errs, fmt.Errorf("durable: Config.Poll is %v: use 0 for the default, or a positive duration", c.Poll))
	}
	for i, o := range c.Observers {
		if o.Opened != nil {
			errs = append(errs, fmt.Errorf("durable: Config.Observers[%d] has Opened, and here is no Runner to open: use Config.Telemetry for telemetry, and package consoleview for a console", i))
		}
	}
	for name, d := range map[string]time.Duration{"Done": c.Retention.Done, "Canceled": c.Retention.Canceled} {
		if d < 0 {
			errs = append(errs, fmt.Errorf("durable: Config.Retention.%s is %v: use 0 for the default, or a positive duration", name, d))
		}
	}
	if c.MaxNames < 0 {
		errs = append(errs, fmt.Errorf("durable: Config.MaxNames is %d: use 0 for the default, or a positive number", c.MaxNames))
	}
	for _, b := range []struct {
		field  string
		bounds []time.Duration
	}{{"DurationBuckets", c.DurationBuckets}, {"WaitBuckets", c.WaitBuckets}} {
		if _, err := histogram.NewLayout(b.bounds); err != nil {
			errs = append(errs, fmt.Errorf("durable: Config.%s: %w", b.field, err))
		}
	}
	ids := make(map[string]bool)
	for i, p := range c.Periodic {
		errs = append(errs, p.validate(i, ids))
	}
	if c.Role != Full && len(c.Periodic) > 0 {
		errs = append(errs, fmt.Errorf("durable: Config.Periodic needs the Role Full, not %v: the process that leads enqueues them", c.Role))
	}
	return errors.Join(errs...)
}

// withDefaults replaces each zero field by what it stands for.
func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = defaultName
	}
	if c.Queues == nil {
		c.Queues = map[string]int{defaultQueue: defaultWorkers}
	}
	c.Queues = maps.Clone(c.Queues)
	c.Periodic = slices.Clone(c.Periodic)
	c.Observers = slices.Clone(c.Observers)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.DeadAfter == 0 {
		c.DeadAfter = defaultDeadAfter
	}
	if c.Poll == 0 {
		c.Poll = defaultPoll
	}
	if c.Retention.Done == 0 {
		c.Retention.Done = day
	}
	if c.Retention.Canceled == 0 {
		c.Retention.Canceled = day
	}
	if c.Retention.Dead == 0 {
		c.Retention.Dead = 30 * day
	}
	if c.MaxNames == 0 {
		c.MaxNames = defaultMaxNames
	}
	return c
}

// workers returns how many tasks may run at once.
func (c Config) workers() (n int) {
	for _, of := range c.Queues {
		n += of
	}
	return n
}
