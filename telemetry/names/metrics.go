package names

// The names of the metrics. They are API: dashboards and alerts use no other.
// Each says which question it answers; what it counts is in its help text.
const (
	MetricCallbacks        = "afterglow_callbacks_total"                // What share of the promised work was done?
	MetricAsked            = "afterglow_asked_total"                    // How much was asked for? Minus the one above: how much is in flight?
	MetricRejected         = "afterglow_rejected_total"                 // Why was work rejected?
	MetricRetries          = "afterglow_retries_total"                  // How much work is done again?
	MetricStuck            = "afterglow_callbacks_stuck"                // Which callbacks leak goroutines?
	MetricNamesFolded      = "afterglow_names_folded_total"             // Are callback names made of data?
	MetricQueueWait        = "afterglow_queue_wait_seconds"             // Do the workers keep up?
	MetricResponseDelay    = "afterglow_response_delay_seconds"         // Is it a slow handler, and not a slow pool?
	MetricCallbackDuration = "afterglow_callback_duration_seconds"      // How long do callbacks run?
	MetricCallbackWait     = "afterglow_callback_queue_wait_seconds"    // Which callbacks wait, for workers or for their limit?
	MetricCallbackTimeout  = "afterglow_callback_timeout_seconds"       // How close do they come to their limit?
	MetricLastSuccess      = "afterglow_last_success_timestamp_seconds" // Has steady work stopped succeeding?
	MetricQueueDepth       = "afterglow_queue_depth"                    // How many callbacks wait for a worker?
	MetricQueueCapacity    = "afterglow_queue_capacity"                 // Of how many that may?
	MetricQueueHighWater   = "afterglow_queue_depth_high_water"         // How many waited between two scrapes?
	MetricQueuePlaces      = "afterglow_queue_places"                   // What do callbacks wait for?
	MetricQueuePlacesLimit = "afterglow_queue_places_limit"             // Of how many that may?
	MetricQueueOldest      = "afterglow_queue_oldest_timestamp_seconds" // Since when has the oldest been due? Histograms see only what starts.
	MetricQueueOldestAge   = "afterglow_queue_oldest_seconds"           // For how long has the oldest been due, whatever anybody's clock says?
	MetricQueueStalled     = "afterglow_queue_stalled_seconds"          // Does the queue stand still? Held callbacks and those of callers do not count.
	MetricWorkers          = "afterglow_workers"                        // How many may run at once?
	MetricWorkersBusy      = "afterglow_workers_busy"                   // How many do?
	MetricWorkersOnTime    = "afterglow_workers_on_time"                // How many will be free at their callback's deadline at the latest?
	MetricWorkerBusyTime   = "afterglow_worker_busy_seconds_total"      // What is the true utilization, whenever it is scraped?
	MetricLongestRunning   = "afterglow_longest_running_seconds"        // Does a callback hang that holds its worker?
	MetricShutdownDuration = "afterglow_shutdown_duration_seconds"      // How long does a deploy wait?
	MetricShutdownLost     = "afterglow_shutdown_lost_total"            // Did a deploy lose work?
	MetricMisuse           = "afterglow_misuse_total"                   // Does a call ask for nothing, because it is wrong?
	MetricTelemetryErrors  = "afterglow_telemetry_errors_total"         // Does the telemetry itself fail?
	MetricBuildInfo        = "afterglow_build_info"                     // What is running, and since which deploy?
)

// The names of the metrics that only queues of durable tasks have. Those of the store come from
// one process at a time.
const (
	MetricDurableAttempts    = "afterglow_durable_attempts_total"     // How often are tasks run, retries included?
	MetricDurableReturned    = "afterglow_durable_returned_total"     // Do processes die while they run tasks?
	MetricDurableInterrupted = "afterglow_durable_interrupted_total"  // How much is run again because a deploy, or a lost lease, cut it short?
	MetricDurableLeasesLost  = "afterglow_durable_leases_lost_total"  // Can processes write their heartbeats in time?
	MetricDurableTasks       = "afterglow_durable_tasks"              // How much waits in the store, and for what?
	MetricDurableOldestDue   = "afterglow_durable_oldest_due_seconds" // Do the workers of all processes keep up?
	MetricDurablePaused      = "afterglow_durable_paused"             // Has somebody paused the queue?
	MetricDurableProcesses   = "afterglow_durable_processes"          // Does anybody work the queue?
	MetricDurableLeaders     = "afterglow_durable_leaders"            // Does anybody make scheduled tasks due?
	MetricDurableStoreAge    = "afterglow_durable_store_age_seconds"  // How old are the figures of the store?
	MetricDurableStoreErrors = "afterglow_durable_store_errors_total" // Why are they old?
)

// The labels of the metrics. Their values are constants of the code: no ids, no
// paths, no texts of errors.
const (
	LabelRunner    = "runner"    // Name of the runner, as runner.Config.Name says; of the queue of durable tasks, as durable.Config.Name does.
	LabelCallback  = "callback"  // Name of the callback, or Other.
	LabelOutcome   = "outcome"   // How a callback ended, as runner.Outcome spells it.
	LabelReason    = "reason"    // Why a callback was rejected, as runner.Reason spells it; why a call was wrong, as runner.Misuse does.
	LabelState     = "state"     // What callbacks wait for, as runner.Place spells it; where durable tasks are: StateScheduled and those beside it.
	LabelResult    = "result"    // Whether a run did what it should: ResultSuccess or ResultFailure.
	LabelSignal    = "signal"    // Which part of the telemetry failed: SignalTraces and those beside it.
	LabelMode      = "mode"      // ModeDurable on what is counted of durable tasks in a metric of runners; absent on what runners count.
	LabelQueue     = "queue"     // Name of a queue in the store of durable tasks.
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
	Other = "other" // The callback label of every name beyond runner.Config.MaxNames.

	ResultSuccess = "success" // The outcome is success.
	ResultFailure = "failure" // It started and ended in any other outcome, or will be tried again.

	ModeDurable = "durable" // The tasks outlive their process: package durable.

	StateScheduled = "scheduled" // Not due yet.
	StateDue       = "due"       // Waits for a worker.
	StateRunning   = "running"   // A worker runs it.
	StateRetrying  = "retrying"  // Waits for its next attempt.
	StateDead      = "dead"      // A dead letter: no attempt is left, or another one would not help.

	SignalTraces   = "traces"   // Panics of a tracer or of telemetry.Config.RelationFor, also runtime.Goexit, and answers of that which are no Relation.
	SignalLogs     = "logs"     // Panics of a log handler, also runtime.Goexit.
	SignalFlight   = "flight"   // Snapshots that could not be written. Only with a FlightRecorder.
	SignalObserver = "observer" // Panics of any observer of an observed runner.
)
