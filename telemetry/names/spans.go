package names

// ScopeName is the instrumentation scope of the spans.
const ScopeName = "github.com/afterglow-go/afterglow/telemetry"

// The names of the spans, each followed by a space and a name.
const (
	SpanProcess = "process" // CONSUMER, followed by the callback's name: one attempt of a callback, from its start to its end.
	SpanAsk     = "ask"     // PRODUCER, followed by the callback's name: the asking, from the call to its answer. Only with telemetry.Config.AskSpans.
	SpanDrain   = "drain"   // INTERNAL, followed by the runner's name: a shutdown, in the context of Shutdown.
)

// The attributes of the spans and of their events. Those without the prefix
// afterglow are in the OpenTelemetry semantic conventions. Values are names and
// numbers, and texts that are bounded; no path of a request, and no id beyond the
// request's trace and what you put into runner.Ref.
const (
	AttrRunner        = "afterglow.runner"                        // Name of the runner, on every span and event of the asker.
	AttrCallbackName  = "afterglow.callback.name"                 // Name of the callback, on every span but drain and on the asker's events.
	AttrRef           = "afterglow.callback.ref"                  // Your own reference of the callback, as runner.Ref gave it, at most 100 bytes, where its name is; absent if it has none.
	AttrFunctionName  = "afterglow.callback.function.name"        // Function that was asked to run, or that this one wraps (runner.Wraps), on process and ask spans. At most 256 bytes.
	AttrFunctionFile  = "afterglow.callback.function.file.path"   // Its file. Absent for the method value of a method that the compiler has not inlined.
	AttrFunctionLine  = "afterglow.callback.function.line.number" // The line where it begins; absent as its file is.
	AttrOutcome       = "afterglow.outcome"                       // How the callback or the attempt ended, as runner.Outcome spells it.
	AttrReason        = "afterglow.reason"                        // Why it was rejected, as runner.Reason spells it.
	AttrQueueDepth    = "afterglow.queue.depth"                   // Callbacks that waited for a worker, on an accepted ask span.
	AttrQueueCapacity = "afterglow.queue.capacity"                // How many may, on an accepted ask span.
	AttrQueueWait     = "afterglow.queue.wait"                    // Seconds from being due to the start.
	AttrResponseDelay = "afterglow.response.delay"                // Seconds from being asked for to the end of the response, if it had to wait for that.
	AttrTimeout       = "afterglow.timeout"                       // Seconds that it may run; absent without a limit.
	AttrAttempt       = "afterglow.attempt"                       // Number of the attempt, from 1; absent on a first attempt that no other is to follow.
	AttrRetryWait     = "afterglow.retry.wait"                    // Seconds until the next attempt, on one that failed.
	AttrSnapshot      = "afterglow.snapshot"                      // Path of the flight recorder's file.
	AttrRequestTrace  = "afterglow.request.trace_id"              // Trace of the request, through any number of nested callbacks, on a process span: some viewers show no links.

	AttrAskedCount    = "afterglow.asked.count"    // Callbacks that the asker's span has asked for, rejected ones included. Only if there were more than are listed.
	AttrRejectedCount = "afterglow.rejected.count" // Of those, were rejected. Only with that, and if there were any.

	AttrDrainPending   = "afterglow.drain.pending"   // Callbacks that had not ended when the drain began.
	AttrDrainCompleted = "afterglow.drain.completed" // Of those, came to their own end.
	AttrDrainLost      = "afterglow.drain.lost"      // Of those, named in the status and in the record.
)

// The events on spans.
const (
	EventAccepted = "afterglow.accepted" // On the asker's span: a callback was accepted.
	EventRejected = "afterglow.rejected" // On the asker's span: a callback was rejected.
	EventUnlisted = "afterglow.unlisted" // On the asker's span, after eight of those: further ones have no event, and the attributes of the span count them.
	EventStuck    = "afterglow.stuck"    // On the process span, when it was found stuck, with its stack.
	EventDeadline = "afterglow.deadline" // On the process span, at its deadline, if it ran past that.
)
