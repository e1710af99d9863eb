package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/integrations/otelsetup"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// With these in its environment the test binary is a process that has durable tasks, and no test.
const (
	childRole = "AFTERGLOW_STACK_CHILD" // webChild or workerChild
	childOps  = "AFTERGLOW_STACK_CHILD_OPS"
	childDSN  = "AFTERGLOW_STACK_CHILD_DSN"

	webChild    = "web"
	workerChild = "worker"
)

// The tasks of the children.
var (
	receiptTries atomic.Int32

	receipt = durable.Define("order.receipt", durable.Options{Backoff: soon}, func(context.Context, int) error {
		if receiptTries.Add(1) == 1 {
			return errors.New("mail server down")
		}
		return nil
	})
	stock  = durable.Define("order.stock", durable.Options{}, func(context.Context, int) error { return nil })
	broken = durable.Define("order.broken", durable.Options{MaxAttempts: 1}, func(_ context.Context, id int) error {
		return fmt.Errorf("no such product %d", id)
	})
	hanging = durable.Define("order.hanging", durable.Options{Timeout: time.Hour}, func(ctx context.Context, _ int) error {
		<-ctx.Done()
		return context.Cause(ctx)
	})
)

func soon(int) time.Duration { return 50 * time.Millisecond }

// child is the life of a process that has durable tasks.
func child(role string) int {
	if err := live(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func live(role string) error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	o, err := otelsetup.Start(ctx, otelsetup.Config{Logs: true, OnlyIfNamed: true})
	if err != nil {
		return err
	}
	log := slog.New(o.LogHandler("durable", nil))
	tel, err := telemetry.New(telemetry.Config{Logger: log, OmitTraceIDs: true})
	if err != nil {
		return err
	}
	cfg := durable.Config{Telemetry: tel, Logger: log, DeadAfter: 3 * time.Second}
	tasks := []durable.Definition{receipt, stock, broken, hanging}
	if role == webChild {
		cfg.Role, tasks = durable.EnqueueOnly, nil
	}
	q, err := sqlite.Open(ctx, os.Getenv(childDSN), cfg, tasks...)
	if err != nil {
		return err
	}
	r, err := runner.New(runner.Config{Name: role, Observers: []runner.Observer{tel.Observer()}})
	if err != nil {
		return err
	}
	server := &http.Server{Addr: os.Getenv(childOps), ReadHeaderTimeout: time.Second, Handler: r.Middleware(handler(q))}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	end, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, _ = q.Shutdown(end) // which lists what hangs
	return o.Shutdown(end, r)
}

// handler takes orders, and orders to die.
func handler(q *sqlite.Queue) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(prometheus.DefaultGatherer, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST /die", func(http.ResponseWriter, *http.Request) {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
	})
	enqueues := map[string]func(context.Context) error{
		"order": func(ctx context.Context) error {
			_, err := receipt.Enqueue(ctx, q, 7, durable.Ref("order 7"))
			return errors.Join(err, stock.After(ctx, q, 7))
		},
		"broken": func(ctx context.Context) error {
			_, err := broken.Enqueue(ctx, q, 7, durable.Ref("order 8"))
			return err
		},
		"hanging": func(ctx context.Context) error { _, err := hanging.Enqueue(ctx, q, 7); return err },
	}
	for name, enqueue := range enqueues {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			ctx, span := otel.Tracer("web").Start(r.Context(), "POST /"+name, trace.WithSpanKind(trace.SpanKindServer))
			defer span.End()
			if err := enqueue(ctx); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			fmt.Fprint(w, span.SpanContext().TraceID())
		})
	}
	return mux
}
