package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"

	"github.com/afterglow-go/afterglow/integrations/otelsetup"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

const (
	service       = "afterglow-otlp"
	callbackEmail = "order.email"
)

// app is the server and what runs after its responses.
type app struct {
	otel   *otelsetup.OTel
	log    *slog.Logger
	after  *runner.Runner
	server *http.Server
}

func newApp(ctx context.Context, stderr io.Writer) (_ *app, err error) {
	// The metrics are those that others scrape. Here a bridge reads the same
	// registry, so nothing is instrumented twice.
	registry := prometheus.NewRegistry()
	local := slog.NewJSONHandler(stderr, nil) // from info on
	a := &app{}
	a.otel, err = otelsetup.Start(ctx, otelsetup.Config{
		ServiceName: service,
		Gatherer:    registry,
		Logs:        true,
		Registerer:  registry,
		ErrorLog:    slog.New(local), // not exported: it tells that exports fail
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.otel.Shutdown(ctx))
		}
	}()
	// Each record is exported, with the ids of its context, and printed, where
	// the ids are attributes.
	a.log = slog.New(slog.NewMultiHandler(a.otel.LogHandler(service, nil), telemetry.NewTraceHandler(local)))

	tel, err := telemetry.New(telemetry.Config{
		TracerProvider: a.otel.Tracers, Registerer: registry, Logger: a.log, OmitTraceIDs: true,
	})
	if err != nil {
		return nil, err
	}
	a.after, err = runner.New(runner.Config{Name: "otlp", Observers: []runner.Observer{tel.Observer()}})
	if err != nil {
		return nil, err
	}

	mux := http.NewServeMux()
	mux.HandleFunc("POST /orders/{id}", a.placeOrder)
	a.server = &http.Server{
		// Callbacks link to the request's span, which the context has that they are asked for with.
		Handler:           otelhttp.NewHandler(mux, service, otelhttp.WithTracerProvider(a.otel.Tracers)),
		ReadHeaderTimeout: 5 * time.Second,
		ErrorLog:          slog.NewLogLogger(local, slog.LevelWarn),
	}
	return a, nil
}

// placeOrder answers at once; the mail goes out after the response.
func (a *app) placeOrder(w http.ResponseWriter, r *http.Request) {
	runner.SetPattern(r.Context(), r.Pattern) // otelhttp has copied the request
	id := r.PathValue("id")
	err := runner.After(r.Context(), callbackEmail, func(ctx context.Context) error {
		a.log.InfoContext(ctx, "mail sent", "id", id)
		return nil
	})
	switch {
	case errors.Is(err, runner.ErrQueueFull):
		http.Error(w, "busy, please try again", http.StatusServiceUnavailable)
	case err != nil:
		a.log.ErrorContext(r.Context(), "asking for a callback", "error", err)
		http.Error(w, "sorry, this did not work", http.StatusInternalServerError)
	default:
		a.log.InfoContext(r.Context(), "order placed", "id", id)
		fmt.Fprintf(w, "order %s placed\n", id)
	}
}
