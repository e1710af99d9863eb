// Package runner runs callbacks after a response has been sent. It runs them on a
// bounded pool of workers, and accounts for every one of them.
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
//		if errors.Is(err, runner.ErrQueueFull) {
//			http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
//			return
//		}
//		…
//		fmt.Fprintln(w, "Order placed successfully")
//	})
//	report, err := after.Serve(ctx, &http.Server{Handler: mux}, listener, runner.Budgets{})
//
// A callback is a function with a constant name. After answers at once. If it
// returns nil, a place of the queue is reserved for the callback. When the response
// is done, the callback is due, and the next free worker runs it. The callback's
// context keeps the request's values, but not its cancellation or deadline.
// [RequestFrom] returns the request that the callback runs after.
//
// A program that runs its server itself wraps the handler in [Runner.Middleware],
// calls [Bind] with the server, and calls [Runner.Shutdown] in the end.
// [AfterAll] asks for several callbacks, and either all of them are accepted or none.
// [Runner.Go] is for work that belongs to no request. [Runner.Do] runs work on the
// caller's goroutine. [Runner.Scope] is for requests that do not come through
// net/http, such as RPCs, and [Wait] waits for what a scope has asked for.
// [Runner.Hold] takes the place of Middleware on platforms that freeze the process
// once the handler has returned.
//
// A router other than [http.ServeMux] names its routes with [SetPattern].
//
// Callbacks live in memory. If the process dies, those that wait are lost.
//
// # Concurrency
//
// All functions and methods may be called by several goroutines at once.
//
// At most Config.Workers callbacks run at once, besides those of Do. They become due
// in the order in which one request asked for them, and a worker takes the one that
// has been due longest; [Coalesce] and Config.Limits make exceptions. Callbacks run
// concurrently, those of one request too. The end of one by a panic or
// runtime.Goexit harms no other: the worker goes on.
//
// The runner calls no code of the user while it holds a lock.
//
// # Overflow
//
// At most Config.Queue callbacks wait. Those whose response is not done yet are among
// them, and so are those with [Retry] until they have ended.
// Config.Overflow says what becomes of the next one. [Reject] rejects it with
// [ErrQueueFull], and the handler can still answer 503. [Block] waits for a place,
// for a limited time. [DropOldest] gives it the place of the one that has been due
// longest.
//
// # Options
//
// [Timeout], [Retry], [RetryBackoff], [Once], [Coalesce] and [When] change one
// callback. Config.Limits bounds how many callbacks of a name run at once.
//
// # Stuck callbacks
//
// A callback's context ends when its timeout has passed. A callback that runs on for
// another Config.StuckAfter is stuck. Then [Observer.Stuck] gets the stack on which it
// hangs, and its worker is replaced. At most Config.MaxStuck workers are replaced at
// once; beyond that, After rejects with [ErrStuck].
//
// # Shutdown
//
// [Runner.Shutdown] finishes what was accepted, cancels what takes too long, and names
// what was lost in its [Report]. Shut the server down first. Serve does both when its
// context ends, with a time of its own for each. A callback that works in a loop ends
// it when [Draining] says so.
//
// # Observing
//
// [Runner.Snapshot] returns what the runner counts, in all and for each name, at one
// moment. Its figures always add up. [Runner.Stats] is the cheap part of it.
// [Observer] is a struct of functions that see each callback pass, as
// net/http/httptrace does for requests. Package telemetry turns both into metrics,
// spans and logs. The goroutine of a callback has the pprof labels afterglow.runner,
// afterglow.callback and afterglow.worker.
//
// A call that cannot work, such as After with a context that has no scope, is counted
// ([Misuses]) and logged once for each line that makes it.
//
// # Testing
//
// Package runnertest helps to test code that asks for callbacks. A runner works in a
// testing/synctest bubble: call Shutdown before the bubble ends. Without a server,
// open a scope with [Runner.Scope] and release it when the response would be done.
//
// The runner's own tests are in runner/tests. Tests beside the code would put the
// modules that they need, such as testify, into the go.sum of every program that
// imports the runner.
package runner
