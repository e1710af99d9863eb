// Package telemetry shows what a [runner.Runner] does: as Prometheus metrics, as
// OpenTelemetry spans that are linked to the span of the request, and as log records
// that have the ids of both spans.
//
// # Usage
//
// One line connects everything: give the observer of a [Telemetry] to a runner.
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
// The names of the metrics are API. Package telemetry/names defines them. SCHEMA.md
// lists them, with an example query for each. A test compares them with a golden file.
// Each histogram has classic and native buckets. [runner.Config] has the bounds of the
// classic buckets.
//
// The runner counts for each callback name. A scrape reads these counts with
// [runner.Runner.Snapshot]. Between two scrapes metrics cost nothing, because the
// runner counts anyway.
//
// Every scrape is exact: all values of one runner are from the same moment, even if the
// runner is busy. For each callback name
//
//	afterglow_asked_total - sum without (outcome) (afterglow_callbacks_total)
//
// is the number of callbacks that are reserved, queued, running or paused at that
// moment. The histogram counts runs that have ended. The runner counts an end before it
// calls its observers. So a scrape can show an end some microseconds before its span
// and its log record exist. Every exemplar belongs to a run that is counted.
//
// All series of a name exist with the value 0 as soon as the runner first sees the
// name, one for each outcome. So rate sees the first failure. Names that
// [runner.Config] declares exist from the start.
//
// After a runner has been shut down, a new runner may have the same name. The counters
// and histograms continue from the old values, also while the old runner drains. A
// minute after its last callback has ended, the old runner is no longer read: what it
// counts after that is not shown, for example a late call that it rejects. If the new
// runner has other buckets, its histograms start at 0.
//
// The number of series is bounded. With the default buckets, R runners with C
// callback names each have at most 57 R C + 71 R + 8 series.
//
// # Spans
//
// Each callback that starts gets a span "process {name}" of kind consumer. With
// [runner.Retry], each attempt gets one. The asker's span is the span that was current
// where the callback was asked for. By default ([Link]) the process span is the root of
// its own trace and has a link to the asker's span, because the asker's span may have
// ended long before the callback starts. With [Child], the process span is a child of
// the asker's span; with [ChildAndLink], it is both. Config.RelationFor chooses by the
// names of the runner and the callback. The process span also has the id of the
// request's trace as an attribute, for viewers that show no links. The asker's span gets
// an event for each
// callback, so you can go from either span to the other. One span gets at most eight such
// events, and a ninth that says that further callbacks are not listed: a span keeps
// 128 events, and those of the handler must not be lost. From then on the attributes
// afterglow.asked.count and afterglow.rejected.count say how many callbacks the span has
// asked for, and how many of these were rejected. Each further callback overwrites them,
// as long as the span records. A sampler sees a process span
// when it starts. At that time the span has the names of the runner and the callback.
// The other attributes are set when the span ends. Only the event of a stuck callback
// is added earlier, when the callback is found stuck.
//
// A process span has the line that asked for its callback, as code.function.name,
// code.file.path and code.line.number. It is the line that calls the runner. If you
// call the runner in a wrapper, it is the line in the wrapper. Calls that the Go
// runtime makes have no line: go r.After(...), or a deferred call that runs in a panic.
// Finding the line costs time, so telemetry does it only if a span can use it: if the
// asker's span records, or, without an asker's span, if any process span has recorded
// before. So the line is missing if the callback is sampled but its request is not.
// With an ask span it is there.
//
// When a callback is accepted, telemetry copies what it needs from the asker's span.
// Later it cannot ask the context: some web frameworks use a context again for another
// request.
//
// [runner.Ref] gives a callback a reference of your own, such as "order 7". The
// reference is on the callback's spans, on the event of the asker's span, and in each
// record that names the callback. The record of a drain that lost work lists the
// references of the lost callbacks. No metric has them.
//
// With Config.AskSpans, each call that asks for a callback gets a span too: "ask
// {name}" of kind producer. It is a child of the asker's span, and lasts from the call
// to its answer. If the callback is accepted, the span has the depth and the capacity
// of the queue. If it is rejected, the span is an error with the reason. The process
// span then refers to the ask span instead of the asker's span.
//
// A drain has a span "drain {runner}" in the context of Shutdown. It has the numbers of
// pending, completed and lost callbacks. If callbacks were lost, the span is an error
// that names them. Shut the tracer provider down after the runners, because the drain
// span ends when Shutdown returns.
//
// A sampler that decides by trace id decides about a linked trace without regard to its
// request. So some links lead to a span that was not sampled. Package
// telemetry/sampling has a sampler that samples both ends of a link or none.
//
// # Logs
//
// Records are written with the callback's context. Their messages are constants; what
// varies is in the attributes. Level error: a callback failed, panicked or is stuck.
// Level warn: a callback timed out, was rejected, started more than a second late, will
// be tried again, was evicted, or was lost in a shutdown. Level info: a drain began or
// ended, or a stuck callback has ended. Level debug: everything else, such as a
// success. Texts of errors and panics are cut to a bound and made valid UTF-8, on spans
// as well. They are not changed otherwise. Your handler must escape line breaks and
// terminal sequences. The handlers of package slog do.
//
// A flood does not fill the log. Rejections, evictions and late starts are written once
// a second for each runner, and retries once a second for each callback name. All other
// records of failures and of stuck callbacks have the limit Config.LogRate, for each
// message, runner and callback name. The default is ten at once, and then ten a second.
// So the failures of one callback do not hide those of another, and an error does not
// hide a panic. The next record says in suppressed how many were left out before it. If
// no record follows until the end of the drain, the record "records were left out"
// lists them by name, just before "drain finished". Records of successes have no limit.
//
// If the TracerProvider is that of package noop, Telemetry.Observer decides once
// whether successes are logged: it asks the Logger whether level debug is on. If level
// debug is switched on later, successes are not logged.
//
// Records are written on the goroutine of the event, for example inside After. So your
// handler must not block. Shutdown writes the records of a drain. If your handler
// blocks then, Shutdown waits for it, even past the deadline of its context.
//
// Records have trace_id and span_id as attributes, so every handler writes them. The
// otelslog bridge, and handlers like it, take the ids from the context and would write
// them twice. In this case set Config.OmitTraceIDs, and put a [TraceHandler] around the
// other handlers. The TraceHandler also adds the ids to the records that your callbacks
// log.
//
// # The last figures
//
// The metrics show what a drain has lost only when the drain has ended. If the process
// ends then, Prometheus never reads that, and no alert sees a deploy that lost work. So
// serve /metrics by a server of its own, which outlives the drain. Let the process end
// when Prometheus has read /metrics once more:
//
//	ops.Handle("GET /metrics", tel.WatchScrapes(promhttp.Handler()))
//	...
//	report, err := r.Serve(ctx, srv, listener, runner.Budgets{})
//	err = tel.WaitForScrape(last) // longer than Prometheus's interval
//	err = opsServer.Shutdown(last)
//
// The platform must leave the process the time: add it to the grace period, as
// terminationGracePeriodSeconds of Kubernetes.
//
// # Execution traces
//
// A [FlightRecorder] keeps the last seconds of the program's execution trace, and
// writes them to a file when a callback is found stuck, times out or panics: at most
// once in an interval, on a goroutine of its own. The record and the process span of
// that callback say which file; go tool trace reads it. While any execution trace is
// recorded, each callback is a task in it. The task has the name of the callback's
// span. If the TracerProvider is that of package noop, this works only with a
// FlightRecorder.
//
// # Failures of its own
//
// A signal is one part of the telemetry: traces, logs or flight (the flight recorder).
// If your code panics inside one signal, for example in a log handler, telemetry
// recovers the panic. The callback and the other signals do not notice it.
// afterglow_telemetry_errors_total counts the panic, by signal. It also counts
// snapshots that could not be written, and answers of Config.RelationFor that cannot be
// used. A fourth value of the label, observer, counts the panics of all observers of a
// runner, yours too. There is no signal for metrics, because a scrape only reads the
// runner and calls none of your code. If a handler, a span processor or a method of an
// error calls runtime.Goexit, that is counted too, and the other signals go on. But the
// goroutine that called it ends: the asker's or the worker's.
//
// The log record "telemetry failed" says what failed, and where, at most once a minute
// for each signal. Its attribute suppressed says how many failures were left out since
// the last such record. The end of a drain reports the rest. If the Logger itself
// panicked, it still gets this record, because it may have failed over one record only.
// If it panics again, only the counter shows the failure.
//
// A wrong call asks for nothing, for example a call of After without a scope.
// afterglow_misuse_total counts wrong calls. This counter has no label runner, because
// it belongs to the process.
package telemetry

//go:generate go run ../internal/schema/write SCHEMA.md
