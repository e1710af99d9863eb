package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// config is what the flags say.
type config struct {
	addr, ops string
	db        string
	smtp      string // "": the server in the process
	delay     time.Duration
	webhook   string // "": the receiver in the process
	admin     string
	load      int
	faults    faultTable
	drain     time.Duration
	linger    time.Duration
	workers   int
	queue     int
	overflow  runner.Overflow
	logLevel  *slog.Level // nil: see newLogHandler
}

const usageHead = `The shop answers at once and does the rest after the response.

Usage: shop [flags]
`

// usageGroups orders the flags of -h by what one wants to do.
var usageGroups = []struct {
	title string
	flags []string
}{
	{"Where it listens and keeps its data", []string{"addr", "ops", "db"}},
	{"Where mails and webhooks go", []string{"smtp", "smtp-delay", "webhook", "admin"}},
	{"The runner", []string{"workers", "queue", "overflow", "drain", "linger"}},
	{"Making life interesting", []string{"load", "faults"}},
	{"Logging", []string{"log-level"}},
}

const usageFaults = `
Faults, for -faults: NAME=KIND:SHARE[,NAME=KIND:SHARE...]
  NAME   a callback: order.email.customer, order.email.admin, order.analytics,
         activity.log, order.webhook, cache.revalidate or signup.email
  KIND   error       the callback returns an error
         panic       the callback panics
         hang        the callback never returns and ignores its context
         slow(500ms) the callback takes so much longer, or until its timeout
  SHARE  of its runs, above 0 and up to 1; the shares of a name add up to 1 at most
  as in  -faults 'order.webhook=error:0.2,order.email.customer=hang:0.01,order.analytics=slow(500ms):0.1'

Traces go to OTEL_EXPORTER_OTLP_ENDPOINT when it is set; the last ones are always
readable at /traces on the ops address.
`

// parseConfig reads the flags. For -h it prints the usage to stdout and
// returns flag.ErrHelp. Other errors are one line that says what to do.
func parseConfig(args []string, stdout io.Writer) (config, error) {
	var c config
	var overflow, faults, level string
	fs := flag.NewFlagSet("shop", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the error is printed once, by main
	fs.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`host:port` of the shop")
	fs.StringVar(&c.ops, "ops", "127.0.0.1:8081", "`host:port` of /metrics, /traces, /healthz, /readyz and /debug/pprof")
	fs.StringVar(&c.db, "db", defaultDB(), "SQLite `file`, created if need be")
	fs.StringVar(&c.smtp, "smtp", "", "`host:port` of a real SMTP server; empty: one in the process, its mails at /inbox")
	fs.DurationVar(&c.delay, "smtp-delay", 80*time.Millisecond, "`duration` of a delivery to the SMTP server or webhook receiver in the process")
	fs.StringVar(&c.webhook, "webhook", "", "`URL` that order notifications are posted to; empty: a receiver in the process")
	fs.StringVar(&c.admin, "admin", "admin@shop.example", "mail `address` that is told of every order")
	fs.IntVar(&c.workers, "workers", 64, "`number` of callbacks that may run at once; many, as deliveries mostly wait")
	fs.IntVar(&c.queue, "queue", 1024, "`number` of accepted callbacks that may wait")
	fs.StringVar(&overflow, "overflow", "reject", "`policy` of a full queue: reject, block, drop-oldest or run-in-caller")
	fs.DurationVar(&c.drain, "drain", 10*time.Second, "`duration` for finishing what was accepted, after SIGTERM or Ctrl-C")
	fs.DurationVar(&c.linger, "linger", 0, "`duration` to wait after the drain, at most, for one last scrape of /metrics")
	fs.IntVar(&c.load, "load", 0, "`number` of orders a second to place against itself over HTTP")
	fs.StringVar(&faults, "faults", "", "`list` of faults to inject, as below")
	fs.StringVar(&level, "log-level", "", "`level`: debug, info, warn or error; empty: info, but warn on a terminal with -load")

	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			printUsage(stdout, fs)
			return c, err
		}
		return c, fmt.Errorf("%w (-h lists the flags)", err)
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("unexpected argument %q (-h lists the flags)", fs.Arg(0))
	}
	var err error
	if c.overflow, err = parseOverflow(overflow); err != nil {
		return c, err
	}
	if c.faults, err = parseFaults(faults); err != nil {
		return c, err
	}
	if level != "" {
		c.logLevel = new(slog.Level)
		if err := c.logLevel.UnmarshalText([]byte(level)); err != nil {
			return c, fmt.Errorf("-log-level %q: use debug, info, warn or error", level)
		}
	}
	return c, c.validate()
}

// validate returns the first setting that cannot be used.
func (c config) validate() error {
	for name, hostport := range map[string]string{"addr": c.addr, "ops": c.ops, "smtp": c.smtp} {
		if name == "smtp" && hostport == "" {
			continue
		}
		if _, _, err := net.SplitHostPort(hostport); err != nil {
			return fmt.Errorf("-%s %q: use host:port, as in 127.0.0.1:8080", name, hostport)
		}
	}
	if c.webhook != "" {
		if u, err := url.Parse(c.webhook); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return fmt.Errorf("-webhook %q: use an http or https URL", c.webhook)
		}
	}
	if _, err := parseEmail(c.admin); err != nil {
		return fmt.Errorf("-admin %q: %w", c.admin, err)
	}
	switch {
	case c.db == "":
		return errors.New("-db is empty: name a file")
	case c.delay < 0 || c.delay > time.Minute:
		return fmt.Errorf("-smtp-delay %v: use 0 to 1m", c.delay)
	case c.drain <= 0:
		return fmt.Errorf("-drain %v: use a positive duration", c.drain)
	case c.linger < 0:
		return fmt.Errorf("-linger %v: use 0 or a positive duration", c.linger)
	case c.load < 0 || c.load > maxLoad:
		return fmt.Errorf("-load %d: use 0 to %d orders a second", c.load, maxLoad)
	case c.workers < 1:
		return fmt.Errorf("-workers %d: use a positive number", c.workers)
	case c.queue < 1:
		return fmt.Errorf("-queue %d: use a positive number", c.queue)
	}
	return nil
}

func parseOverflow(s string) (runner.Overflow, error) {
	switch s {
	case "reject":
		return runner.Reject, nil
	case "block":
		return runner.Block, nil
	case "drop-oldest":
		return runner.DropOldest, nil
	case "run-in-caller":
		return runner.RunInCaller, nil
	}
	return 0, fmt.Errorf("-overflow %q: use reject, block, drop-oldest or run-in-caller", s)
}

// defaultDB keeps the shop's data out of the directory it is started from.
func defaultDB() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = os.TempDir()
	}
	return filepath.Join(dir, "afterglow-shop", "shop.db")
}

func printUsage(w io.Writer, fs *flag.FlagSet) {
	fmt.Fprint(w, usageHead)
	for _, group := range usageGroups {
		fmt.Fprintf(w, "\n%s\n", group.title)
		for _, name := range group.flags {
			f := fs.Lookup(name)
			arg, text := flag.UnquoteUsage(f)
			if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "0s" {
				text += " (default " + f.DefValue + ")"
			}
			fmt.Fprintf(w, "  %-22s %s\n", strings.TrimSpace("-"+name+" "+arg), text)
		}
	}
	fmt.Fprint(w, usageFaults)
}
