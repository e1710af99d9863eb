package tests

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// recycledContext is a context as some web frameworks have one: they give it to
// another request when its handler has returned.
type recycledContext struct {
	now atomic.Pointer[context.Context]
}

func newRecycledContext(ctx context.Context) *recycledContext {
	c := new(recycledContext)
	c.give(ctx)
	return c
}

func (c *recycledContext) give(ctx context.Context)    { c.now.Store(&ctx) }
func (c *recycledContext) Deadline() (time.Time, bool) { return (*c.now.Load()).Deadline() }
func (c *recycledContext) Done() <-chan struct{}       { return (*c.now.Load()).Done() }
func (c *recycledContext) Err() error                  { return (*c.now.Load()).Err() }
func (c *recycledContext) Value(key any) any           { return (*c.now.Load()).Value(key) }
func labeled(ctx context.Context, v string) context.Context {
	return pprof.WithLabels(ctx, pprof.Labels("visitor", v))
}

// visit has r serve a request whose handler is given a context of the request, and
// returns what the handler's end is.
func visit(t *testing.T, r *runner.Runner, path string) (ctx context.Context, end func()) {
	t.Helper()
	given, ends, ended := make(chan context.Context), make(chan struct{}), make(chan struct{})
	h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		given <- req.Context()
		<-ends
	}))
	go func() {
		defer close(ended)
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(labeled(t.Context(), path), http.MethodGet, path, nil))
	}()
	end = sync.OnceFunc(func() {
		close(ends)
		<-ended
	})
	t.Cleanup(end)
	return <-given, end
}

// seen is what a context says of where it comes from.
type seen struct {
	Path, Visitor, Callback string
	Draining                bool
}

func look(ctx context.Context) (s seen) {
	if req, ok := runner.RequestFrom(ctx); ok {
		s.Path = req.URL.Path
	}
	s.Visitor, _ = pprof.Label(ctx, "visitor")
	s.Callback, _ = pprof.Label(ctx, "afterglow.callback")
	s.Draining = runner.Draining(ctx) != nil
	return s
}

func TestACallbackBelongsToTheRequestThatAskedAlthoughItsContextIsRecycled(t *testing.T) {
	ways := map[string]struct {
		ask     func(*runner.Runner, context.Context, func(context.Context) error) error
		isAfter bool
	}{
		"After": {func(_ *runner.Runner, ctx context.Context, fn func(context.Context) error) error {
			return runner.After(ctx, "it", fn)
		}, true},
		"the method After": {func(r *runner.Runner, ctx context.Context, fn func(context.Context) error) error {
			return r.After(ctx, "it", fn)
		}, true},
		"AfterAll": {func(_ *runner.Runner, ctx context.Context, fn func(context.Context) error) error {
			return runner.AfterAll(ctx, runner.Call{Name: "it", Func: fn})
		}, true},
		"After with a derived context": {func(_ *runner.Runner, ctx context.Context, fn func(context.Context) error) error {
			return runner.After(context.WithValue(ctx, familyKey{}, 1), "it", fn)
		}, true},
		"After with a gate": {func(_ *runner.Runner, ctx context.Context, fn func(context.Context) error) error {
			return runner.After(ctx, "it", fn, runner.When(func(req runner.Request) bool { return req.URL.Path == "/first" }))
		}, true},
		"After with a retry": {func(_ *runner.Runner, ctx context.Context, fn func(context.Context) error) error {
			attempts := 0
			return runner.After(ctx, "it", func(ctx context.Context) error {
				if attempts++; attempts == 1 {
					return errBroken
				}
				return fn(ctx)
			}, runner.RetryBackoff(2, every(time.Second)))
		}, true},
		"Go": {func(r *runner.Runner, ctx context.Context, fn func(context.Context) error) error {
			return r.Go(ctx, "it", fn)
		}, false},
	}
	type key struct{}
	observers := map[string]runner.Observer{
		"unobserved": {},
		"an observer that adds values": {
			Accepted: func(ctx context.Context, _ runner.AcceptedInfo) context.Context {
				return context.WithValue(ctx, key{}, 1)
			},
			Started: func(ctx context.Context, _ runner.StartedInfo) context.Context {
				return context.WithValue(ctx, key{}, 2)
			},
		},
	}
	for name, way := range ways {
		for observed, o := range observers {
			t.Run(name+", "+observed, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var finished []seen
					r := newRunner(t, runner.Config{Name: "first", Workers: 1, Observers: []runner.Observer{o, {
						Finished: func(ctx context.Context, _ runner.FinishedInfo) { finished = append(finished, look(ctx)) },
					}}})
					other := newRunner(t, runner.Config{Name: "second"})
					busy := newGate(t)
					require.NoError(t, r.Go(t.Context(), "busy", busy.wait, runner.Timeout(-1)))

					first, endFirst := visit(t, r, "/first")
					second, _ := visit(t, other, "/second")
					ctx := newRecycledContext(first)
					var outer, nested, byGo seen
					require.NoError(t, way.ask(r, ctx, func(ctx context.Context) error {
						outer = look(ctx)
						if err := r.Go(ctx, "by.go", func(ctx context.Context) error { byGo = look(ctx); return nil }); err != nil {
							return err
						}
						return runner.After(ctx, "nested", func(ctx context.Context) error { nested = look(ctx); return nil })
					}))
					canceled, cancel := context.WithCancel(second)
					cancel()
					ctx.give(canceled) // the framework uses it again
					endFirst()
					busy.release()
					if way.isAfter {
						require.NoError(t, runner.Wait(first), "also for the nested one")
						require.NotZero(t, nested)
					}
					time.Sleep(time.Minute)
					synctest.Wait()

					require.Equal(t, seen{"/first", "/first", "it", true}, outer)
					require.Equal(t, seen{"/first", "/first", "nested", true}, nested)
					require.Equal(t, seen{"/first", "/first", "by.go", true}, byGo)
					require.Zero(t, other.Stats().Asked)
					require.Equal(t, uint64(4), r.Stats().Outcomes[runner.OutcomeSuccess])
					require.Len(t, finished, 4)
					for _, s := range finished[1:] {
						require.Equal(t, "/first", s.Path, "observers see the same request")
					}
				})
			})
		}
	}
}

func TestACallbackIsNotCanceledWithTheNextRequestOfARecycledContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1})
		scoped, release := r.Scope(t.Context())
		ctx := newRecycledContext(scoped)
		ended := make(chan error, 1)
		require.NoError(t, runner.After(ctx, "it", func(ctx context.Context) error {
			time.Sleep(time.Minute)
			if _, has := ctx.Deadline(); has {
				t.Error("it has a deadline")
			}
			ended <- ctx.Err()
			return nil
		}, runner.Timeout(-1)))
		release(nil)
		synctest.Wait()
		next, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		ctx.give(next)
		require.NoError(t, <-ended)
	})
}

func TestTheScopesOfARecycledContextAreThoseOfItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{})
		first, releaseFirst := r.Scope(t.Context())
		second, releaseSecond := r.Scope(t.Context())
		ctx := newRecycledContext(first)
		ran := ""
		note := func(s string) func(context.Context) error {
			return func(context.Context) error { ran += s; return nil }
		}
		require.NoError(t, runner.After(ctx, "a", note("a"), runner.Once("k")))
		ctx.give(second)
		require.NoError(t, runner.After(ctx, "a", note("b"), runner.Once("k")), "it is another scope's first")
		releaseSecond(nil)
		synctest.Wait()
		require.Equal(t, "b", ran)
		releaseFirst(nil)
		synctest.Wait()
		require.Equal(t, "ba", ran)
		require.NoError(t, runner.Wait(first))
		require.NoError(t, runner.Wait(second))
	})
}

// The callbacks of a callback have its request too, from the first event on.
func TestObserversOfANestedCallbackSeeTheRequestOfTheFirst(t *testing.T) {
	type key struct{}
	for name, first := range map[string]runner.Observer{
		"nothing added": {},
		"a value added at the start": {Started: func(ctx context.Context, _ runner.StartedInfo) context.Context {
			return context.WithValue(ctx, key{}, 1)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				seenBy := make(map[string][]string)
				note := func(ctx context.Context, callback runner.Callback, event string) {
					seenBy[callback.Name] = append(seenBy[callback.Name], event+" "+look(ctx).Path)
				}
				r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Observers: []runner.Observer{first, {
					Accepted: func(ctx context.Context, info runner.AcceptedInfo) context.Context {
						note(ctx, info.Callback, "accepted")
						return nil
					},
					Rejected: func(ctx context.Context, info runner.RejectedInfo) { note(ctx, info.Callback, "rejected") },
					Started: func(ctx context.Context, info runner.StartedInfo) context.Context {
						note(ctx, info.Callback, "started")
						return nil
					},
					Finished: func(ctx context.Context, info runner.FinishedInfo) { note(ctx, info.Callback, "finished") },
				}}})
				asked, end := visit(t, r, "/first")
				ctx := newRecycledContext(asked)
				busy := occupy(t, r, "busy")
				require.NoError(t, runner.After(ctx, "outer", func(ctx context.Context) error {
					err := runner.After(ctx, "nested", func(ctx context.Context) error { return r.Do(ctx, "by.do", nothing) })
					if err != nil {
						return err
					}
					_ = runner.After(ctx, "beyond", nothing)
					return nil
				}))
				ctx.give(t.Context())
				end()
				busy.release()
				synctest.Wait()
				started := []string{"accepted /first", "started /first", "finished /first"}
				require.Equal(t, started, seenBy["nested"])
				require.Equal(t, started, seenBy["by.do"])
				require.Equal(t, []string{"rejected /first"}, seenBy["beyond"])
			})
		})
	}
}
