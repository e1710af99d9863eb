// Stack is the whole of it on one machine, without containers: the shop under
// load, Prometheus with the rules, Alertmanager, Jaeger, and VictoriaLogs, each
// the real server, on loopback addresses:
//
//	go run ./examples/stack
//
// It is run in a checkout of the repository. The first time builds the servers,
// which takes minutes. It prints the alerts as they come, and what to break so
// that some do. Ctrl-C ends it all, and so does SIGTERM, sent to the process
// that it prints: go run does not hand that on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/afterglow-go/afterglow/examples/internal/alerts"
)

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // by nohup
		signals = append(signals, syscall.SIGHUP) // the terminal is closed
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "stack:", err)
		os.Exit(1)
	}
}

// compression is what -compress divides the time of rules by: an hour of them
// is 36 seconds.
const compression = 100

// run starts everything and waits until ctx ends, the time is up, or one of the
// servers ends by itself.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet("stack", flag.ContinueOnError)
	flags.SetOutput(stderr)
	load := flags.Int("load", 20, "`number` of orders a second that the shop places against itself")
	compress := flags.Bool("compress", false, "have the rules judge 100 times as fast, so that alerts fire and resolve in seconds")
	limit := flags.Duration("for", 0, "end after this `duration`; 0: at Ctrl-C")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q (-h lists the flags)", flags.Arg(0))
	}
	if *load < 0 {
		return fmt.Errorf("-load %d: use a number of orders a second, or 0 for none", *load)
	}
	if *limit < 0 {
		return fmt.Errorf("-for %v: use a duration such as 10m, or 0 to end at Ctrl-C", *limit)
	}
	dir, err := os.MkdirTemp("", "afterglow-stack")
	if err != nil {
		return fmt.Errorf("no place for what the servers write: %w: set TMPDIR to a directory that can be written to", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	out := &output{w: stdout}
	var news alerts.News
	o := options{
		dir: dir, programs: dir, usualPorts: true, shopFlags: []string{"-load", strconv.Itoa(*load)},
		onAlert: func(a alerts.Alert) {
			if news.Is(a) {
				fmt.Fprintf(out, "%s %s\n", time.Now().Format(time.TimeOnly), a)
			}
		},
	}
	if *compress {
		o.compression = compression
	}
	if err := build(ctx, dir, &output{w: stderr}); err != nil {
		return unlessEnded(ctx, err)
	}
	s, err := start(ctx, o)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer func() { err = errors.Join(err, s.stop()) }() // the shop's drain included
	s.greet(out)

	if *limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *limit)
		defer cancel()
	}
	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "ending")
		return nil
	case crashed := <-s.crashed:
		return crashed
	}
}

// unlessEnded is why the stack did not come up. What breaks because it is told
// to end is not worth telling.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("ended before it was up")
	}
	return err
}

// greet says where everything is and what to try.
func (s *stack) greet(w io.Writer) {
	within := "minutes (with -compress: seconds)"
	if s.compression > 1 {
		within = "seconds"
	}
	fmt.Fprintf(w, `The stack is up, and placing orders. Ctrl-C ends it all once the shop has done what
it accepted; a second one does not wait. SIGTERM does as Ctrl-C if it is sent to process %[7]d:
go run, should you have used that, does not hand it on.

  shop          %[1]s
  its ops       %[2]s  (/metrics /faults /traces)
  its log       %[8]s, warnings and errors only; gone when this ends
  Prometheus    %[3]s/api/v1/alerts, its API only: it is built without pages
  Alertmanager  %[4]s/#/alerts, a page
  Jaeger        %[5]s/api/services, its API only, likewise
  VictoriaLogs  %[9]s/select/vmui, a page. The newest records of failures, with their lines:
                curl %[9]s/select/logsql/query -d limit=3 -d 'query=callback:="order.webhook" outcome:* | sort by (_time desc)'
  dashboards    are files in dashboards/grafana for a Grafana of yours, or docker compose up

Break something, and see its alert here within %[6]s. One fault at a time; after
each put '' and wait until its critical alerts are resolved: while one of a runner
fires, its warnings are not sent. 0.1 is a tenth of the callback's runs.
  curl -X PUT %[2]s/faults -d 'order.webhook=panic:0.5'        AfterglowPanics, then the error budget's
  curl -X PUT %[2]s/faults -d 'signup.email=slow(1h):1'        AfterglowTimeouts, then the error budget's
  curl -X PUT %[2]s/faults -d 'order.webhook=hang:0.005'       AfterglowCallbackStuck
  curl -X PUT %[2]s/faults -d 'order.webhook=hang:0.1'         the same; once 64 hang, AfterglowCallbacksRejected and the error budget's
  curl -X PUT %[2]s/faults -d ''                               and all is well again, and told to be

`, s.first.url, s.first.ops, s.prometheusURL, s.alertmanagerURL, s.jaegerURL, within, os.Getpid(), s.first.log, s.victoriaLogsURL)
}

// output is written by many at once, who each write whole lines.
type output struct {
	mu sync.Mutex
	w  io.Writer // guarded by mu
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(b)
}
