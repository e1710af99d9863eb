package runner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"
)

// Config says how a [Runner] works. The zero value is ready for use. New
// copies it; changing it afterwards has no effect.
type Config struct {
	// Name tells this runner from others in metrics, spans and logs. It
	// follows the rules of callback names (see [ErrInvalidName]).
	// Empty: "default".
	Name string

	// Workers is how many callbacks run at once, besides those of [RunInCaller].
	// Workers are started as they are needed and end with Shutdown.
	// 0: 8 x GOMAXPROCS, as callbacks mostly wait on I/O.
	Workers int

	// Queue is how many accepted callbacks may wait: those whose response is
	// not done yet and those that no worker has taken yet.
	// 0: 1024.
	Queue int

	// Timeout is how long a callback may run, from its start, before its
	// context is canceled with [ErrTimeout]. The option [Timeout] overrides it
	// for one callback.
	// 0: 30 s; negative: no timeout.
	Timeout time.Duration

	// Grace is how long past its deadline a callback may run on before it counts
	// as overrunning: it ignores its context. That is noticed a second later at
	// most. From then on its worker is replaced, so that the pool keeps its
	// width, and its share of [Config.Limits] is free.
	// 0: 1 s.
	Grace time.Duration

	// MaxOverrunning is how many workers may be replaced at once. When so many
	// are, After, Go and Track refuse with [ErrOverrunning] until one of those
	// callbacks returns: more of the same would leak goroutines without end.
	// 0: as many as Workers.
	MaxOverrunning int

	// Limits is how many callbacks of a name may run at once. Those beyond wait
	// aside, in the order they became due, and no other callback waits for them.
	// But they hold places of the queue and can fill it: give a name that may
	// fall behind for long a runner of its own. Under [RunInCaller] they do not
	// hold their callers up. A name that is not in the map has no limit but
	// Workers.
	Limits map[string]int

	// TraceID names the trace of a callback's context in a [Report]:
	// telemetry.TraceID is such a function. Shutdown calls it; a panic of it is
	// counted in Stats.ObserverPanics.
	// nil: reports name no traces.
	TraceID func(context.Context) string

	// Overflow is what After and Go do when the queue is full.
	// Zero value: [Reject].
	Overflow Overflow

	// MaxWait is how long After and Go may wait for a place under [Block]. It
	// is bounded so that nothing can wait for ever; with another policy it
	// must be 0.
	// 0: 1 s.
	MaxWait time.Duration

	// Observers see every callback, in this order.
	Observers []Observer
}

// Overflow is what After and Go do when the queue is full.
type Overflow uint8

const (
	// Reject refuses the new callback with [ErrQueueFull] at once.
	Reject Overflow = iota
	// Block waits for a place: until one becomes free, the asker's context
	// ends, Shutdown is called, or Config.MaxWait has passed ([ErrMaxWait]).
	// Places are given in the order they were asked for. Inside a callback it
	// does not wait but refuses with [ErrNested]: workers waiting for workers
	// would deadlock.
	Block
	// DropOldest gives the new callback the place of the one that has been due
	// longest, which ends as [Dropped] with [ErrEvicted]. Callbacks whose
	// response is not done yet are not evicted; if they hold every place, the
	// new one is refused with [ErrQueueFull].
	DropOldest
	// RunInCaller takes the new callback in beyond the queue and holds its
	// caller up while it runs: Go and a late After return when it has ended, or
	// its first attempt has if it has Retry; a callback asked for before the
	// response is done runs after it, and what waits for it is the release of the
	// scope: with Bind on HTTP/1.x the connection's next request, otherwise the
	// end of the response. Those of one scope run one after the other, in the
	// order asked, beside the others of the scope that found a place. At most
	// Config.Queue callbacks may be taken in so and not have ended; further ones
	// are refused with [ErrQueueFull]. What a callback that runs in its caller
	// asks for with its own context is refused with [ErrNested] if the queue is
	// full; one with [Retry] nests, within the bound above.
	RunInCaller

	numOverflows
)

// String returns the policy's name: Reject, Block, DropOldest or RunInCaller.
func (o Overflow) String() string {
	if o < numOverflows {
		return [...]string{"Reject", "Block", "DropOldest", "RunInCaller"}[o]
	}
	return fmt.Sprintf("Overflow(%d)", uint8(o))
}

const (
	defaultName    = "default"
	defaultQueue   = 1024
	defaultTimeout = 30 * time.Second
	defaultMaxWait = time.Second
	defaultGrace   = time.Second
	workersPerProc = 8
	maxNameBytes   = 100
)

// validate reports every field that cannot be used, joined.
func (c Config) validate() error {
	var errs []error
	if c.Name != "" && !validName(c.Name) {
		errs = append(errs, fmt.Errorf("runner: Config.Name %q: use 1 to %d bytes of printable ASCII without spaces", c.Name, maxNameBytes))
	}
	if c.Workers < 0 {
		errs = append(errs, fmt.Errorf("runner: Config.Workers is %d: use 0 for the default, or a positive number", c.Workers))
	}
	if c.Queue < 0 {
		errs = append(errs, fmt.Errorf("runner: Config.Queue is %d: use 0 for the default, or a positive number", c.Queue))
	}
	if c.Grace < 0 {
		errs = append(errs, fmt.Errorf("runner: Config.Grace is %v: use 0 for the default, or a positive duration", c.Grace))
	}
	if c.MaxOverrunning < 0 {
		errs = append(errs, fmt.Errorf("runner: Config.MaxOverrunning is %d: use 0 for the default, or a positive number", c.MaxOverrunning))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Limits)) {
		if !validName(name) {
			errs = append(errs, fmt.Errorf("runner: Config.Limits[%q]: use a callback's name, which has 1 to %d bytes of printable ASCII without spaces", name, maxNameBytes))
		}
		if n := c.Limits[name]; n < 1 {
			errs = append(errs, fmt.Errorf("runner: Config.Limits[%q] is %d: use a positive number", name, n))
		}
	}
	if c.Overflow >= numOverflows {
		errs = append(errs, fmt.Errorf("runner: Config.Overflow is %v: use Reject, Block, DropOldest or RunInCaller", c.Overflow))
	}
	if c.MaxWait < 0 {
		errs = append(errs, fmt.Errorf("runner: Config.MaxWait is %v: use 0 for the default, or a positive duration", c.MaxWait))
	}
	if c.MaxWait > 0 && c.Overflow != Block {
		errs = append(errs, fmt.Errorf("runner: Config.MaxWait is %v, but Config.Overflow is %v: only Block waits", c.MaxWait, c.Overflow))
	}
	return errors.Join(errs...)
}

// withDefaults replaces each zero field by what it stands for.
func (c Config) withDefaults() Config {
	if c.Name == "" {
		c.Name = defaultName
	}
	if c.Workers == 0 {
		c.Workers = workersPerProc * runtime.GOMAXPROCS(0)
	}
	if c.Queue == 0 {
		c.Queue = defaultQueue
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	if c.MaxWait == 0 {
		c.MaxWait = defaultMaxWait
	}
	if c.Grace == 0 {
		c.Grace = defaultGrace
	}
	if c.MaxOverrunning == 0 {
		c.MaxOverrunning = c.Workers
	}
	c.Limits = maps.Clone(c.Limits)
	c.Observers = append([]Observer(nil), c.Observers...)
	return c
}

func validName(s string) bool {
	if s == "" || len(s) > maxNameBytes {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
