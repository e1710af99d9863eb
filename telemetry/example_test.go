package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// The whole wiring of a program: one Telemetry, a runner that it observes and
// watches, and a handler for Prometheus. OpenMetrics is what carries exemplars.
func Example() {
	registry := prometheus.NewRegistry()
	tel, err := telemetry.New(telemetry.Config{
		Registerer: registry,
		Logger:     slog.New(slog.DiscardHandler), // keeps this example quiet
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := runner.New(runner.Config{Name: "shop", Observers: []runner.Observer{tel.Observer()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	shop := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		err := runner.After(req.Context(), "order.email", func(context.Context) error { return nil })
		if err != nil {
			http.Error(w, "try again later", http.StatusServiceUnavailable)
		}
	}))
	metrics := promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true})

	shop.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/api/orders", nil))
	if _, err := r.Shutdown(context.Background()); err != nil { // before /metrics goes away
		fmt.Println(err)
	}
	page := httptest.NewRecorder()
	metrics.ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if strings.HasPrefix(line, names.MetricCallbacks) && !strings.HasSuffix(line, " 0\n") {
			fmt.Print(line)
		}
	}
	// Output:
	// afterglow_callbacks_total{callback="order.email",outcome="success",runner="shop"} 1
}

// What a panic leaves behind: the last seconds of the execution trace, for go
// tool trace, in the file that the record names.
func ExampleNewFlightRecorder() {
	dir, err := os.MkdirTemp("", "flight")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	flight, err := telemetry.NewFlightRecorder(telemetry.FlightConfig{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	tel, err := telemetry.New(telemetry.Config{
		Registerer:     prometheus.NewRegistry(),
		Logger:         slog.New(slog.DiscardHandler),
		FlightRecorder: flight,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := r.Go(ctx, "order.email", func(context.Context) error { panic("nil map") }); err != nil {
		fmt.Println(err)
	}
	if _, err := r.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	flight.Stop() // after the runners
	files, err := filepath.Glob(filepath.Join(dir, "afterglow-*.trace"))
	fmt.Println(len(files), err)
	// Output: 1 <nil>
}

// A failure is a record with a constant message: what varies is in the
// attributes.
func ExampleTelemetry_Observer() {
	keep := func(_ []string, a slog.Attr) slog.Attr {
		if strings.HasSuffix(a.Key, "_seconds") || a.Key == slog.TimeKey || a.Key == names.KeyErrorType {
			return slog.Attr{}
		}
		if a.Key == names.KeyFunction { // its file is elsewhere on each machine
			name, _, _ := strings.Cut(a.Value.String(), " (")
			return slog.String(a.Key, path.Base(name))
		}
		return a
	}
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: keep}))
	tel, err := telemetry.New(telemetry.Config{Registerer: prometheus.NewRegistry(), Logger: logger})
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := runner.New(runner.Config{Observers: []runner.Observer{tel.Observer()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	err = r.Go(ctx, "order.email", func(context.Context) error { return errors.New("mailbox full") })
	if err != nil {
		fmt.Println(err)
	}
	if _, err := r.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// level=ERROR msg="callback failed" runner=default callback=order.email outcome=error error="mailbox full" function=telemetry_test.ExampleTelemetry_Observer.func2
}
