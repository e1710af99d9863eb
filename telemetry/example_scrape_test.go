package telemetry_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// The end of a program: what the drain has lost is counted when it is over, so the
// server of /metrics outlives it, and ends when somebody has read that.
func ExampleTelemetry_WaitForScrape() {
	registry := prometheus.NewRegistry()
	tel, err := telemetry.New(telemetry.Config{Registerer: registry, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	if err != nil {
		panic(err)
	}
	ops := httptest.NewServer(tel.WatchScrapes(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})))
	defer ops.Close() // as Shutdown of an http.Server, it waits until the answer has left

	if _, err := r.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	go func() { // Prometheus, some seconds later
		if answer, err := http.Get(ops.URL); err == nil {
			_ = answer.Body.Close()
		}
	}()
	last, cancel := context.WithTimeout(context.Background(), time.Minute) // longer than its interval
	defer cancel()
	fmt.Println(tel.WaitForScrape(last))
	// Output: <nil>
}
