// Package pool has the contestants: ways to run a function on another
// goroutine, all behind one interface. What the interface costs is one indirect
// call, the same for everyone.
package pool

import (
	"context"
	"time"
)

// Pool is one contestant at work.
type Pool interface {
	// Prepare returns a function that hands task over, once each time it is
	// called, and that blocks while the pool has no place for it. What the
	// contestant needs around the task is made here if it can be made once.
	Prepare(task func()) Submit
	// Close ends the pool. All tasks have ended before.
	Close()
}

// Submit hands a task over. ctx is that of the request which asks for it;
// contestants that know no contexts ignore it.
type Submit func(ctx context.Context)

// Opener is a Pool whose tasks are asked for in a scope, in the context that
// Open returns. They are due when the function is called.
type Opener interface {
	Open(ctx context.Context) (context.Context, func())
}

// Open opens a scope of p. A pool that is no Opener has nothing to open.
func Open(ctx context.Context, p Pool) (context.Context, func()) {
	if o, ok := p.(Opener); ok {
		return o.Open(ctx)
	}
	return ctx, func() {}
}

// Size is how large a pool is made.
type Size struct {
	Workers int
	Queue   int // places, where the contestant has a bounded queue
}

// Timeout is the deadline of tasks that have one.
const Timeout = 30 * time.Second

// Family tells what may be compared with what.
type Family uint8

// Tasks of the families Bare have nothing around them but what the library does
// in any case.
const (
	Bare      Family = iota
	ByHand           // a pool, with instrumentation written for it
	Afterglow        // this library
)

// Contestant is a way to run tasks.
type Contestant struct {
	Name      string
	Family    Family
	Telemetry Telemetry
	Bound     string // what it bounds: goroutines, waiting tasks, or nothing
	Waits     bool   // whether Submit returns while the task waits for a worker
	Scoped    bool   // whether tasks are asked for in a scope, and wait for its release
	New       func(Size) Pool
}

// Names that tables, ratios and targets refer to.
const (
	RawGo     = "`go`"
	Channel   = "channel + workers"
	PondGo    = "pond Go"
	Ants      = "ants"
	ErrGroup  = "errgroup"
	Gammazero = "gammazero/workerpool"
	Runner    = "**Afterglow** runner"

	// ChannelLinked is the channel pool, to be instrumented by hand with exemplars
	// and events on the request's span as well, as Afterglow has them.
	ChannelLinked = "channel + exemplars"
)

// ByHandName and AfterglowName are the names of the contestants with telemetry.
func ByHandName(pool string, t Telemetry) string { return pool + " by hand, " + t.String() }

// GoName is the runner's whose callbacks are asked for with Go.
func GoName(t Telemetry) string {
	if t == TelemetryOff {
		return Runner
	}
	return "**Afterglow**, " + t.String()
}

// AfterName is the runner's whose callbacks are asked for with After, in scopes.
func AfterName(t Telemetry) string {
	if t == TelemetryOff {
		return Runner + ", `After`"
	}
	return "**Afterglow** `After`, " + t.String()
}

// What a contestant bounds.
const (
	boundsNothing = "nothing"
	boundsWorkers = "workers, queue unbounded"
	boundsNoQueue = "workers, no queue"
	boundsBoth    = "workers and queue"
)

// All lists the contestants, each once.
func All() []Contestant {
	all := []Contestant{
		{Name: RawGo, Bound: boundsNothing, Waits: true, New: newRawGo},
		{Name: "semaphore + `go`", Bound: boundsNoQueue, New: newSemaphore},
		{Name: Channel, Bound: boundsBoth, Waits: true, New: newChannel},
		{Name: PondGo, Bound: boundsBoth, Waits: true, New: newPondGo},
		{Name: "pond Submit", Bound: boundsBoth, Waits: true, New: newPondSubmit},
		{Name: Ants, Bound: boundsNoQueue, New: newAnts},
		{Name: "conc", Bound: boundsNoQueue, New: newConc},
		{Name: Gammazero, Bound: boundsWorkers, Waits: true, New: newGammazero},
		{Name: ErrGroup, Bound: boundsNoQueue, New: newErrGroup},
		{Name: "gopool", Bound: boundsWorkers, Waits: true, New: newGopool},
	}
	all = append(all, afterglow(TelemetryOff)...)
	for _, t := range Telemetries() {
		all = append(all,
			Contestant{Name: ByHandName("channel", t), Family: ByHand, Telemetry: t, Bound: boundsBoth, Waits: true, New: byHand(newJobs, t)},
			Contestant{Name: ByHandName("pond", t), Family: ByHand, Telemetry: t, Bound: boundsBoth, Waits: true, New: byHand(newPondGo, t)},
			Contestant{Name: ByHandName("ants", t), Family: ByHand, Telemetry: t, Bound: boundsNoQueue, New: byHand(newAnts, t)})
		if t == Sampled { // otherwise there are none
			all = append(all, Contestant{Name: ByHandName(ChannelLinked, t), Family: ByHand, Telemetry: t, Bound: boundsBoth, Waits: true, New: byHandLinked(newJobs, t)})
		}
		all = append(all, afterglow(t)...)
	}
	return all
}

func afterglow(t Telemetry) []Contestant {
	return []Contestant{
		{Name: GoName(t), Family: Afterglow, Telemetry: t, Bound: boundsBoth, Waits: true, New: newDirect(t)},
		{Name: AfterName(t), Family: Afterglow, Telemetry: t, Bound: boundsBoth, Waits: true, Scoped: true, New: newScoped(t)},
	}
}

// Named returns the contestants of these names, in this order. It panics if
// there is none of a name: the caller has misspelled it.
func Named(names ...string) []Contestant {
	all := All()
	found := make([]Contestant, 0, len(names))
next:
	for _, name := range names {
		for _, c := range all {
			if c.Name == name {
				found = append(found, c)
				continue next
			}
		}
		panic("pool: no contestant is called " + name)
	}
	return found
}
