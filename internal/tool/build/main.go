// Build builds the tools that are its arguments, unless that is done, and
// prints nothing if so. `make setup` calls it.
//
//	go run ./internal/tool/build jaeger
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/afterglow-go/afterglow/internal/tool"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	failed := false
	for _, name := range os.Args[1:] {
		if _, err := tool.Binary(ctx, name, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = true
		}
	}
	if failed {
		stop()
		os.Exit(1)
	}
}
