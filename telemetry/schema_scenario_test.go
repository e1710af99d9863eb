package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime/pprof"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// shopScenario is requests whose callbacks end in every way, and a drain that
// loses some.
func shopScenario(t *testing.T, seen *evidence) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, withAskSpans)
		r := g.runner(runner.Config{Name: "shop", Workers: 3, Timeout: 2 * time.Second})
		deaf, abandoned := make(chan struct{}), make(chan struct{})
		attempts := 0
		mux := http.NewServeMux()
		mux.HandleFunc("POST /orders/{id}", func(_ http.ResponseWriter, req *http.Request) {
			ctx := req.Context()
			err := errors.Join(
				r.After(ctx, "order.email", takes(80*time.Millisecond)),
				r.After(ctx, "order.profile", func(context.Context) error {
					return pprof.Lookup("goroutine").WriteTo(&seen.goroutines, 1)
				}),
				r.After(ctx, "order.webhook", func(context.Context) error { return errors.New("503") }),
				r.After(ctx, "order.analytics", explode),
				r.After(ctx, "cache.revalidate", hang),
				r.After(ctx, "order.sms", func(context.Context) error {
					if attempts++; attempts == 1 {
						return errors.New("451 later")
					}
					return nil
				}, runner.RetryBackoff(2, func(int) time.Duration { return 2 * time.Second })),
				r.After(ctx, "order.gift", succeed, runner.When(func(runner.Request) bool { return false })),
				r.After(ctx, "order.stock", succeed, runner.Once("7")),
				r.After(ctx, "order.stock", succeed, runner.Once("7")),
				r.After(ctx, "order.deaf", hangsFor(deaf)))
			if err != nil {
				t.Error(err)
			}
			time.Sleep(30 * time.Millisecond)
		})
		ctx, request := g.provider.Tracer("server").Start(t.Context(), "POST /orders/{id}")
		r.Middleware(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/orders/7", http.NoBody))
		request.End()
		rpc, respond := r.RequestScope(t.Context())
		require.NoError(t, r.After(rpc, "order.receipt", succeed))
		respond(runner.Request{Pattern: "/shop.v1.Orders/Place", RPC: "grpc", Code: "OK"})
		time.Sleep(10 * time.Second)
		seen.scrape(t, g) // order.deaf is stuck
		close(deaf)
		synctest.Wait()

		for range 2 { // The second one waits until the drain gives up.
			require.NoError(t, r.Go(t.Context(), "order.patient", hang, runner.Timeout(-1)))
			require.NoError(t, r.Go(t.Context(), "order.stuck", hangsFor(abandoned), runner.Timeout(-1), runner.Ref("order 7")))
		}
		synctest.Wait()
		drain, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := r.Shutdown(drain)
		require.Error(t, err)
		close(abandoned)
		synctest.Wait()
		seen.take(t, g)
	})
}

// overloadScenario has a rejection for every reason.
func overloadScenario(t *testing.T, seen *evidence) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, withAskSpans)
		ctx := t.Context()

		full := g.runner(runner.Config{Name: "full", Workers: 1, Queue: 1})
		require.NoError(t, full.Go(ctx, "busy", takes(20*time.Second)))
		synctest.Wait()
		require.NoError(t, full.Go(ctx, "late", succeed))
		for range 3 { // The first is told, the second left out and told by the third.
			require.ErrorIs(t, full.Go(ctx, "rejected", succeed), runner.ErrQueueFull)
			require.ErrorIs(t, full.Go(ctx, "rejected", succeed), runner.ErrQueueFull)
			time.Sleep(2 * time.Second)
		}
		seen.scrape(t, g) // the worker is busy, the queue full
		asking, request := g.provider.Tracer("server").Start(ctx, "import")
		for range 10 { // more than its span lists
			require.ErrorIs(t, full.Go(asking, "rejected", succeed, runner.Ref("row 7")), runner.ErrQueueFull)
		}
		request.End()
		g.shutdown(full)
		require.ErrorIs(t, full.Go(ctx, "rejected", succeed), runner.ErrClosed)

		blocks := g.runner(runner.Config{Name: "blocks", Workers: 1, Queue: 1, Overflow: runner.Block(time.Second)})
		var nested error
		require.NoError(t, blocks.Go(ctx, "busy", func(ctx context.Context) error {
			<-time.After(time.Second)
			nested = blocks.Go(ctx, "rejected", succeed)
			<-time.After(9 * time.Second)
			return nil
		}))
		synctest.Wait()
		require.NoError(t, blocks.Go(ctx, "waits", succeed))
		require.ErrorIs(t, blocks.Go(ctx, "rejected", succeed), runner.ErrMaxWait)
		leaves, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		require.ErrorIs(t, blocks.Go(leaves, "rejected", succeed), context.DeadlineExceeded)
		g.shutdown(blocks)
		require.ErrorIs(t, nested, runner.ErrNested)

		aside, end := rejectsAside(t, g)
		end()
		g.shutdown(aside)

		drops := g.runner(runner.Config{Name: "drops", Workers: 1, Queue: 1, Overflow: runner.DropOldest, MaxStuck: 1})
		release := make(chan struct{})
		require.NoError(t, drops.Go(ctx, "deaf", hangsFor(release), runner.Timeout(time.Second)))
		synctest.Wait()
		require.NoError(t, drops.Go(ctx, "evicted", succeed))
		require.NoError(t, drops.Go(ctx, "waits", succeed))
		time.Sleep(5 * time.Second)
		require.ErrorIs(t, drops.Go(ctx, "rejected", succeed), runner.ErrStuck)
		close(release)
		g.shutdown(drops)
		seen.take(t, g)
	})
}

// fragile is a handler that panics where a record is of the callback "log".
type fragile struct{ slog.Handler }

func (h fragile) Handle(ctx context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == names.KeyCallback && a.Value.String() == "log" {
			panic("no disk")
		}
		return true
	})
	return h.Handler.Handle(ctx, r)
}

// brokenScenario has a handler, a RelationFor and an observer that fail, and
// more names than are counted apart.
func brokenScenario(t *testing.T, seen *evidence) {
	g := newRig(t, func(cfg *telemetry.Config) {
		cfg.Logger = slog.New(fragile{cfg.Logger.Handler()})
		cfg.RelationFor = func(_, callback string) telemetry.Relation {
			if callback == "trace" {
				panic("no relation")
			}
			return telemetry.Link
		}
	})
	r := g.runner(runner.Config{Name: "broken", MaxNames: 2, Observers: []runner.Observer{{
		Finished: func(context.Context, runner.FinishedInfo) { panic("mine") },
	}}})
	require.ErrorIs(t, runner.After(t.Context(), "mistake", succeed), runner.ErrNoScope)
	require.ErrorIs(t, r.Go(t.Context(), "mistake", nil), runner.ErrNilFunc)
	require.ErrorIs(t, r.Go(t.Context(), "a mistake", succeed), runner.ErrInvalidName)
	for _, name := range []string{"trace", "log", "folded"} {
		require.NoError(t, r.Go(t.Context(), name, succeed))
	}
	g.shutdown(r)
	seen.take(t, g)
}

// flightScenario takes a snapshot, where an old one cannot be removed, and then
// one that cannot be written.
func flightScenario(t *testing.T, seen *evidence) {
	for _, writable := range []bool{true, false} {
		dir := dirWithSnapshotThatStays(t)
		if !writable {
			dir = filepath.Join(t.TempDir(), "flight")
		}
		g, flight := newFlight(t, telemetry.FlightConfig{Dir: dir, MaxFiles: 1})
		if !writable {
			require.NoError(t, os.Remove(dir))
			require.NoError(t, os.WriteFile(dir, nil, 0o600))
		}
		g.run(g.runner(runner.Config{Name: "flight"}), "order.analytics", explode)
		flight.Stop()
		if writable {
			path := g.record(slog.LevelError, names.LogPanicked)["snapshot"].(string)
			trace, err := os.ReadFile(path)
			require.NoError(t, err)
			seen.executions.Write(trace)
		}
		seen.take(t, g)
	}
}
