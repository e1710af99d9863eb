// Package telemetry shows what a [runner.Runner] does: as Prometheus metrics,
// as OpenTelemetry spans linked to the request that asked for the work, and as
// log records that carry the ids of both.
//
// # Usage
//
// One Telemetry serves a whole process and any number of runners; the label
// runner keeps them apart.
//
//	tel, err := telemetry.New(telemetry.Config{})
//	...
//	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
//
// # Metrics
//
// The names are API: package telemetry/names has each of them once, SCHEMA.md
// lists them with an example query each, and a golden exposition guards them.
// Histograms are classic and native at once. Every outcome of a callback exists
// at 0 from the moment its name is first seen, so that rate sees the first
// failure. They are read from the runner's books at each scrape, and cost nothing
// between two.
//
// A scrape is exact, however busy the runner is: for each runner and callback
//
//	afterglow_asked_total - sum by (runner, callback) (afterglow_callbacks_total)
//
// is what is reserved, queued, running or paused at that moment. The books come
// before spans and records: a scrape may show an end some microseconds before its
// span and its record exist.
//
// The number of series is bounded. With the default buckets, C callback names
// cost at most 57 C series, and each runner 59 more.
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
// the runner and the callback; what else there is to say is said at its end, but
// for a stuck callback, which is noted as it is found.
//
// A process span tells the line that asked for its callback as
// code.function.name, code.file.path and code.line.number: the innermost call
// that led into the runner, so a wrapper of your own is named and not its
// caller. It is looked for only where a span can tell it: if the asker's span
// records or, without a valid one, once a span of that name has recorded. A
// callback that is sampled while its request is not does not tell it, nor does
// the first of a name without a request, unless it has an ask span.
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
// A flood does not fill the log. Rejections, evictions, late starts and retries
// are written once a second per runner. Each other record of a failure, and of
// a stuck callback, is written for its message, its runner and its callback's name ten
// times at once, and from then on ten times a second (Config.LogRate): no
// callback hides another's failures, and no error a panic. The next record that
// is written says in suppressed how many were left out before it; what has no
// next one by the end of the drain is told just before "drain finished", by
// name. What has succeeded is not limited, as its records are for debugging.
// Failures of the telemetry itself are written once a minute for each signal:
// metrics, traces, logs, flight. What was left out of these is told in the same
// two ways.
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
// callback is a task of it, called as its span is.
//
// # Failures of its own
//
// A panic inside one signal, a log handler's say, neither reaches the callback
// nor stops the other signals. It is counted in afterglow_telemetry_errors_total,
// as are a snapshot that could not be written and an unusable answer of
// Config.RelationFor. A handler, a span processor or an error that calls
// runtime.Goexit is counted too and stops no other signal, but its goroutine, the
// asker's or the worker's, ends as it wishes.
//
// Once a minute for each signal, "telemetry failed" says what it was, and where;
// in suppressed, how many there have been since the last one. A Logger that
// panics is told of it too, as it may have choked on one record only. If it
// panics over that one, nobody is told: only the counter tells.
package telemetry

//go:generate go run ../internal/schema/write SCHEMA.md
