// Package telemetry shows what a [runner.Runner] does: as Prometheus metrics,
// as OpenTelemetry spans linked to the request that asked for the work, and as
// log records that carry the ids of both.
//
// # Usage
//
// One line wires everything: give a runner the observer of a Telemetry.
//
//	tel, err := telemetry.New(telemetry.Config{})
//	...
//	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
//
// From then on its metrics are exposed, its callbacks have spans, its events are
// logged, and the [runner.Report] of its drain names traces. One Telemetry serves a
// whole process and any number of runners; the label runner keeps them apart.
//
// # Metrics
//
// The names are API: package telemetry/names has each of them once, SCHEMA.md
// lists them with an example query each, and a golden exposition guards them.
// Histograms are classic and native at once. [runner.Config] has the bounds of the
// classic buckets.
//
// The runner keeps books of each callback name, and a scrape reads them with
// [runner.Runner.Snapshot]. Between two scrapes metrics cost nothing beside these
// books, which the runner keeps anyway.
//
// Every scrape is exact: what it shows of a runner is of one moment, however busy
// the runner is. For each callback name
//
//	afterglow_asked_total - sum without (outcome) (afterglow_callbacks_total)
//
// is what is reserved, queued, running or paused at that moment, and a histogram
// counts those runs that have ended. The runner counts an end before it calls its
// observers, so a scrape may show an end some microseconds before its span and its
// record exist. An exemplar is always of a run that is counted.
//
// Everything that is counted of a name exists at 0 from the moment the runner first
// sees it, each outcome too, so that rate sees the first failure. Names that
// [runner.Config] declares exist from the start.
//
// When a runner has been shut down, a new one may take its name. The counters and
// histograms go on from where they were, also while the first one drains. What the
// first one still counts later than a minute after its last callback has ended, such
// as a request that asks it once more, is not shown. If the new one has other
// buckets, its histograms begin anew.
//
// The number of series is bounded. With the default buckets, R runners with C
// callback names each have at most 57 R C + 70 R + 8 series.
//
// # Spans
//
// Each callback that starts gets a span "process {name}" of kind consumer; with
// [runner.Retry], each attempt does. It is the root of a trace of its own,
// linked to the span that was current where the callback was asked for, because
// that one has long ended when a queue is deep. [Child] makes it a child
// instead, [ChildAndLink] both; Config.RelationFor chooses for each callback.
// The asker's span gets an event for each callback asked for, so both ends can
// be found. At its start, when a sampler sees it, a process span has the names of
// the runner and the callback. Everything else is set at its end, except the event
// of a stuck callback, which is added when the callback is found.
//
// A process span has the line that asked for its callback, as code.function.name,
// code.file.path and code.line.number. It is the line that calls the runner, so a
// wrapper of your own is named, and not its caller. A call that Go's runtime makes
// itself has no line: go r.After(...), or a deferred one that a panic runs. The line
// is looked for only where a span can have it: if the asker's span records or, if
// there is no such span, once any process span has recorded. So it is missing if a
// callback is sampled and its request is not, unless it has an ask span.
//
// A callback keeps what it needs of its asker's span when it is accepted. Its
// context may belong to another request by the time it starts, as those of some web
// frameworks do.
//
// With Config.AskSpans the asking has a span too: "ask {name}" of kind producer,
// a child of the asker's span, from the call to its answer. An accepted one
// carries the depth and the capacity of the queue, a rejected one is an error
// with the reason. The process span then refers to the ask span.
//
// A drain has a span "drain {runner}" in the context of Shutdown. It says what
// was pending, completed and lost, and is an error that names what was lost. A
// provider must still take spans when Shutdown returns: shut it down after the
// runners.
//
// Where spans are sampled by the ids of their traces, the root of a linked
// trace is sampled without regard to its request, and links dangle. Package
// telemetry/sampling has a sampler that keeps both ends or none.
//
// # Logs
//
// Records are written with the callback's context. Their messages are
// constants; what varies is in the attributes. Errors and panics are errors;
// timeouts, rejections, starts more than a second late, and whatever a shutdown
// lost are warnings; the two ends of a drain are information; the rest is for
// debugging. Texts that come from errors and panics are cut to a bound and made
// valid UTF-8, on spans as well. Otherwise they are data and stay as they are:
// it is for the handler to escape line breaks and terminal sequences, as those
// of slog do.
//
// A flood does not fill the log. Rejections, evictions and late starts are written
// once a second for each runner, and retries once a second for each callback name.
// Each other record of a failure, and of a stuck callback, is written ten times at
// once and from then on ten times a second (Config.LogRate), for each message, runner
// and callback name. So no callback hides the failures of another one, and no error
// hides a panic. The next record that is written says in suppressed how many were
// left out before it. If there is none until the end of the drain, the record "records
// were left out" says it, by name, just before "drain finished". Records of successes
// are not limited, because they are for debugging.
//
// With a TracerProvider of package noop, whether successes are recorded is decided
// when [Telemetry.Observer] is called: a Logger that writes level debug only later
// gets none of them.
//
// Records are written where they arise, and a handler should not block. Those of
// a drain are written in the time of Shutdown: a handler that holds them up
// holds it up, past the deadline of its context if it must.
//
// Records carry trace_id and span_id as attributes, which any handler writes. A
// handler that takes them from the context itself, such as the otelslog bridge,
// would get them twice: set Config.OmitTraceIDs, and put a [TraceHandler] around
// those handlers that need them. That one also gives them to what the callbacks
// log themselves.
//
// # Execution traces
//
// A [FlightRecorder] keeps the last seconds of the program's execution trace,
// and writes them to a file when a callback is found stuck, times out or panics:
// at most once in an interval, on a goroutine of its own. The record and the
// process span of that callback say which file; go tool trace reads it.
// Whenever an execution trace is being recorded, by it or by anything else, each
// callback is a task of it, called as its span is. With a TracerProvider of package
// noop that needs a FlightRecorder.
//
// # Failures of its own
//
// A panic inside one signal, for example of a log handler, neither reaches the
// callback nor stops the other signals. It is counted in
// afterglow_telemetry_errors_total, by signal: traces, logs, flight. So are a snapshot
// that could not be written, and an answer of Config.RelationFor that cannot be used.
// The signal observer counts the panics of all observers of a runner, yours too.
// Metrics are no signal: they are read from the runner, and nothing of yours is called
// for them. If a handler, a span processor or an error calls runtime.Goexit, that is
// counted too and stops no other signal, but its goroutine ends, the asker's or the
// worker's.
//
// Once a minute for each signal, the record "telemetry failed" says what it was, and
// where; in suppressed, how many there have been since the last one. What was left out
// is told at the end of a drain as well. A Logger that panics is told of it too,
// because it may have failed over one record only. If it panics over that one, only
// the counter shows it.
//
// A call that asks for nothing because it is wrong, for example without a scope, is
// counted in afterglow_misuse_total. It belongs to the process and to no runner.
package telemetry

//go:generate go run ../internal/schema/write SCHEMA.md
