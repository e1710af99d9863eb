// Package runner runs callbacks after a response has been sent, on a bounded
// pool of workers, and accounts for every one of them.
//
// # Usage
//
// Wrap the handler in [Runner.Middleware], bind the server with [Runner.Bind],
// and ask with [After]:
//
//	after, err := runner.New(runner.Config{})
//	…
//	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
//		err := runner.After(r.Context(), "order.email", func(ctx context.Context) error {
//			return sendMail(ctx, order)
//		})
//		…
//		fmt.Fprintln(w, "Order placed successfully")
//	})
//	srv := &http.Server{Addr: ":8080", Handler: after.Middleware(mux)}
//	after.Bind(srv)
//
// A callback is a function with a constant name. After answers at once: nil
// means that a place in the queue is reserved for it. When the response is
// done the callback is due, and the next free worker runs it, with a context
// that keeps the request's values but not its cancellation. [RequestFrom] tells
// the callback about the request it runs after. [Runner.Go] is for work that
// belongs to no request, [Runner.Scope] for requests that do not come through
// net/http.
//
// Callbacks live in memory: what is waiting when the process dies is lost.
//
// # Concurrency
//
// At most Config.Workers callbacks run at once, besides those that
// [RunInCaller] runs in their callers. They start in the order they became due,
// but for Coalesce and Config.Limits, those of one request in the order asked
// for, and run concurrently. Panics and runtime.Goexit end the callback, not its
// worker.
//
// # Overflow
//
// At most Config.Queue callbacks wait, those whose response is not done yet
// included; [RunInCaller] may hold as many again. [Overflow] says what happens
// to the next one. Refusal is an error that After returns, so a handler can
// answer 503 while it still may.
//
// # Options
//
// [Timeout], [Retry], [Once], [Coalesce] and [When] change one callback;
// Config.Limits bounds how many of a name run at once. [Runner.Track] takes in
// work that is under way already, [Wait] waits for a scope's callbacks, and
// [Runner.Hold] is Middleware for platforms that freeze the process.
//
// # Hanging callbacks
//
// A callback that is found running on past its timeout and Config.Grace is
// reported with the stack it hangs on while it does ([Observer.Overrun]), and
// its worker is replaced, up to Config.MaxOverrunning of them.
//
// # Shutdown
//
// Shut the http.Server down first, then the runner: [Runner.Shutdown] finishes
// what was accepted, cancels what takes too long, and names what was lost.
//
// # Observing
//
// [Observer] is a struct of functions that see each callback pass, in the
// manner of net/http/httptrace. [Runner.Stats] is a snapshot whose figures
// always add up. Package telemetry turns both into metrics, spans and logs. The
// goroutine of a callback has the pprof labels afterglow.runner,
// afterglow.callback and afterglow.worker.
//
// # Testing
//
// Package runnertest has what the tests of code that asks for callbacks need. A
// runner works in a testing/synctest bubble: call Shutdown before the bubble
// ends. Without a server, open a scope with [Runner.Scope] and release it when
// the response would be done.
package runner
