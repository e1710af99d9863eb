package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"
)

const (
	modeAfter  = "after"  // the shop answers, then works
	modeInline = "inline" // the shop works, then answers
	modeBoth   = "both"

	maxOrders  = 20_000 // as many as the shop remembers the after-work of
	maxClients = 1024
)

// options is the command line.
type options struct {
	url     *url.URL
	orders  int
	clients int
	rate    float64
	mode    string
	product string
	wait    time.Duration
	timeout time.Duration
}

// parseOptions reads the flags. For -h it prints the usage to out and returns
// flag.ErrHelp.
func parseOptions(args []string, out io.Writer) (options, error) {
	var (
		o    options
		base string
	)
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error is printed once, by main
	flags.StringVar(&base, "url", "http://127.0.0.1:8080", "the shop's `address`, on this machine")
	flags.IntVar(&o.orders, "n", 1000, "how many orders to place in each mode")
	flags.IntVar(&o.clients, "c", 16, "how many clients place orders at once")
	flags.Float64Var(&o.rate, "rate", 50, "orders a second; 0: as fast as the clients can.\nWith a rate, a response counts from when its order was due, so that\na shop that stalls cannot hide it by keeping the clients waiting")
	flags.StringVar(&o.mode, "mode", modeAfter, "after, inline or both")
	flags.StringVar(&o.product, "product", "candle", "the `id` of the product to order")
	flags.DurationVar(&o.wait, "wait", 30*time.Second, "how long to wait for after-work once the orders are placed")
	flags.DurationVar(&o.timeout, "timeout", 10*time.Second, "how long to wait for one response")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(out, "Load places orders at the example shop and reads back what became of them.\n\nUsage: load [flags]")
			flags.SetOutput(out)
			flags.PrintDefaults()
			return o, err
		}
		return o, fmt.Errorf("%w (-h lists the flags)", err)
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q (-h lists the flags)", flags.Arg(0))
	}
	u, err := parseLoopback(base)
	o.url = u
	return o, errors.Join(err, o.validate())
}

func (o options) validate() error {
	var errs []error
	if o.orders < 1 || o.orders > maxOrders {
		errs = append(errs, fmt.Errorf("-n %d: use 1 to %d", o.orders, maxOrders))
	}
	if o.clients < 1 || o.clients > maxClients {
		errs = append(errs, fmt.Errorf("-c %d: use 1 to %d", o.clients, maxClients))
	}
	if !(o.rate >= 0) { // also refuses NaN
		errs = append(errs, fmt.Errorf("-rate %v: use 0 or more", o.rate))
	}
	if o.mode != modeAfter && o.mode != modeInline && o.mode != modeBoth {
		errs = append(errs, fmt.Errorf("-mode %q: use %s, %s or %s", o.mode, modeAfter, modeInline, modeBoth))
	}
	if o.wait < 0 {
		errs = append(errs, fmt.Errorf("-wait %v: use 0 or more", o.wait))
	}
	if o.timeout <= 0 {
		errs = append(errs, fmt.Errorf("-timeout %v: use more than 0", o.timeout))
	}
	return errors.Join(errs...)
}

func (o options) modes() []string {
	if o.mode == modeBoth {
		return []string{modeAfter, modeInline}
	}
	return []string{o.mode}
}

// parseLoopback accepts addresses of this machine only: load sent to someone
// else's machine is an attack.
func parseLoopback(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("-url: %w", err)
	}
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("-url %q: use http://host:port", s)
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("-url %q: load goes to this machine only: use 127.0.0.1, [::1] or localhost", s)
	}
	return u, nil
}
