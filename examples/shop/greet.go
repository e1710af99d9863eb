package main

import (
	"fmt"
	"net"
	"strings"

	"github.com/afterglow-go/afterglow/integrations/otelsetup"
)

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
	if s.cfg.role == roleWorker {
		s.greetOfWorker(smtp, spans)
		return
	}
	elsewhere := ""
	if s.cfg.role == roleWeb && s.inbox != nil {
		elsewhere = "  (the orders' mails are in the inboxes of the workers)"
	}
	third := "Start it with  -load 50 -faults order.webhook=error:0.2  and watch"
	if s.cfg.role == roleWeb {
		third = "Start a worker beside it, with  -role worker -durable " + withoutPassword(s.cfg.durable) + "  and watch"
	}
	if s.load != nil {
		third = fmt.Sprintf("See what %d orders a second look like: watch", s.load.rate)
	}
	fmt.Fprintf(s.stdout, `The Afterglow shop is open.

  shop      %[1]s
  inbox     %[1]s/inbox%[8]s
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

`, s.url, s.opsURL, s.database(), smtp, hook, spans, third, elsewhere)
}

// greetOfWorker says the same of a process that only sends mails.
func (s *shop) greetOfWorker(smtp, spans string) {
	inbox := "that of " + s.cfg.smtp
	if s.inbox != nil {
		inbox = s.opsURL + "/inbox"
	}
	fmt.Fprintf(s.stdout, `A worker of the Afterglow shop is at work.

  inbox     %[1]s
  ops       %[2]s  (/metrics /traces /faults /healthz /readyz /debug/pprof)
  console   %[2]s/debug/afterglow/
  database  %[3]s
  SMTP      %[4]s
  spans     %[5]s

Place orders at a shop on the same database, started with -role web.

`, inbox, s.opsURL, s.database(), smtp, spans)
}

// database names the database, and what is in it.
func (s *shop) database() string {
	switch s.cfg.role {
	case roleWeb:
		return withoutPassword(s.cfg.durable) + ", with the tasks of the orders' mails, which a worker sends"
	case roleWorker:
		return withoutPassword(s.cfg.durable)
	}
	if s.queue != nil {
		return withoutPassword(s.cfg.durable) + ", with the tasks of the orders' mails"
	}
	return s.cfg.db
}

// exposed names the flags whose addresses other machines may reach.
func (s *shop) exposed() (flags []string) {
	for _, l := range []struct {
		flag string
		net.Listener
	}{{"-addr", s.listener}, {"-ops", s.opsListener}} {
		if l.Listener == nil {
			continue // of a worker
		}
		if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
			flags = append(flags, l.flag)
		}
	}
	return flags
}
