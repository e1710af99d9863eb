package recipes

import (
	"context"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Every runs fn at once and then at each interval, until the deploy: the round that runs when the drain
// begins is finished, and no other one starts. The loop takes one of Config.Workers. Each round is counted and traced as a callback named name, with a timeout of
// its own, and a round that fails or panics does not end the loop.
func Every(ctx context.Context, r *runner.Runner, name string, interval time.Duration, fn func(context.Context) error) error {
	return r.Go(ctx, name+".loop", func(ctx context.Context) error {
		ticks := time.NewTicker(interval)
		defer ticks.Stop()
		draining := runner.Draining(ctx)
		for {
			select {
			case <-draining: // the deploy: end here, and nothing is lost
				return nil
			default:
			}
			_ = r.Do(ctx, name, fn, runner.Timeout(interval), runner.Wraps(fn)) // observers see how it ends
			select {
			case <-ticks.C:
			case <-draining:
			case <-ctx.Done(): // the drain has given up on a round
				return context.Cause(ctx)
			}
		}
	}, runner.Timeout(-1))
}
