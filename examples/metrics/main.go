// Metrics is a server with telemetry as the runner's observer, and with /metrics for
// Prometheus. It serves /metrics until Prometheus has read what the shutdown has lost:
//
//	go run ./examples/metrics
//	curl http://127.0.0.1:8081/metrics
package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

func main() {
	web, err := net.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		log.Fatal(err)
	}
	ops, err := net.Listen("tcp", "127.0.0.1:8081")
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	if err := serve(ctx, web, ops, runner.Budgets{}); err != nil {
		log.Fatal(err)
	}
}

// serve serves until ctx ends, and then until Prometheus has seen how that went.
func serve(ctx context.Context, web, ops net.Listener, budgets runner.Budgets) error {
	tel, err := telemetry.New(telemetry.Config{}) // the global tracer provider, registry and slog logger
	if err != nil {
		return err
	}
	after, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}}) // this wires everything
	if err != nil {
		return err
	}
	// /metrics has a server of its own, because it must outlive the drain.
	metrics := promhttp.HandlerFor(prometheus.DefaultGatherer, promhttp.HandlerOpts{EnableOpenMetrics: true})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", tel.WatchScrapes(metrics))
	opsServer := &http.Server{Handler: mux}
	go func() { log.Print("/metrics: ", opsServer.Serve(ops)) }()

	// … your routes: an http.Server without a handler serves those of package http
	report, err := after.Serve(ctx, new(http.Server), web, budgets)
	log.Print(report)
	// … all callbacks have ended: shut your TracerProvider down here, so that it exports their spans

	last, cancel := context.WithTimeout(context.Background(), time.Minute) // longer than Prometheus's interval
	defer cancel()
	if err := tel.WaitForScrape(last); err != nil { // what was lost would raise no alert
		log.Print(err)
	}
	return errors.Join(err, opsServer.Shutdown(last))
}
