package recipes

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/afterglow-go/afterglow/runner"
)

// AfterUnlessTakenBack is [runner.After] for a callback that can be taken back: by the rest of the
// handler, or later by another request, as in "undo send". takeBack reports whether it came in time:
// true means that fn has not begun and will not. A callback that is taken back before its response is
// done ends as skipped.
func AfterUnlessTakenBack(ctx context.Context, name string, fn func(context.Context) error, opts ...runner.Option) (takeBack func() bool, err error) {
	const pending, begun, taken = 0, 1, 2
	var state atomic.Int32
	err = runner.After(ctx, name, func(ctx context.Context) error {
		if !state.CompareAndSwap(pending, begun) && state.Load() == taken { // a later attempt finds it begun
			return nil
		}
		return fn(ctx)
	}, slices.Concat(opts, []runner.Option{runner.Wraps(fn), runner.When(func(runner.Request) bool { return state.Load() != taken })})...)
	return func() bool { return state.CompareAndSwap(pending, taken) }, err
}
