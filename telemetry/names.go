package telemetry

// The names of the metrics. They are API: dashboards and alerts use no other.
const (
	MetricCallbacks        = "afterglow_callbacks_total"
	MetricScheduled        = "afterglow_scheduled_total"
	MetricRejected         = "afterglow_rejected_total"
	MetricRetries          = "afterglow_retries_total"
	MetricOverrunning      = "afterglow_callbacks_overrunning"
	MetricNamesFolded      = "afterglow_names_folded_total"
	MetricQueueWait        = "afterglow_queue_wait_seconds"
	MetricResponseDelay    = "afterglow_response_delay_seconds"
	MetricCallbackDuration = "afterglow_callback_duration_seconds"
	MetricCallbackTimeout  = "afterglow_callback_timeout_seconds"
	MetricLastSuccess      = "afterglow_last_success_timestamp_seconds"
	MetricQueueDepth       = "afterglow_queue_depth"
	MetricQueueCapacity    = "afterglow_queue_capacity"
	MetricQueueHighWater   = "afterglow_queue_depth_high_water"
	MetricQueueOldest      = "afterglow_queue_oldest_timestamp_seconds"
	MetricWorkers          = "afterglow_workers"
	MetricWorkersBusy      = "afterglow_workers_busy"
	MetricWorkerBusyTime   = "afterglow_worker_busy_seconds_total"
	MetricLongestRunning   = "afterglow_longest_running_seconds"
	MetricShutdownDuration = "afterglow_shutdown_duration_seconds"
	MetricShutdownLost     = "afterglow_shutdown_lost_total"
	MetricTelemetryErrors  = "afterglow_telemetry_errors_total"
	MetricBuildInfo        = "afterglow_build_info"
)

// The labels of the metrics, and the keys of exemplars.
const (
	LabelRunner    = "runner"    // runner.Config.Name
	LabelCallback  = "callback"  // the callback's name, or Other
	LabelOutcome   = "outcome"   // as runner.Outcome spells it
	LabelReason    = "reason"    // as runner.Reason spells it
	LabelResult    = "result"    // ResultSuccess or ResultFailure
	LabelSignal    = "signal"    // which part of the telemetry failed: SignalMetrics, ...
	LabelVersion   = "version"   // of this module
	LabelGoVersion = "goversion" // that built the program

	ExemplarTraceID = "trace_id"
	ExemplarSpanID  = "span_id"
)

// Values of labels.
const (
	// Other is the callback label of every name beyond Config.MaxNames.
	Other = "other"

	ResultSuccess = "success"
	ResultFailure = "failure" // it started and ended in any other outcome

	SignalMetrics  = "metrics"
	SignalTraces   = "traces"
	SignalLogs     = "logs"
	SignalFlight   = "flight"   // snapshots that could not be written; only with a FlightRecorder
	SignalObserver = "observer" // any observer of a watched runner, this package's included
)

// The names of what spans carry. Attributes without the prefix afterglow are
// those of the OpenTelemetry semantic conventions.
const (
	// ScopeName is the instrumentation scope of the spans.
	ScopeName = "github.com/afterglow-go/afterglow/telemetry"

	SpanProcess  = "process"  // followed by a space and the callback's name
	SpanSchedule = "schedule" // likewise; with Config.ScheduleSpans
	SpanDrain    = "drain"    // followed by a space and the runner's name

	AttrRunner        = "afterglow.runner"
	AttrCallbackName  = "afterglow.callback.name"
	AttrOutcome       = "afterglow.outcome"
	AttrReason        = "afterglow.reason"         // as runner.Reason spells it
	AttrQueueDepth    = "afterglow.queue.depth"    // places taken, this one included; on an accepted schedule span
	AttrQueueCapacity = "afterglow.queue.capacity" // places; likewise
	AttrQueueWait     = "afterglow.queue.wait"     // seconds
	AttrResponseDelay = "afterglow.response.delay" // seconds
	AttrTimeout       = "afterglow.timeout"        // seconds
	AttrAttempt       = "afterglow.attempt"        // on a callback with Retry, from 1
	AttrRetryWait     = "afterglow.retry.wait"     // seconds until the next attempt, on one that failed
	AttrSnapshot      = "afterglow.snapshot"       // path of the flight recorder's file

	AttrDrainPending   = "afterglow.drain.pending"   // callbacks that had not ended when the drain began
	AttrDrainCompleted = "afterglow.drain.completed" // of those, ended as they should
	AttrDrainLost      = "afterglow.drain.lost"      // of those, named in the status and in the record

	EventScheduled = "afterglow.scheduled" // on the asker's span: accepted
	EventRejected  = "afterglow.rejected"  // on the asker's span: refused
	EventOverrun   = "afterglow.overrun"   // on the process span, when it was found overrunning, with its stack
	EventDeadline  = "afterglow.deadline"  // on the process span, at its deadline, if it ran past it
)

// The messages of log records.
const (
	LogFailed         = "callback failed"
	LogPanicked       = "callback panicked"
	LogTimedOut       = "callback timed out"
	LogCanceled       = "callback canceled by shutdown"
	LogDropped        = "callback dropped before it started"
	LogAbandoned      = "callback abandoned while it was running"
	LogRetried        = "callback will be tried again"
	LogOverran        = "callback overruns its deadline"
	LogOverranEnded   = "callback that overran has ended"
	LogRejected       = "callback rejected"
	LogSlowStart      = "callback started late"
	LogFinished       = "callback finished"
	LogSnapshotFailed = "flight recorder snapshot not written"
	LogNamesFolded    = "too many callback names: further ones are counted as other"
	LogDrainStarted   = "drain started"
	LogDrainFinished  = "drain finished"
	LogSuppressed     = "records were left out"
)

// The keys of log attributes. Durations are in seconds and say so.
const (
	KeyRunner         = "runner"
	KeyCallback       = "callback"
	KeyTraceID        = "trace_id"         // of the process span; of the asker's if there is none
	KeySpanID         = "span_id"          // likewise
	KeyRequestTraceID = "request.trace_id" // of the request, through any number of nested callbacks

	KeyOutcome             = "outcome"
	KeyError               = "error"
	KeyErrorType           = "error.type"
	KeyExceptionType       = "exception.type"
	KeyExceptionMessage    = "exception.message"
	KeyExceptionStacktrace = "exception.stacktrace"
	KeyReason              = "reason"
	KeySuppressed          = "suppressed" // records like this one left out since the last; absent if none
	KeySuppressedRecords   = "suppressed_records"
	KeyAge                 = "age_seconds"
	KeyDuration            = "duration_seconds"
	KeyTimeout             = "timeout_seconds"
	KeyQueueWait           = "queue_wait_seconds"
	KeyResponseDelay       = "response_delay_seconds"
	KeyMaxNames            = "max_names"
	KeyAttempt             = "attempt"
	KeyWait                = "wait_seconds" // until the next attempt
	KeyStack               = "stack"        // where a callback hangs
	KeySnapshot            = "snapshot"     // path of the flight recorder's file
	KeyReserved            = "reserved"
	KeyPaused              = "paused"
	KeyQueued              = "queued"
	KeyRunning             = "running"
	KeyPending             = "pending"
	KeyCompleted           = "completed"
	KeyLost                = "lost"
	KeyLostNames           = "lost_callbacks"
)
