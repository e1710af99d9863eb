package tests

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

func TestAfterWorksInsideCallbacksToAnyDepth(t *testing.T) {
	for _, how := range []string{"scope", "go"} {
		t.Run(how, func(t *testing.T) {
			r := newRunner(t, runner.Config{Workers: 1, Queue: 2})
			var nest func(depth int) func(context.Context) error
			nest = func(depth int) func(context.Context) error {
				return func(ctx context.Context) error {
					if depth == 0 {
						return nil
					}
					return errors.Join(r.After(ctx, "by.method", nothing), runner.After(ctx, "by.function", nest(depth-1)))
				}
			}
			if how == "go" {
				require.NoError(t, r.Go(t.Context(), "start", nest(20)))
			} else {
				ctx, release := r.Scope(t.Context())
				require.NoError(t, runner.After(ctx, "start", nest(20)))
				release(nil)
			}
			require.Eventually(t, func() bool { return r.Stats().Outcomes.Total() == 41 }, 10*time.Second, time.Millisecond)
			require.Equal(t, uint64(41), r.Stats().Outcomes[runner.OutcomeSuccess])
		})
	}
}

// A chain in which each callback asks for the next must not hold on to those
// that have ended, nor take longer with every link.
func TestAChainOfCallbacksKeepsNothingOfItsPast(t *testing.T) {
	r := newRunner(t, runner.Config{Workers: 1})
	freed, links := make(chan struct{}), 0
	end := make(chan struct{})
	var next func(ctx context.Context) error
	next = func(ctx context.Context) error {
		if links++; links == 100_000 {
			close(end)
			<-freed
			return nil
		}
		return r.After(ctx, "next", next)
	}
	func() {
		payload := new([1 << 20]byte)
		runtime.AddCleanup(payload, func(struct{}) { close(freed) }, struct{}{})
		require.NoError(t, r.Go(t.Context(), "first", func(ctx context.Context) error { payload[0] = 1; return next(ctx) }))
	}()
	<-end
	requireCollected(t, freed)
}

// What observers put into the values stays, and nothing else does.
func TestAChainThatIsObservedKeepsNothingOfItsCallbacks(t *testing.T) {
	type key struct{}
	for name, started := range map[string]func(context.Context, runner.StartedInfo) context.Context{
		"nothing added": func(ctx context.Context, _ runner.StartedInfo) context.Context { return ctx },
		"a value added": func(ctx context.Context, info runner.StartedInfo) context.Context {
			return context.WithValue(ctx, key{}, info.Asked)
		},
		"a cancellation added": func(ctx context.Context, _ runner.StartedInfo) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx
		},
	} {
		t.Run(name, func(t *testing.T) {
			var link, ended int
			r := newRunner(t, runner.Config{Workers: 1, Observers: []runner.Observer{{
				Started: func(ctx context.Context, info runner.StartedInfo) context.Context {
					if ctx.Err() != nil {
						ended++
					}
					return started(ctx, info)
				},
			}}})
			freed, end := make(chan struct{}), make(chan struct{})
			var next func(ctx context.Context) error
			next = func(ctx context.Context) error {
				switch link++; link {
				case 1000:
					close(end)
					<-freed
					return nil
				case 2: // what the first was given has the values of all
					err := new(largeError)
					runtime.AddCleanup(err, func(struct{}) { close(freed) }, struct{}{})
					return errors.Join(err, r.After(ctx, "next", next))
				default:
					return r.After(ctx, "next", next)
				}
			}
			require.NoError(t, r.Go(t.Context(), "next", next))
			<-end
			requireCollected(t, freed)
			require.Zero(t, ended, "Started was told with a context that had ended")
		})
	}
}

type largeError struct{ _ [1 << 20]byte }

func (*largeError) Error() string { return "large" }
