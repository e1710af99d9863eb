// Package runner runs callbacks after a response has been sent. It runs them on a
// bounded pool of workers, and counts how each of them ends.
//
// # Usage
//
// Make a runner, ask for callbacks with [After], and let [Runner.Serve] run the
// server:
//
//	after, err := runner.New(runner.Config{})
//	…
//	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
//		err := runner.After(r.Context(), "order.email", func(ctx context.Context) error {
//			return sendMail(ctx, order)
//		})
//		if err != nil { // ErrQueueFull, ErrStuck or ErrClosed, or a mistake in this call
//			http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
//			return
//		}
//		…
//		fmt.Fprintln(w, "Order placed successfully")
//	})
//	report, err := after.Serve(ctx, &http.Server{Handler: mux}, listener, runner.Budgets{})
//
// A callback is a function with a constant name. After does not wait for the callback.
// If After returns nil, the runner has accepted the callback. When the response is done,
// the callback is due, and the next free worker runs it. The callback's context keeps the
// request's values, but not its cancellation or deadline. In the callback, [RequestFrom]
// returns the request.
//
// If your program starts the server itself, wrap the handler in [Runner.Middleware] and
// call [Bind] with the server. At the end, call Shutdown of the server, then
// [Runner.Shutdown], each with a context of its own: an open request may use up that of the
// server, and then the callbacks would have no time left. [AfterAll] asks for several callbacks. The runner accepts all of
// them or none. [Runner.Go] is for work that belongs to no request. [Runner.Do] runs
// work on the caller's goroutine. [Runner.Scope] is for requests that do not come
// through net/http, such as RPCs, and [Wait] waits for what a scope has asked for.
// [Runner.Hold] takes the place of Middleware on platforms that freeze the process once
// the handler has returned.
//
// A router other than [http.ServeMux] names its routes with [SetPattern]. [SetError] marks a
// request as failed if its status does not show that. With package exacth2, callbacks on
// HTTP/2 wait for the whole response too. Other servers report the end of a response
// through [WithResponseEnd].
//
// Callbacks live in memory. If the process dies, those that wait or run are lost.
//
// # Concurrency
//
// All functions and methods may be called by several goroutines at once.
//
// At most Config.Workers callbacks run at once. Two kinds of callbacks do not count:
// those of Do, and stuck callbacks whose worker has been replaced. The callbacks of one
// request become due in the order in which the request asked for them. A worker takes
// the callback that has been due longest; [Coalesce] and Config.Limits make exceptions.
// The callbacks of one request may run at the same time. If a callback panics or calls
// runtime.Goexit, the worker goes on with the next one.
//
// The runner calls no code of the user while it holds a lock.
//
// # Overflow
//
// A callback takes a place while it waits. There are four kinds of places (see [Place]).
// Config.Queue bounds the callbacks that wait for a worker. Config.MaxReserved bounds
// the callbacks that wait for an open response, Config.MaxHeld those that wait for
// Config.Limits, and Config.MaxPaused those that wait for another attempt. If one of
// the last three is full, After rejects the callbacks that may need it. The errors are
// [ErrReservedFull], [ErrHeldFull] and [ErrPausedFull].
//
// If the queue is full, Config.Overflow says what happens. [Reject] rejects the new
// callback with [ErrQueueFull], and the handler can still answer 503. [Block] waits for a
// place of the queue, for a limited time. Under [DropOldest], After accepts the callback.
// When the callback becomes due, the runner drops the one that has waited for a worker
// longest. It drops no callback that waits for another attempt.
//
// # Options
//
// [Timeout], [Retry], [RetryBackoff], [Once], [Coalesce] and [When] change one
// callback. An error can say that another attempt is useless ([Permanent]), or when it makes
// sense ([RetryIn]). [Ref] gives it a reference for logs, spans and reports. [Wraps] says which
// function it is, if a helper of yours wraps all of them, and [Caller] which line asks. Config.Limits bounds how many
// callbacks of a name run at once.
//
// # Stuck callbacks
//
// A callback's context ends when its timeout has passed. If the callback still runs
// Config.StuckAfter later, it is stuck. The runner then calls [Observer.Stuck] with the
// stack on which the callback hangs, and replaces the callback's worker. At most
// Config.MaxStuck workers are replaced at once. When so many are, After rejects new
// callbacks with [ErrStuck]. The program stops for a moment while the runner reads
// stacks. So the runner reads stacks at most once a second, until its shutdown begins.
//
// # Shutdown
//
// [Runner.Shutdown] finishes what was accepted, cancels what takes too long, and names
// what was lost in its [Report]. Shut the server down first, then the runner. Serve
// does both when its context ends; Budgets limits the time of each. A callback that
// works in a loop can stop when the channel of [Draining] is closed.
//
// # Observing
//
// [Runner.Snapshot] returns all counts of the runner, in total and for each name. They
// are all of one moment, so they add up. [Runner.Stats] returns only the totals and is
// cheap. [Runner.Running] lists the callbacks that run now. [Observer] is a struct of
// functions that the runner calls for each step of a callback, as net/http/httptrace does
// for requests. Package telemetry turns both into metrics, spans and logs, and package
// console shows them as a live page. The goroutine of a callback has the pprof labels
// afterglow.runner, afterglow.callback and afterglow.worker.
//
// [Callback].Function is the function that was asked to run, with its file and line. It
// leads from an error, which has no stack, to the code.
//
// # Crashes
//
// The runner recovers a panic of a callback. It cannot recover a panic in a goroutine
// that a callback has started: such a panic ends the process. That goroutine has the
// labels of the callback's, so the dump of the crash can name the callback. For that set
// GODEBUG=tracebacklabels=1 in the environment. It is the default if go.mod says go 1.27
// or later.
//
// # Misuse
//
// A wrong call returns an error, for example After with a context that has no scope.
// [Misuses] counts wrong calls. The runner logs each line that makes one, once.
//
// # Testing
//
// Package runnertest helps to test code that asks for callbacks. A runner works in a
// testing/synctest bubble: call Shutdown before the bubble ends. In a test without a
// server, open a scope with [Runner.Scope]. Release it when the response would be done.
//
// The runner's own tests are in runner/tests. If they were beside the code, the modules
// that they need, such as testify, would be in the go.sum of every program that imports
// the runner.
package runner
