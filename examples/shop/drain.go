package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/afterglow-go/afterglow/runner"
)

// serveOrders serves the shop until ctx ends. Then it ends the shop in the order
// that loses nothing: be seen as not ready, take no more requests, finish what was
// accepted, flush the telemetry, and leave /metrics open for a last look. It keeps to
// -not-ready and -drain even if callbacks hang, plus the time to flush.
func (s *shop) serveOrders(ctx context.Context) error {
	announce := sync.OnceFunc(func() {
		if s.cfg.notReady > 0 {
			fmt.Fprintf(s.stdout, "Not ready: orders for %v more, then up to %v for what was accepted.\n", s.cfg.notReady, s.cfg.drain)
			return
		}
		fmt.Fprintf(s.stdout, "Closing: no more orders; up to %v for what was accepted.\n", s.cfg.drain)
	})
	stop := context.AfterFunc(ctx, announce)
	// Requests get half of the time, so that a client that sends its order byte
	// by byte does not cost others their mails.
	part := s.cfg.drain / 2
	if s.queue != nil {
		part = s.cfg.drain / 3 // the last third is for tasks
	}
	report, err := s.runner.Serve(ctx, s.server, s.listener, runner.Budgets{NotReady: s.cfg.notReady, Server: part, Callbacks: part})
	stop()
	failed := ctx.Err() == nil
	if !failed {
		announce() // Serve may return before AfterFunc has called it
	}
	lost := len(report.Lost) > 0
	if err != nil && !failed && !lost {
		fmt.Fprintln(s.stdout, "Some requests did not end in time and were cut off.")
	}
	fmt.Fprintln(s.stdout, report)
	errs := []error{s.drainQueue(part)}
	s.lookBack()
	if failed {
		errs = append(errs, fmt.Errorf("shop server: %w", err))
	}
	if lost {
		errs = append(errs, errors.New("closed with work lost, see above"))
	}
	return errors.Join(errs...)
}

// lookBack flushes the telemetry and waits for the last scrape.
func (s *shop) lookBack() {
	if err := s.flush(); err != nil {
		s.log.Warn("spans may be lost", "error", err)
	}
	if s.cfg.linger > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), s.cfg.linger)
		defer cancel()
		if err := s.telemetry.WaitForScrape(ctx); err != nil {
			s.log.Warn("the last figures are not scraped", "error", err)
		}
	}
}

// flush has the spans exported that are still held back. Once is enough.
func (s *shop) flush() error { return s.otel.Shutdown(context.Background()) }
