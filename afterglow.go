// Package afterglow is the root of a module that runs callbacks after an HTTP
// response and shows all of them. A handler answers at once; mails, webhooks,
// analytics and cache revalidation follow, on a bounded pool. Each of these
// callbacks has a span that is linked to its request, metrics for Prometheus, log
// records if it fails, and exactly one outcome. This package is documentation only.
//
// # Where to go
//
//   - github.com/afterglow-go/afterglow/runner runs the callbacks: start here. It
//     imports nothing outside the standard library but package histogram of this
//     module.
//   - .../runner/runnertest tests the code that asks for callbacks.
//   - .../console is a live page of what runs, fails and hangs, in your program.
//   - .../telemetry observes a runner: spans, metrics and log records.
//   - .../telemetry/names has the names of all these, and .../telemetry/sampling a
//     sampler that keeps both ends of a link.
//   - The module .../dashboards makes dashboards for Grafana, and rules and alerts
//     for Prometheus with a runbook.
//   - The module .../examples has programs: minimal is the first to copy, and shop
//     uses everything.
//
// # Usage
//
//	after, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
//	…
//	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, r *http.Request) {
//		err := runner.After(r.Context(), "order.email", sendMail) // runs once the response has left
//		…
//	})
//	report, err := after.Serve(ctx, &http.Server{Handler: mux}, listener, runner.Budgets{})
package afterglow
