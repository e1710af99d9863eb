package main

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/integrations/otelsetup"
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// shop is everything that runs. open makes it, serve runs it to its end.
type shop struct {
	cfg       config
	stdout    io.Writer
	log       *slog.Logger
	errorLog  *log.Logger // for servers that know no slog
	registry  *prometheus.Registry
	spans     *spanRing // the last ones
	otel      *otelsetup.OTel
	tracer    trace.Tracer
	telemetry *telemetry.Telemetry
	runner    *runner.Runner // nil in a worker
	queue     *mailQueue     // nil without -durable
	console   *console.Console
	faults    *injector

	store     *store
	templates *template.Template
	best      *bestSellers
	tickets   *tickets
	inbox     *inbox // nil with -smtp
	mails     *mailer
	receiver  *receiver // nil with -webhook, and in a worker
	hook      *webhook  // nil in a worker
	load      *load     // nil without -load

	listener, opsListener net.Listener // a worker has the second only
	server, opsServer     *http.Server // likewise
	url, opsURL           string

	draining atomic.Bool    // of a worker
	closing  chan struct{}  // closed when responses without end shall end
	closers  []func() error // in the order of opening
}

// open makes a shop that listens but does not serve yet. It closes what it
// opened if it fails, and its errors say what to do.
func open(ctx context.Context, cfg config, stdout, stderr io.Writer) (_ *shop, err error) {
	level := logLevel(stderr, cfg)
	handler := newLogHandler(stderr, level)
	s := &shop{
		cfg: cfg, stdout: stdout,
		errorLog: slog.NewLogLogger(handler, slog.LevelWarn),
		registry: newRegistry(),
		spans:    &spanRing{},
		faults:   newInjector(cfg.faults),
		tickets:  newTickets(),
		closing:  make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := s.listen(); err != nil {
		return nil, err
	}
	if s.otel, err = startOTel(ctx, s.spans, s.registry, slog.New(handler)); err != nil {
		return nil, err
	}
	s.log = newLogger(handler, s.otel.LogHandler("shop", level))
	s.onClose(s.flush)
	s.tracer = s.otel.Tracers.Tracer("github.com/afterglow-go/afterglow/examples/shop")
	if err := s.openStore(ctx); err != nil {
		return nil, err
	}
	if err := s.openDeliveries(); err != nil {
		return nil, err
	}
	flight, err := s.openTelemetry()
	if err != nil {
		return nil, err
	}
	if err := s.openQueue(ctx); err != nil {
		return nil, err
	}
	if err := s.openConsole(flight); err != nil {
		return nil, err
	}
	if err := s.openRunner(); err != nil {
		return nil, err
	}
	s.openServers()
	if cfg.load > 0 {
		s.load = newLoad(s.url, cfg.load, stdout)
	}
	return s, nil
}

// listen opens the ports; a worker has that of ops only.
func (s *shop) listen() (err error) {
	if s.cfg.role != roleWorker {
		if s.listener, err = listen("addr", s.cfg.addr); err != nil {
			return err
		}
		s.onClose(func() error { return ignoreClosed(s.listener.Close()) })
		s.url = urlOf(s.listener)
	}
	if s.opsListener, err = listen("ops", s.cfg.ops); err != nil {
		return err
	}
	s.onClose(func() error { return ignoreClosed(s.opsListener.Close()) })
	s.opsURL = urlOf(s.opsListener)
	return nil
}

func (s *shop) openStore(ctx context.Context) (err error) {
	if s.store, err = openStore(ctx, s.cfg, s.tracer); err != nil {
		return err
	}
	s.onClose(func() error { return inTime(s.store.close) })
	if s.templates, err = parseTemplates(); err != nil {
		return err
	}
	s.best = newBestSellers(s.store, s.templates)
	return s.best.revalidate(ctx)
}

// openDeliveries finds, or makes, the servers that mails and webhooks go to.
func (s *shop) openDeliveries() (err error) {
	smtp := s.cfg.smtp
	if smtp == "" {
		if s.inbox, err = openInbox(s.cfg.delay, s.errorLog); err != nil {
			return err
		}
		s.onClose(s.inbox.close)
		smtp = s.inbox.addr()
	}
	if s.mails, err = newMailer(smtp, s.tracer); err != nil {
		return fmt.Errorf("-smtp: %w", err)
	}
	if s.cfg.role == roleWorker {
		return nil
	}
	secret, url := newSecret(), s.cfg.webhook
	if url == "" {
		if s.receiver, err = s.openReceiver(secret); err != nil {
			return err
		}
		s.onClose(s.receiver.close)
		url = s.receiver.url()
	}
	s.hook = newWebhook(url, secret, s.otel)
	s.onClose(func() error { s.hook.close(); return nil })
	return nil
}

// openTelemetry makes what all work is seen by, and the flight recorder; nil without -flight.
// openRunner makes the runner and has everything of it observed: by the telemetry package and
// the console for those who run the shop, by tickets for visitors. A worker has none.
// openConsole makes the live page of the runner and of the durable tasks. It has no login, so
// on an address that others can reach nobody may retry dead letters.
// openFlight makes the flight recorder of -flight; nil without.
func (s *shop) openServers() {
	if s.cfg.role != roleWorker {
		s.server = s.newServer(s.measured(s.handler()))
		s.server.RegisterOnShutdown(func() { close(s.closing) })
	}
	s.opsServer = s.newServer(s.opsHandler())
	s.opsServer.ReadTimeout = 0 // a profile takes longer
	s.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.opsServer.Shutdown(ctx); err != nil {
			return s.opsServer.Close() // somebody is profiling the end
		}
		return nil
	})
}

// onClose has f called when the shop closes, before those given earlier.
func (s *shop) onClose(f func() error) { s.closers = append(s.closers, f) }

func (s *shop) close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}

// serve runs the shop until ctx ends or a server fails, then drains it.
func (s *shop) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var servers sync.WaitGroup
	start := func(name string, serve func() error) {
		servers.Go(func() {
			if err := serve(); err != nil && !errors.Is(err, http.ErrServerClosed) {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	start("ops server", func() error { return s.opsServer.Serve(s.opsListener) })
	if s.inbox != nil {
		start("SMTP server", s.inbox.serve)
	}
	if s.receiver != nil {
		start("webhook receiver", s.receiver.serve)
	}
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		if s.load != nil {
			s.load.run(ctx)
		}
	}()

	serve := s.serveOrders
	if s.cfg.role == roleWorker {
		serve = s.serveTasks
	}
	err := serve(ctx)
	cancel(nil) // the load's too, if the shop's server has failed
	failed := context.Cause(ctx)
	if errors.Is(failed, context.Canceled) { // not by a server
		failed = nil
	}
	err = errors.Join(failed, err, s.close())
	<-loaded // its requests have been answered or cut off by now
	servers.Wait()
	s.faults.set(nil)
	return err
}

func listen(flag, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use: stop what listens there, or choose another port with -%s", addr, flag)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w: choose another address with -%s", addr, err, flag)
	}
	return l, nil
}

// urlOf is how this machine reaches the listener.
func urlOf(l net.Listener) string {
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "http://" + l.Addr().String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// inTime gives f a second: at the end of the program nothing is worth more.
func inTime(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(time.Second):
		return errors.New("the database is still busy, leaving it to the system")
	}
}
