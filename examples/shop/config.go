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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/runner"
)

// config is what the flags say.
type config struct {
	addr, ops string
	db        string
	durable   string // DSN of the database that has the orders and the tasks; "": the orders are in db, and nothing is durable
	role      role
	smtp      string // "": the server in the process
	delay     time.Duration
	webhook   string // "": the receiver in the process
	admin     string
	load      int
	faults    faultTable
	notReady  time.Duration
	drain     time.Duration
	linger    time.Duration
	workers   int
	queue     int
	overflow  runner.Overflow
	aside     aside
	attempts  int         // to deliver a webhook
	logLevel  *slog.Level // nil: see function logLevel
	flight    string      // "": no flight recorder
	health    bool        // ask another shop, and be none
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
	{"Mails that survive a crash", []string{"durable", "role"}},
	{"Where mails and webhooks go", []string{"smtp", "smtp-delay", "webhook", "webhook-attempts", "admin"}},
	{"The runner", []string{"workers", "queue", "overflow", "limits", "max-reserved", "max-held", "max-paused", "not-ready", "drain", "linger"}},
	{"Making life interesting", []string{"load", "faults"}},
	{"Looking into it", []string{"log-level", "flight"}},
	{"In a container", []string{"healthcheck"}},
}

// durableVariable has the DSN where all that run on a machine can read the flags of a
// process, and the DSN has a password.
const durableVariable = "SHOP_DURABLE"

const usageFaults = `
Faults, for -faults: NAME=KIND:SHARE[,NAME=KIND:SHARE...]
  NAME   a callback: order.email.customer, order.email.admin, order.analytics,
         activity.log, order.webhook, cache.revalidate, signup.email or order.watched
  KIND   error       the callback returns an error
         panic       the callback panics
         hang        the callback never returns and ignores its context
         slow(500ms) the callback takes so much longer, or until its timeout
  SHARE  of its runs, above 0 and up to 1; the shares of a name add up to 1 at most
  as in  -faults 'order.webhook=error:0.2,order.email.customer=hang:0.01,order.analytics=slow(500ms):0.1'
  While the shop runs, PUT to /faults on the ops address replaces them all; what hangs is let go then.

Traces go to OTEL_EXPORTER_OTLP_ENDPOINT when it is set; the last ones are always
readable at /traces on the ops address. Log records go to
OTEL_EXPORTER_OTLP_LOGS_ENDPOINT, too, when that is set. SHOP_DURABLE is the DSN
if -durable is not given: others can read flags, and a DSN may have a password.
`

// parseConfig reads the flags. For -h it prints the usage to stdout and
// returns flag.ErrHelp. Other errors say what to do, one line a mistake.
func parseConfig(args []string, stdout io.Writer) (config, error) {
	c := config{delay: 80 * time.Millisecond, workers: 64, queue: 1024, attempts: 3, drain: 10 * time.Second}
	var role, overflow, limits, faults, level string
	fs := flag.NewFlagSet("shop", flag.ContinueOnError)
	fs.SetOutput(io.Discard) // the error is printed once, by main
	fs.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`host:port` of the shop")
	fs.StringVar(&c.ops, "ops", "127.0.0.1:8081", "`host:port` of /metrics, /traces, /faults, /readyz and /debug/pprof")
	fs.StringVar(&c.db, "db", defaultDB(), "SQLite `file`, created if need be")
	fs.StringVar(&c.durable, "durable", "", "`DSN` of orders and their mails, sqlite:FILE or postgres://…; empty: mails wait in memory")
	fs.StringVar(&role, "role", string(roleAll), "`role` with -durable: web takes orders, worker sends their mails, all does both")
	fs.StringVar(&c.smtp, "smtp", "", "`host:port` of a real SMTP server; empty: one in the process, its mails at /inbox")
	fs.Var((*durationFlag)(&c.delay), "smtp-delay", "`duration` of a delivery to the SMTP server or webhook receiver in the process")
	fs.StringVar(&c.webhook, "webhook", "", "`URL` that order notifications are posted to; empty: a receiver in the process")
	fs.Var((*intFlag)(&c.attempts), "webhook-attempts", "`number` of times that a webhook is sent before the shop gives up")
	fs.StringVar(&c.admin, "admin", "admin@shop.example", "mail `address` that gets a mail about every order")
	fs.Var((*intFlag)(&c.workers), "workers", "`number` of callbacks that may run at once; many, as deliveries mostly wait")
	fs.Var((*intFlag)(&c.queue), "queue", "`number` of callbacks that may wait for a worker")
	fs.StringVar(&overflow, "overflow", "reject", "`policy` of a full queue: reject, block or drop-oldest")
	fs.StringVar(&limits, "limits", "", "`list` of how many callbacks of a name may run at once, as in order.webhook=8,signup.email=2")
	fs.Var((*intFlag)(&c.aside.reserved), "max-reserved", "`number` of callbacks that may wait for open responses; 0: eight times -queue")
	fs.Var((*intFlag)(&c.aside.held), "max-held", "`number` of callbacks that may wait for -limits; 0: eight times -queue")
	fs.Var((*intFlag)(&c.aside.paused), "max-paused", "`number` of callbacks that may wait for another attempt; 0: eight times -queue")
	fs.Var((*durationFlag)(&c.notReady), "not-ready", "`duration` to go on serving after SIGTERM while /readyz answers 503, before the drain begins")
	fs.Var((*durationFlag)(&c.drain), "drain", "`duration` to end after Ctrl-C or SIGTERM: half for requests, half for callbacks")
	fs.Var((*durationFlag)(&c.linger), "linger", "`duration` to wait after the drain, at most, for one last scrape of /metrics")
	fs.Var((*intFlag)(&c.load), "load", "`number` of orders a second to place against itself over HTTP")
	fs.StringVar(&faults, "faults", "", "`list` of faults to inject, as below")
	fs.StringVar(&level, "log-level", "", "`level`: debug, info, warn or error; empty: info, but warn on a terminal with -load")
	fs.StringVar(&c.flight, "flight", "", "`directory` for the last seconds of the execution trace before a failure; empty: not kept")
	fs.BoolVar(&c.health, "healthcheck", false, "ask the shop whose address is -ops whether it is ready, and exit, 0 if so")

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
	isSet := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { isSet[f.Name] = true })
	if !isSet["durable"] {
		c.durable = os.Getenv(durableVariable)
	}
	return c, c.set(isSet, role, overflow, limits, faults, level)
}

// set takes over what the flags say as text, and reports every setting that
// cannot be used, joined, in the order of the help.
func (c *config) set(isSet map[string]bool, role, overflow, limits, faults, level string) error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(isHostPort(c.addr), "-addr %q: use host:port, as in 127.0.0.1:8080", c.addr)
	check(isHostPort(c.ops), "-ops %q: use host:port, as in 127.0.0.1:8081", c.ops)
	check(c.db != "", "-db is empty: name a file")
	errs = append(errs, c.setDurable(isSet, role)...)

	check(c.smtp == "" || isHostPort(c.smtp), "-smtp %q: use host:port, as in 127.0.0.1:1025", c.smtp)
	check(c.delay >= 0 && c.delay <= time.Minute, "-smtp-delay %v: use 0 to 1m", c.delay)
	check(c.webhook == "" || isWebURL(c.webhook), "-webhook %q: use an http or https URL", c.webhook)
	check(c.attempts >= 1, "-webhook-attempts %d: use a positive number", c.attempts)
	_, err := parseEmail(c.admin)
	check(err == nil, "-admin %q: %w", c.admin, err)

	check(c.workers >= 1, "-workers %d: use a positive number", c.workers)
	check(c.queue >= 1, "-queue %d: use a positive number", c.queue)
	var known bool
	c.overflow, known = overflows[overflow]
	check(known, "-overflow %q: use reject, block or drop-oldest", overflow)
	c.aside.limits, err = parseLimits(limits)
	check(err == nil, "-limits %w", err)
	check(c.aside.reserved >= 0, "-max-reserved %d: use 0 or a positive number", c.aside.reserved)
	check(c.aside.held >= 0, "-max-held %d: use 0 or a positive number", c.aside.held)
	check(c.aside.paused >= 0, "-max-paused %d: use 0 or a positive number", c.aside.paused)
	check(c.notReady >= 0, "-not-ready %v: use 0 or a positive duration", c.notReady)
	check(c.drain > 0, "-drain %v: use a positive duration", c.drain)
	check(c.linger >= 0, "-linger %v: use 0 or a positive duration", c.linger)

	check(c.load >= 0 && c.load <= maxLoad, "-load %d: use 0 to %d orders a second", c.load, maxLoad)
	c.faults, err = parseFaults(faults)
	check(err == nil, "-faults %w", err)
	if level != "" {
		c.logLevel = new(slog.Level)
		err = c.logLevel.UnmarshalText([]byte(level))
		check(err == nil, "-log-level %q: use debug, info, warn or error", level)
	}
	return errors.Join(errs...)
}

// setDurable takes over -durable and -role.
func (c *config) setDurable(isSet map[string]bool, asked string) (errs []error) {
	path, isFile := strings.CutPrefix(c.durable, sqlite.Scheme)
	if isFile {
		path = strings.TrimPrefix(path, "//")
		c.durable = sqlite.Scheme + path
	}
	switch {
	case c.durable == "":
	case !isPostgres(c.durable) && (!isFile || path == ""):
		errs = append(errs, fmt.Errorf("-durable %q: use sqlite:FILE or a DSN of Postgres, as in sqlite:shop.db or postgres://shop@localhost/shop", c.durable))
	case isSet["db"]:
		errs = append(errs, errors.New("-durable and -db name two databases: leave -db out, as the orders are where the tasks are"))
	}
	switch c.role = role(asked); c.role {
	case roleAll:
	case roleWeb, roleWorker:
		if c.durable == "" {
			errs = append(errs, fmt.Errorf("-role %s needs -durable: give the processes one database to meet in", c.role))
		}
		if c.role == roleWorker && c.load > 0 {
			errs = append(errs, errors.New("-role worker takes no orders: give -load to the shop"))
		}
		if c.role == roleWorker && !isSet["ops"] {
			c.ops = "127.0.0.1:0" // the shop has the default, and there may be more workers
		}
	default:
		errs = append(errs, fmt.Errorf("-role %q: use all, web or worker", asked))
	}
	return errs
}

// durationFlag is a duration whose errors say what to do.
type durationFlag time.Duration

func (d *durationFlag) String() string { return time.Duration(*d).String() }

func (d *durationFlag) Set(s string) error {
	v, err := time.ParseDuration(s)
	if err != nil {
		return errors.New("use a duration, as in 10s")
	}
	*d = durationFlag(v)
	return nil
}

// intFlag likewise.
type intFlag int

func (i *intFlag) String() string { return strconv.Itoa(int(*i)) }

func (i *intFlag) Set(s string) error {
	v, err := strconv.Atoi(s)
	if err != nil {
		return errors.New("use a whole number")
	}
	*i = intFlag(v)
	return nil
}

func isHostPort(s string) bool {
	_, _, err := net.SplitHostPort(s)
	return err == nil
}

func isWebURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

var overflows = map[string]runner.Overflow{
	"reject": runner.Reject, "block": runner.Block(time.Second), "drop-oldest": runner.DropOldest,
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
			if !slices.Contains([]string{"", "0", "0s", "false"}, f.DefValue) {
				text += " (default " + f.DefValue + ")"
			}
			fmt.Fprintf(w, "  %-22s %s\n", strings.TrimSpace("-"+name+" "+arg), text)
		}
	}
	fmt.Fprint(w, usageFaults)
}
