package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/afterglow-go/afterglow/examples/internal/otelsetup"
	"github.com/afterglow-go/afterglow/runner"
)

// serveOrders serves the shop until ctx ends. Then it ends the shop in the order
// that loses nothing: be seen as not ready, take no more requests, finish what was
// accepted, flush the telemetry, and leave /metrics open for a last look. It keeps to
// -drain even if callbacks hang, plus the time to flush.
func (s *shop) serveOrders(ctx context.Context) error {
	announce := sync.OnceFunc(func() {
		fmt.Fprintf(s.stdout, "Closing: no more orders; up to %v for what was accepted.\n", s.cfg.drain)
	})
	stop := context.AfterFunc(ctx, announce)
	// Requests get half of the time, so that a client that sends its order byte
	// by byte does not cost others their mails.
	half := s.cfg.drain / 2
	report, err := s.runner.Serve(ctx, s.server, s.listener, runner.Budgets{Server: half, Callbacks: half})
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
	s.lookBack()
	var errs []error
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

// greet says where everything is and what to try.
func (s *shop) greet() {
	if flags := s.exposed(); len(flags) > 0 {
		fmt.Fprintf(s.stdout, "Warning: %s can be reached from other machines, and nothing here asks for a password: not the inbox, not the profiles.\n\n",
			strings.Join(flags, " and "))
	}
	smtp, hook, spans := s.cfg.smtp, s.cfg.webhook, "kept in memory, the last ones at "+s.opsURL+"/traces"
	if s.inbox != nil {
		smtp = fmt.Sprintf("%s, in this process, %v a mail", s.inbox.addr(), s.cfg.delay)
	}
	if s.receiver != nil {
		hook = fmt.Sprintf("%s, in this process, %v a notice", s.receiver.url(), s.cfg.delay)
	}
	if endpoint := s.otel.Endpoint(otelsetup.Traces); endpoint != "" {
		spans = "exported to " + endpoint + ", the last ones at " + s.opsURL + "/traces"
	}
	third := "Start it with  -load 50 -faults order.webhook=error:0.2  and watch"
	if s.load != nil {
		third = fmt.Sprintf("See what %d orders a second look like: watch", s.load.rate)
	}
	fmt.Fprintf(s.stdout, `The Afterglow shop is open.

  shop      %[1]s
  inbox     %[1]s/inbox
  ops       %[2]s  (/metrics /traces /faults /healthz /readyz /debug/pprof)
  console   %[2]s/debug/afterglow/
  database  %[3]s
  SMTP      %[4]s
  webhook   %[5]s
  spans     %[6]s

Three things to try:
  1. Open %[1]s and place an order, then the same one inline.
  2. curl -i %[1]s/api/orders -H 'Content-Type: application/json' \
       -d '{"name":"Ada","email":"ada@example.org","product":"lantern","quantity":1}'
  3. %[7]s
     %[2]s/metrics, then press Ctrl-C.

`, s.url, s.opsURL, s.cfg.db, smtp, hook, spans, third)
}

// exposed names the flags whose addresses other machines may reach.
func (s *shop) exposed() (flags []string) {
	for _, l := range []struct {
		flag string
		net.Listener
	}{{"-addr", s.listener}, {"-ops", s.opsListener}} {
		if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			flags = append(flags, l.flag)
		}
	}
	return flags
}
