package names

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
	LogStuck           = "callback is stuck: it runs on past its deadline"            // ERROR: it ignores its context, with the stack it hangs on.
	LogStuckEnded      = "callback that was stuck has ended"                          // INFO: after the record above.
	LogRejected        = "callback rejected"                                          // WARN: it was rejected when it was asked for.
	LogSlowStart       = "callback started late"                                      // WARN: more than a second after it was due.
	LogFinished        = "callback finished"                                          // DEBUG: success, skipped or coalesced.
	LogSnapshotFailed  = "flight recorder snapshot not written"                       // WARN: the file that another record names does not exist.
	LogPruneFailed     = "old flight recorder snapshots not removed"                  // WARN: there are more than telemetry.FlightConfig.MaxFiles now.
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
	KeyRef            = "ref"              // Your own reference of the callback, as runner.Ref gave it, at most 100 bytes; absent if it has none.
	KeyFunction       = "function"         // Function that was asked to run, or that this one wraps (runner.Wraps), with its file and line, as in main.send (/src/mail.go:7).
	KeyTraceID        = "trace_id"         // Trace of the process span; of the asker's if there is none. Absent with telemetry.Config.OmitTraceIDs.
	KeySpanID         = "span_id"          // That span.
	KeyRequestTraceID = "request.trace_id" // Trace of the request, through any number of nested callbacks.

	KeySignal              = "signal"                 // Which part of the telemetry failed, as the label of that name says.
	KeyOutcome             = "outcome"                // How the callback ended, as runner.Outcome spells it.
	KeyError               = "error"                  // Text of the error, at most 1,024 bytes.
	KeyErrorType           = "error.type"             // What went wrong, in few different words: the outcome, or the type of the error.
	KeyExceptionType       = "exception.type"         // Type of what the callback, or the telemetry, panicked with.
	KeyExceptionMessage    = "exception.message"      // Text of what it panicked with, at most 1,024 bytes.
	KeyExceptionStacktrace = "exception.stacktrace"   // Where it panicked: the frames above those of the runner, at most 8,192 bytes.
	KeyReason              = "reason"                 // Why it was rejected, as runner.Reason spells it.
	KeySuppressed          = "suppressed"             // Records like this one left out since the last; absent if none.
	KeySuppressedRecords   = "suppressed_records"     // What was left out, by callback and message, at most 20 of them; of the telemetry's own failures, by message and signal.
	KeyAge                 = "age_seconds"            // From being asked for to the end.
	KeyDuration            = "duration_seconds"       // How long it ran, has been running, or the drain took.
	KeyTimeout             = "timeout_seconds"        // How long it may run; absent without a limit.
	KeyQueueWait           = "queue_wait_seconds"     // From being due to the start.
	KeyResponseDelay       = "response_delay_seconds" // From being asked for to the end of the response, if it had to wait for that.
	KeyAttempt             = "attempt"                // Number of the attempt, from 1; absent on a first attempt that no other is to follow.
	KeyWait                = "wait_seconds"           // Until the next attempt.
	KeyStack               = "stack"                  // Where a callback hangs, at most 8,192 bytes; empty if it has ended before the runner looked.
	KeySnapshot            = "snapshot"               // Path of the flight recorder's file.
	KeyReserved            = "reserved"               // Callbacks whose response was not done when the drain began.
	KeyPaused              = "paused"                 // Callbacks between two attempts when the drain began.
	KeyQueued              = "queued"                 // Callbacks that waited for a worker when the drain began.
	KeyRunning             = "running"                // Callbacks that ran when the drain began.
	KeyPending             = "pending"                // All of these.
	KeyCompleted           = "completed"              // Of those, came to their own end.
	KeyLost                = "lost"                   // Of those, did not.
	KeyLostNames           = "lost_callbacks"         // Their names, by outcome, at most 20 of them.
	KeyLostRefs            = "lost_refs"              // The references of those that have one, each with its name, the oldest first, at most 20 of them.
)
