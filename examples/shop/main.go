// The shop is a small web shop that answers at once and does the rest after
// the response: mails, analytics, the activity log, a webhook, the best-seller
// cache. Everything it needs is inside: SQLite, an SMTP server, a webhook
// receiver. Run it with
//
//	go run ./examples/shop
//
// and open the address it prints; -h tells the rest.
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
)

// exitSecondSignal is what a shell reports for a program that Ctrl-C ended.
const exitSecondSignal = 130

func main() {
	nameCallbacksInCrashes()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-signals
		cancel()
		<-signals
		fmt.Fprintln(os.Stderr, "shop: second signal, ending at once")
		os.Exit(exitSecondSignal)
	}()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
}

// run is the whole program: it opens the shop, serves until ctx ends, and
// drains. A nil error means that nothing was lost.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	cfg, err := parseConfig(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if cfg.health {
		return askReady(ctx, cfg.ops)
	}
	s, err := open(ctx, cfg, stdout, stderr)
	if err != nil {
		return err
	}
	s.greet()
	return s.serve(ctx)
}
