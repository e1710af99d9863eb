package runner

import "context"

// Observer is a set of functions that a runner calls as callbacks pass
// through it. Any of them may be nil, and an event without a function costs
// nothing. They are called without a lock held, on the goroutine the event happens
// on, so their time is the asker's or the worker's; they must be safe for
// concurrent use and must not block.
//
// For one callback the order is Accepted, Started, Stuck if it is found to
// run on past its deadline, and Finished, each at most once. With [Retry] each
// attempt has a Started, and each but the last a Retried. A callback that never
// starts goes from Accepted to Finished. At most one of these calls is under way
// at a time for one callback; an event that happens meanwhile is told by the
// goroutine of that call when it returns. With several observers each event visits
// them in the order of Config.Observers.
//
// The runner counts an event before it calls the observers: [Runner.Snapshot] may
// show an end a little before Finished has seen it.
//
// An observer that panics is recovered and counted in Stats.ObserverPanics;
// the others still run. One that calls runtime.Goexit ends the goroutine it is
// called on, the asker's perhaps, and those after it miss the event; the runner
// goes on, and its books balance.
type Observer struct {
	// Passive says that this observer keeps no record of what it sees. If no other
	// observer sees failures, or rejections, or stuck callbacks, the runner logs them as
	// if this one did not (see Config.Observers).
	Passive bool

	// Opened is called once, inside New, with the runner that is made. New returns
	// its error, and no runner. If it panics, New does.
	Opened func(r *Runner) error

	// TraceID names the trace of a callback's context for the [Report] of a drain:
	// telemetry's observer has such a function. The first one that names a trace
	// counts.
	TraceID func(ctx context.Context) string

	// WantsCaller is called first inside After, AfterAll, Go and Do. If it returns
	// true, AcceptedInfo and RejectedInfo have the line of the call, which takes
	// some 200 ns to find out.
	WantsCaller func(ctx context.Context) bool

	// Folded is called once, with the first callback whose name is beyond
	// Config.MaxNames, inside the call that asks for it.
	Folded func(ctx context.Context, first Callback)

	// Accepted is called inside After, Go or Do once the callback is taken
	// in. ctx is the asker's. The returned context takes its place from here on; nil
	// keeps ctx.
	Accepted func(ctx context.Context, info AcceptedInfo) context.Context

	// Rejected is called inside After, Go or Do when the callback is rejected.
	// It is the only event of such a callback.
	Rejected func(ctx context.Context, info RejectedInfo)

	// Started is called just before the callback, on the goroutine that runs it.
	// ctx holds the asker's values, without its cancellation.
	// The callback's own context is derived from the one returned; nil keeps ctx.
	Started func(ctx context.Context, info StartedInfo) context.Context

	// StartedLate is called right after Started, with the context that Started
	// returned, for a callback that has waited more than a second for a worker.
	StartedLate func(ctx context.Context, info StartedInfo)

	// Retried is called after an attempt that has failed and will be followed by
	// another one (see [Retry]). ctx is the one Started returned. The wait for the
	// next attempt begins when Retried has returned; the attempt begins with another
	// Started.
	Retried func(ctx context.Context, info RetriedInfo)

	// Stuck is called once for an attempt that runs on past its deadline and
	// Config.StuckAfter, on a goroutine of the runner. Before that the runner reads
	// the stacks, at most once a second, because that stops the program for a moment.
	// So Stuck may be called up to a second later. If the attempt ends earlier, Stuck
	// is called at its end. ctx is the one Started returned.
	Stuck func(ctx context.Context, info StuckInfo)

	// Finished is called once for every accepted callback: where it ran, or on
	// the goroutine that ended it before it could run (its evictor's, Shutdown's)
	// or while it ran (Shutdown's). ctx is the one Started returned, or Accepted if
	// the callback never started; it is not canceled.
	Finished func(ctx context.Context, info FinishedInfo)

	// Failed is called after Finished for a callback whose outcome is a failure
	// ([Outcome.IsFailure]). An observer that wants to see only these leaves
	// Finished nil, and a callback that succeeds costs it nothing.
	Failed func(ctx context.Context, info FinishedInfo)

	// Sampled is called after Finished and Failed for the first callback of a name that
	// ends within a tenth of a second, whatever its outcome. With less than ten ends a
	// second it sees them all. It is for those who show examples: the other callbacks
	// cost it nothing.
	Sampled func(ctx context.Context, info FinishedInfo)

	// DrainStarted is called once, as Shutdown begins. The returned context is
	// passed to DrainFinished; nil keeps ctx.
	DrainStarted func(ctx context.Context, info DrainInfo) context.Context

	// DrainFinished is called once, as Shutdown ends.
	DrainFinished func(ctx context.Context, report Report)
}
