// Package telemetry shows what a [runner.Runner] does: as Prometheus metrics, as
// OpenTelemetry spans that are linked to the span of the request, and as log records
// that have the trace ids of both.
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
// classic buckets. Bounds a tenth above 5, 10 and 30 s let the 99th percentile of
// callbacks that all run into such a timeout read as at most 110 % of it. These three
// cost six series for each name.
//
// The histogram of queue waits is that of a runner. For each name there are the sum and
// the count of its waits alone, which cost two series: the mean wait of callbacks of a
// name. It shows which callbacks [runner.Config].Limits holds back.
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
// When the runner first sees a name, the counters of all outcomes of this name exist,
// with the value 0. So the function rate of Prometheus sees the first failure. Names
// that [runner.Config] declares exist from the start.
//
// Once Shutdown of a runner has been called, a new runner may have the same name. The
// counters and histograms continue from the old values. A scrape reads the old runner
// until a minute after its last callback has ended. What the old runner counts later,
// such as a call that it rejects, is not shown. If the new runner has other buckets, its
// histograms start at 0.
//
// The number of series is bounded. With the default buckets, R runners with C
// callback names each have at most 59 R C + 73 R + 8 series.
//
// Durable tasks (package durable) are in the same metrics, with the label mode="durable": what
// is asked for, how it ends, how long it runs and waits. The metrics of the memory's
// queue leave them out. Leave them out of a query of yours with mode!="durable". What is in
// their store has metrics of its own, afterglow_durable_..., and one process of all that share the
// store shows it at a time, so that a sum over instances is right. If that process dies, another one
// that is scraped shows it after 15 seconds. A scrape waits for the store for half a
// second at most; then it shows what was read before, with its age. A queue of T task names has at
// most 68 T + 34 series in each process and, of Q queues in its store, 8 Q + 2 series in one. Its buckets
// reach further than a runner's.
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
// request's trace as an attribute, for viewers that show no links.
//
// The asker's span gets an event for each of its first eight callbacks, not for more: a
// span keeps only 128 events, and must have room for those of the handler. With the ninth
// callback, it gets an event that says that further callbacks are not listed. From then on
// the attributes afterglow.asked.count and afterglow.rejected.count say how many callbacks
// the span has asked for, and how many of these were rejected. Each further callback
// overwrites them, as long as the span records.
//
// A sampler sees a process span when it starts. At that time the span has the names of
// the runner and the callback. The other attributes are set when the span ends. Only the
// event of a stuck callback is added earlier, when the callback is found stuck.
//
// A process span has the line that asked for its callback, as code.function.name,
// code.file.path and code.line.number. It is the line that calls the runner. If you
// call the runner in a wrapper, it is the line in the wrapper. Calls that the Go
// runtime makes have no line: go r.After(...), or a deferred call that runs in a panic.
// It costs time to find the line. So telemetry does it only if the asker's span records.
// The line is missing if the callback is sampled but its request is not. If there is no
// asker's span, telemetry finds the line as soon as any process span has recorded.
//
// A process span also has the function that was asked to run, as
// afterglow.callback.function.name and, with the same prefix, file.path and
// line.number. It is the function that the runner was given or, with [runner.Wraps],
// the one that this wraps. So it tells callbacks apart if one helper asks for all of
// them. Telemetry finds it out once for each function. For a method value the file and
// the line are known only if the compiler has inlined the method.
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
// to its answer. The process span refers to the ask span instead of the asker's span. If
// the callback is accepted, the ask span has the depth and the capacity of the queue. If
// it is rejected, the ask span has the status error, and the reason.
//
// A drain has a span "drain {runner}" in the context of Shutdown. It has the numbers of
// pending, completed and lost callbacks. If callbacks were lost, the span has the status
// error, and names them. Shut the tracer provider down after the runners, because the
// drain span ends when Shutdown returns.
//
// A linked trace has its own trace id. A sampler that decides by trace id may sample the
// callback but not its request. So some links lead to a span that was not sampled.
// Package telemetry/sampling has a sampler that samples both ends of a link or none.
//
// # Logs
//
// Records are written with the callback's context. Their messages are constants; what
// varies is in the attributes. Level error: a callback failed, panicked or is stuck.
// Level warn: a callback timed out, was rejected, started more than a second late, will
// be tried again, was evicted, or was lost in a shutdown. Level info: a drain began or
// ended, or a stuck callback has ended. Level debug: everything else, such as a
// success. Texts of errors and panics are cut to a bound and made valid UTF-8, on spans
// as well. They are not changed otherwise. Your log handler must escape line breaks and
// terminal sequences. The handlers of package slog do.
//
// Every record of a callback has the function that was asked to run, with its file and
// line. It leads from an error, which has no stack, to the code.
//
// A flood does not fill the log. Rejections, evictions and late starts are written at
// most once a second for each runner. Retries are written at most once a second for each
// callback name. All other records of failures and of stuck callbacks have the limit
// Config.LogRate: by default ten at once, and then ten a second. Each message has a limit
// of its own for each runner and callback name. So the failures of one callback do not
// hide those of another, and an error does not hide a panic. The next record says in
// suppressed how many were left out before it. If no record follows until the end of the
// drain, the record "records were left out" lists them by name, just before "drain
// finished". Records of successes have no limit.
//
// If the TracerProvider is that of package noop, Telemetry.Observer decides once
// whether successes are logged: it asks the Logger whether level debug is on. If level
// debug is switched on later, successes are not logged.
//
// Records are written on the goroutine of the event, for example inside After. So your
// log handler must not block. Shutdown writes the records of a drain. If your log handler
// blocks at the start of a drain, Shutdown waits for it, even after its own deadline.
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
// Add this time to the grace period of the platform, such as
// terminationGracePeriodSeconds of Kubernetes.
//
// # Execution traces
//
// A [FlightRecorder] keeps the last seconds of the program's execution trace. It writes
// them to a file when a callback is found stuck, times out or panics, at most once in an
// interval. It writes on a goroutine of its own. The record and the process span of that
// callback name the file. Read the file with go tool trace. While any execution trace is
// recorded, each callback is a task in it. The task has the name of the callback's span.
// If the TracerProvider is that of package noop, tasks need a FlightRecorder.
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
// runner and calls none of your code. If a log handler, a span processor or a method of
// an error calls runtime.Goexit, that is counted too, and the other signals go on. But
// the goroutine that called it ends: the asker's or the worker's.
//
// The log record "telemetry failed" says what failed, and where, at most once a minute
// for each signal. Its attribute suppressed says how many failures were left out since
// the last such record. The end of a drain reports the rest. If the Logger itself
// panicked, it still gets this record: it may have failed for one record only. If it
// panics again, only the counter shows the failure.
//
// A wrong call returns an error, for example After with a context that has no scope.
// afterglow_misuse_total counts wrong calls. This counter has no label runner, because
// it belongs to the process.
package telemetry

//go:generate go run ../internal/schema/write SCHEMA.md
