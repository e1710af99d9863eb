package main

import (
	"fmt"
	"slices"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/durable/consoleview"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

func (s *shop) openTelemetry() (flight *telemetry.FlightRecorder, err error) {
	if flight, err = s.openFlight(); err != nil {
		return nil, err
	}
	s.telemetry, err = telemetry.New(telemetry.Config{
		TracerProvider: s.otel.Tracers,
		Registerer:     s.registry,
		Logger:         s.log,
		OmitTraceIDs:   true,
		FlightRecorder: flight,
	})
	return flight, err
}

func (s *shop) openRunner() (err error) {
	if s.cfg.role == roleWorker {
		return nil
	}
	s.runner, err = runner.New(runner.Config{
		Name: "shop", Workers: s.cfg.workers, Queue: s.cfg.queue, Overflow: s.cfg.overflow,
		MaxReserved: s.cfg.aside.reserved, MaxHeld: s.cfg.aside.held, MaxPaused: s.cfg.aside.paused, Limits: s.cfg.aside.limits,
		Observers: []runner.Observer{s.telemetry.Observer(), s.console.Observer(), ticketObserver()},
	})
	return err
}

func (s *shop) openConsole(flight *telemetry.FlightRecorder) (err error) {
	cfg := console.Config{
		Title:      "shop",
		TraceURL:   "../../traces?trace_id={trace}",
		RunbookURL: "https://github.com/afterglow-go/afterglow/blob/main/dashboards/RUNBOOK.md",
	}
	if flight != nil {
		cfg.FlightRecorder = flight
	}
	if s.queue != nil {
		cfg.Durable = []console.Durable{consoleview.Of("mails", s.queue.Queue)}
		cfg.Actions = !slices.Contains(s.exposed(), "-ops")
	}
	if s.console, err = console.New(cfg); err != nil {
		return err
	}
	s.onClose(func() error { s.console.Close(); return nil })
	return nil
}

func (s *shop) openFlight() (*telemetry.FlightRecorder, error) {
	if s.cfg.flight == "" {
		return nil, nil
	}
	flight, err := telemetry.NewFlightRecorder(telemetry.FlightConfig{Dir: s.cfg.flight})
	if err != nil {
		return nil, fmt.Errorf("-flight: %w", err)
	}
	s.onClose(func() error { flight.Stop(); return nil })
	return flight, nil
}
