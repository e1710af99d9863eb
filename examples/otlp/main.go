// Otlp is a server whose metrics, log records and traces all go to one
// collector by OTLP. Nothing is scraped. Start it with a Jaeger beside it as
// the collector, then place an order:
//
//	go run ./examples/otlp -jaeger
//	curl -X POST http://127.0.0.1:8080/orders/7
//
// Jaeger prints the records; the rest is at the addresses that it prints first.
// Without -jaeger, the environment says where the collector is, as in
//
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318 go run ./examples/otlp
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/afterglow-go/afterglow/examples/internal/jaeger"
	"github.com/afterglow-go/afterglow/runner"
)

//go:embed jaeger.yaml
var collectorConfig string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "otlp:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("otlp", flag.ContinueOnError)
	flags.SetOutput(stderr)
	addr := flags.String("addr", "127.0.0.1:8080", "`host:port` to listen on")
	budget := flags.Duration("budget", 5*time.Second, "`duration` that open requests may take at the end, and then callbacks")
	collector := flags.Bool("jaeger", false, "start a Jaeger as the collector; to be used in a checkout of the repository")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *collector {
		// It ends last, as the end of the server still exports.
		server, err := jaeger.Start(context.WithoutCancel(ctx), collectorConfig, stderr)
		if err != nil {
			return err
		}
		defer server.Stop() //nolint:errcheck // it has done its work
		if err := os.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.OTLP); err != nil {
			return err
		}
		fmt.Fprintf(stdout, `traces at %s/api/traces?service=%s, as JSON: this Jaeger is built without its pages
metrics at %s, once a minute or every OTEL_METRIC_EXPORT_INTERVAL milliseconds
`, server.Query, service, server.Metrics)
	}

	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	a, err := newApp(ctx, stderr)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintf(stdout, "listening on http://%[1]s\nplace an order: curl -X POST http://%[1]s/orders/7\n", listener.Addr())
	// Requests end first, as they ask for callbacks. Each part has a time of its own, so
	// that a request that stays open takes none from the callbacks.
	report, err := a.after.Serve(ctx, a.server, listener, runner.Budgets{Server: *budget, Callbacks: *budget})
	fmt.Fprintln(stdout, report)
	// The callbacks have counted, logged and traced. Now all of that is exported.
	err = errors.Join(err, a.otel.Shutdown(context.WithoutCancel(ctx)))
	stats := a.after.Stats()
	fmt.Fprintf(stdout, "callbacks asked for: %d, done: %d\n", stats.Asked, stats.Outcomes[runner.OutcomeSuccess])
	return err
}
