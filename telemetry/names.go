package telemetry

// The comments of this file are the texts of SCHEMA.md, which is generated from
// it: after a change run go generate.

//go:generate go run ../internal/schema/write SCHEMA.md

// The names of the metrics. They are API: dashboards and alerts use no other.
// Each says which question it answers; what it counts is in its help text.
const (
	MetricCallbacks        = "afterglow_callbacks_total"                // What share of the promised work was done?
	MetricScheduled        = "afterglow_scheduled_total"                // How much was asked for? Minus the one above: how much is in flight?
	MetricRejected         = "afterglow_rejected_total"                 // Why was work refused?
	MetricRetries          = "afterglow_retries_total"                  // How much work is done again?
	MetricOverrunning      = "afterglow_callbacks_overrunning"          // Who leaks goroutines?
	MetricNamesFolded      = "afterglow_names_folded_total"             // Are callback names made of data?
	MetricQueueWait        = "afterglow_queue_wait_seconds"             // Do the workers keep up?
	MetricResponseDelay    = "afterglow_response_delay_seconds"         // Is it a slow handler, and not a slow pool?
	MetricCallbackDuration = "afterglow_callback_duration_seconds"      // How long do callbacks run?
	MetricCallbackTimeout  = "afterglow_callback_timeout_seconds"       // How close do they come to their limit?
	MetricLastSuccess      = "afterglow_last_success_timestamp_seconds" // Has steady work stopped succeeding?
	MetricQueueDepth       = "afterglow_queue_depth"                    // How full is the queue?
	MetricQueueCapacity    = "afterglow_queue_capacity"                 // Of how much?
	MetricQueueHighWater   = "afterglow_queue_depth_high_water"         // How full was it between two scrapes?
	MetricQueueOldest      = "afterglow_queue_oldest_timestamp_seconds" // Is the queue stuck? Histograms see only what starts.
	MetricWorkers          = "afterglow_workers"                        // How many may run at once?
	MetricWorkersBusy      = "afterglow_workers_busy"                   // How many do?
	MetricWorkerBusyTime   = "afterglow_worker_busy_seconds_total"      // What is the true utilization, whenever it is scraped?
	MetricLongestRunning   = "afterglow_longest_running_seconds"        // Is a callback stuck that has not ended?
	MetricShutdownDuration = "afterglow_shutdown_duration_seconds"      // How long does a deploy wait?
	MetricShutdownLost     = "afterglow_shutdown_lost_total"            // Did a deploy lose work?
	MetricTelemetryErrors  = "afterglow_telemetry_errors_total"         // Does the telemetry itself fail?
	MetricBuildInfo        = "afterglow_build_info"                     // What is running, and since which deploy?
)

// The labels of the metrics. Their values are constants of the code: no ids, no
// paths, no texts of errors.
const (
	LabelRunner    = "runner"    // Name of the runner, as runner.Config.Name says.
	LabelCallback  = "callback"  // Name of the callback, or Other.
	LabelOutcome   = "outcome"   // How a callback ended, as runner.Outcome spells it.
	LabelReason    = "reason"    // Why a callback was refused, as runner.Reason spells it.
	LabelResult    = "result"    // Whether a run did what it should: ResultSuccess or ResultFailure.
	LabelSignal    = "signal"    // Which part of the telemetry failed: SignalMetrics and those beside it.
	LabelVersion   = "version"   // Version of this module.
	LabelGoVersion = "goversion" // Version of Go that built the program.
)

// The keys of exemplars. Only sampled spans leave exemplars.
const (
	ExemplarTraceID = "trace_id" // Trace of the process span that was observed.
	ExemplarSpanID  = "span_id"  // That span.
)

// Values of labels.
const (
	Other = "other" // The callback label of every name beyond Config.MaxNames.

	ResultSuccess = "success" // The outcome is success.
	ResultFailure = "failure" // It started and ended in any other outcome, or will be tried again.

	SignalMetrics  = "metrics"  // Panics while metrics were counted.
	SignalTraces   = "traces"   // Panics of a tracer or of Config.RelationFor, also runtime.Goexit, and answers of that which are no Relation.
	SignalLogs     = "logs"     // Panics of a log handler, also runtime.Goexit.
	SignalFlight   = "flight"   // Snapshots that could not be written. Only with a FlightRecorder.
	SignalObserver = "observer" // Panics of any observer of a watched runner.
)

// ScopeName is the instrumentation scope of the spans.
const ScopeName = "github.com/afterglow-go/afterglow/telemetry"

// The names of the spans, each followed by a space and a name.
const (
	SpanProcess  = "process"  // CONSUMER, followed by the callback's name: one attempt of a callback, from its start to its end.
	SpanSchedule = "schedule" // PRODUCER, followed by the callback's name: the asking, from the call to its answer. Only with Config.ScheduleSpans.
	SpanDrain    = "drain"    // INTERNAL, followed by the runner's name: a shutdown, in the context of Shutdown.
)

// The attributes of the spans and of their events. Those without the prefix
// afterglow are in the OpenTelemetry semantic conventions. Values are names and
// numbers, and texts that are bounded; no id and no path of a request.
const (
	AttrRunner        = "afterglow.runner"         // Name of the runner, on every span and event of the asker.
	AttrCallbackName  = "afterglow.callback.name"  // Name of the callback, on every span but drain and on the asker's events.
	AttrOutcome       = "afterglow.outcome"        // How the callback or the attempt ended, as runner.Outcome spells it.
	AttrReason        = "afterglow.reason"         // Why it was refused, as runner.Reason spells it.
	AttrQueueDepth    = "afterglow.queue.depth"    // Places taken, this one included, on an accepted schedule span.
	AttrQueueCapacity = "afterglow.queue.capacity" // Places, on an accepted schedule span.
	AttrQueueWait     = "afterglow.queue.wait"     // Seconds from being due to the start.
	AttrResponseDelay = "afterglow.response.delay" // Seconds from being asked for to the end of the response, if it had to wait for that.
	AttrTimeout       = "afterglow.timeout"        // Seconds that it may run; absent without a limit.
	AttrAttempt       = "afterglow.attempt"        // Number of the attempt, from 1; absent on a first attempt that no other is to follow.
	AttrRetryWait     = "afterglow.retry.wait"     // Seconds until the next attempt, on one that failed.
	AttrSnapshot      = "afterglow.snapshot"       // Path of the flight recorder's file.

	AttrDrainPending   = "afterglow.drain.pending"   // Callbacks that had not ended when the drain began.
	AttrDrainCompleted = "afterglow.drain.completed" // Of those, came to their own end.
	AttrDrainLost      = "afterglow.drain.lost"      // Of those, named in the status and in the record.
)

// The events on spans.
const (
	EventScheduled = "afterglow.scheduled" // On the asker's span: a callback was accepted.
	EventRejected  = "afterglow.rejected"  // On the asker's span: a callback was refused.
	EventOverrun   = "afterglow.overrun"   // On the process span, when it was found overrunning, with its stack.
	EventDeadline  = "afterglow.deadline"  // On the process span, at its deadline, if it ran past that.
)

// The messages of log records, each with its level. Messages are constants; what
// varies is in the attributes.
const (
	LogFailed          = "callback failed"                                            // ERROR: it returned an error, or called runtime.Goexit.
	LogPanicked        = "callback panicked"                                          // ERROR: with the stack of the panic.
	LogTimedOut        = "callback timed out"                                         // WARN: it returned an error after its deadline.
	LogCanceled        = "callback canceled by shutdown"                              // WARN: it returned an error after the drain had canceled it.
	LogDropped         = "callback dropped before it started"                         // WARN: it was evicted, or waited when the drain gave up.
	LogAbandoned       = "callback abandoned while it was running"                    // WARN: it ignored the drain's cancellation, with the stack it hangs on.
	LogRetried         = "callback will be tried again"                               // WARN: an attempt failed and another one follows.
	LogOverran         = "callback overruns its deadline"                             // ERROR: it ignores its context, with the stack it hangs on.
	LogOverranEnded    = "callback that overran has ended"                            // INFO: after the record above.
	LogRejected        = "callback rejected"                                          // WARN: it was refused when it was asked for.
	LogSlowStart       = "callback started late"                                      // WARN: more than a second after it was due.
	LogFinished        = "callback finished"                                          // DEBUG: success, skipped or coalesced.
	LogSnapshotFailed  = "flight recorder snapshot not written"                       // WARN: the file that another record names does not exist.
	LogPruneFailed     = "old flight recorder snapshots not removed"                  // WARN: there are more than FlightConfig.MaxFiles now.
	LogNamesFolded     = "too many callback names: further ones are counted as other" // WARN: once a runner.
	LogDrainStarted    = "drain started"                                              // INFO: Shutdown was called.
	LogDrainFinished   = "drain finished"                                             // INFO: or WARN, with names, if work was lost.
	LogTelemetryFailed = "telemetry failed"                                           // ERROR: a part of the telemetry has failed, mostly by a panic, say of a tracer of yours; once a minute for each part.
	LogSuppressed      = "records were left out"                                      // WARN: at the end of a drain; as severe as what it stands for.
)

// The keys of log attributes. Durations are in seconds and say so. Texts that
// are not ours are cut to a bound.
const (
	KeyRunner         = "runner"           // Name of the runner.
	KeyCallback       = "callback"         // Name of the callback, never folded.
	KeyTraceID        = "trace_id"         // Trace of the process span; of the asker's if there is none. Absent with Config.OmitTraceIDs.
	KeySpanID         = "span_id"          // That span.
	KeyRequestTraceID = "request.trace_id" // Trace of the request, through any number of nested callbacks.

	KeySignal              = "signal"                 // Which part of the telemetry failed, as the label of that name says.
	KeyOutcome             = "outcome"                // How the callback ended, as runner.Outcome spells it.
	KeyError               = "error"                  // Text of the error, at most 1,024 bytes.
	KeyErrorType           = "error.type"             // What went wrong, in few different words: the outcome, or the type of the error.
	KeyExceptionType       = "exception.type"         // Type of what the callback, or the telemetry, panicked with.
	KeyExceptionMessage    = "exception.message"      // Text of what it panicked with, at most 1,024 bytes.
	KeyExceptionStacktrace = "exception.stacktrace"   // Where it panicked: the frames above those of the runner, at most 8,192 bytes.
	KeyReason              = "reason"                 // Why it was refused, as runner.Reason spells it.
	KeySuppressed          = "suppressed"             // Records like this one left out since the last; absent if none.
	KeySuppressedRecords   = "suppressed_records"     // What was left out, by callback and message, at most 20 of them; of the telemetry's own failures, by message and signal.
	KeyAge                 = "age_seconds"            // From being asked for to the end.
	KeyDuration            = "duration_seconds"       // How long it ran, has been running, or the drain took.
	KeyTimeout             = "timeout_seconds"        // How long it may run; absent without a limit.
	KeyQueueWait           = "queue_wait_seconds"     // From being due to the start.
	KeyResponseDelay       = "response_delay_seconds" // From being asked for to the end of the response, if it had to wait for that.
	KeyMaxNames            = "max_names"              // Config.MaxNames.
	KeyAttempt             = "attempt"                // Number of the attempt, from 1; absent on a first attempt that no other is to follow.
	KeyWait                = "wait_seconds"           // Until the next attempt.
	KeyStack               = "stack"                  // Where a callback hangs, at most 8,192 bytes.
	KeySnapshot            = "snapshot"               // Path of the flight recorder's file.
	KeyReserved            = "reserved"               // Callbacks whose response was not done when the drain began.
	KeyPaused              = "paused"                 // Callbacks between two attempts when the drain began.
	KeyQueued              = "queued"                 // Callbacks that waited for a worker when the drain began.
	KeyRunning             = "running"                // Callbacks that ran when the drain began.
	KeyPending             = "pending"                // All of these.
	KeyCompleted           = "completed"              // Of those, came to their own end.
	KeyLost                = "lost"                   // Of those, did not.
	KeyLostNames           = "lost_callbacks"         // Their names, by outcome, at most 20 of them.
)
