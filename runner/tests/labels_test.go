package tests

import (
	"context"
	"runtime/pprof"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestACallbackSeesWhatStartedAddedWhateverLabelsItsAskerHas(t *testing.T) {
	type key struct{}
	type other struct{}
	for name, ask := range map[string]func(context.Context, *runner.Runner, func(context.Context) error) error{
		"no labels": func(ctx context.Context, r *runner.Runner, fn func(context.Context) error) error {
			return r.Go(ctx, "it", fn)
		},
		"labels": func(ctx context.Context, r *runner.Runner, fn func(context.Context) error) (err error) {
			pprof.Do(ctx, pprof.Labels("k", "v"), func(ctx context.Context) { err = r.Go(ctx, "it", fn) })
			return err
		},
		"a callback's, derived": func(ctx context.Context, r *runner.Runner, fn func(context.Context) error) error {
			return r.Go(ctx, "outer", func(ctx context.Context) error {
				return r.Go(context.WithValue(ctx, other{}, 1), "it", fn)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRunner(t, runner.Config{Observers: []runner.Observer{{
					Started: func(ctx context.Context, i runner.StartedInfo) context.Context {
						return context.WithValue(ctx, key{}, "started "+i.Name)
					},
				}}})
				var got any
				var label string
				err := ask(context.WithValue(t.Context(), key{}, "asker"), r, func(ctx context.Context) error {
					got = ctx.Value(key{})
					label, _ = pprof.Label(ctx, "afterglow.callback")
					return nil
				})
				require.NoError(t, err)
				synctest.Wait()
				require.Equal(t, "started it", got)
				require.Equal(t, "it", label)
			})
		})
	}
}
