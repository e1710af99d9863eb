// Profile shows which callback the CPU time goes to. The runner labels the
// goroutine of each callback with afterglow.runner and afterglow.callback, so
// any CPU profile of a program splits by callback:
//
//	go run ./examples/profile
//
// Of a server that has net/http/pprof, as examples/shop has, the same is shown
// by
//
//	go tool pprof -tags http://127.0.0.1:8081/debug/pprof/profile
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"github.com/afterglow-go/afterglow/runner"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
		os.Exit(1)
	}
}

// run profiles two callbacks for about a second, of which one does three times
// the work of the other, and prints what each has cost.
func run(ctx context.Context, stdout io.Writer) error {
	r, err := runner.New(runner.Config{Name: "profile", Workers: 2})
	if err != nil {
		return err
	}
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		return err
	}
	defer pprof.StopCPUProfile() // a second time does nothing
	for name, megabytes := range map[string]int{"invoice.render": 900, "thumbnail.resize": 300} {
		err := r.Go(ctx, name, func(context.Context) error {
			burn(megabytes)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if _, err := r.Shutdown(ctx); err != nil { // it waits for both
		return err
	}
	pprof.StopCPUProfile()

	shares, err := split(profile.Bytes())
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%8s  %8s  %s\n", "cpu", "share", "runner and callback")
	for _, s := range shares {
		fmt.Fprintf(stdout, "%8v  %7.1f%%  %s\n", s.cpu, 100*s.share, s.work)
	}
	return nil
}

// burn hashes, which keeps a core busy.
func burn(megabytes int) {
	block := make([]byte, 1<<20)
	for range megabytes {
		sum := sha256.Sum256(block)
		copy(block, sum[:])
	}
}
