package recipes

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
)

// SendAll sends to all receivers, as many at once as the runner has workers, and returns when all
// of them are done. No request asks for the work, so it opens a scope by hand. Its error names
// each receiver that failed.
func SendAll(ctx context.Context, after *runner.Runner, receivers []string, send func(ctx context.Context, to string) error) error {
	errs := make([]error, len(receivers))
	scoped, release := after.Scope(ctx)
	for i, to := range receivers {
		// Each callback has a place of its own in errs, so there is no lock.
		err := runner.After(scoped, "newsletter.send", func(ctx context.Context) (err error) {
			errs[i] = errNotDone // if send panics
			defer func() { err = errs[i] }()
			errs[i] = send(ctx, to)
			return errs[i]
		}, runner.Ref(to))
		if err != nil { // MaxReserved or the queue is full: send it here and now
			errs[i] = after.Do(ctx, "newsletter.send", func(ctx context.Context) error { return send(ctx, to) }, runner.Ref(to))
		}
	}
	release(nil)                                // now they run
	if err := runner.Wait(scoped); err != nil { // ctx has ended before: errs is still written to
		return err
	}
	return errors.Join(named(receivers, errs)...)
}

var errNotDone = errors.New("it did not come to its end")

// named says which receiver each error is of.
func named(receivers []string, errs []error) (all []error) {
	for i, err := range errs {
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", receivers[i], err))
		}
	}
	return all
}
