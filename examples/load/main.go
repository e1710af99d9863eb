// Load places orders at the example shop, as many at once as it is told, and
// reports how fast the answers came and whether every piece of work that the
// shop promised to do after them was done: it reads each order back.
//
//	go run ./examples/shop
//	go run ./examples/load -mode both
//
// It is bounded in orders, clients and time, and sends to this machine only.
// It exits 1 if after-work is missing or no order could be placed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

// run places and reads back the orders of each mode in turn. When ctx ends it
// places no more, and reports on those that were placed.
func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	o, err := parseOptions(args, out)
	if err != nil {
		return err
	}
	shop := newShop(o)
	defer shop.close()
	if err := shop.find(ctx); err != nil {
		return err
	}

	var results []*result
	for _, mode := range o.modes() {
		fmt.Fprintln(errOut, placing(o, mode))
		r := place(ctx, shop, mode, o)
		r.audit = audit(ctx, shop, r.orders, o)
		results = append(results, r)
	}
	printReport(out, o, results)
	return verdict(results)
}

// placing says what is about to happen and, where a rate tells, for how long.
func placing(o options, mode string) string {
	line := fmt.Sprintf("placing %d orders, mode %s", o.orders, mode)
	if o.rate > 0 {
		if takes := time.Duration(float64(o.orders) / o.rate * float64(time.Second)).Round(time.Second); takes > 0 {
			line += fmt.Sprintf(", about %v", takes)
		}
	}
	return line
}

// verdict is the error that the program ends with: something was promised and
// not done, or nothing could be measured.
func verdict(results []*result) error {
	var errs []error
	for _, r := range results {
		if n := len(r.audit.missing); n > 0 {
			errs = append(errs, fmt.Errorf("mode %s: after-work of %d orders is missing", r.mode, n))
		}
		if len(r.orders) == 0 {
			errs = append(errs, fmt.Errorf("mode %s: no order could be placed", r.mode))
		}
	}
	return errors.Join(errs...)
}
