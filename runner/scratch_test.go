package runner_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

func TestScratch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log []string
		obs := runner.Observer{
			Accepted: func(ctx context.Context, i runner.AcceptedInfo) context.Context {
				log = append(log, "acc "+i.Name)
				return nil
			},
			Started: func(ctx context.Context, i runner.StartedInfo) context.Context {
				log = append(log, "sta "+i.Name)
				return nil
			},
			Retried: func(ctx context.Context, i runner.RetriedInfo) { log = append(log, "ret "+i.Name) },
			Stuck:   func(ctx context.Context, i runner.StuckInfo) { log = append(log, "stu "+i.Name+" "+i.Stack) },
			Finished: func(ctx context.Context, i runner.FinishedInfo) {
				log = append(log, "fin "+i.Name+" "+i.Outcome.String())
			},
		}
		r, err := runner.New(runner.Config{Workers: 1, Observers: []runner.Observer{obs}, Timeout: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ctx, release := r.Scope(context.Background())
		n := 0
		runner.After(ctx, "a", func(ctx context.Context) error {
			n++
			if n < 3 {
				return errors.New("x")
			}
			return nil
		}, runner.Retry(3))
		runner.After(ctx, "b", func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
		runner.After(ctx, "c", func(ctx context.Context) error { runtime.Goexit(); return nil })
		runner.After(ctx, "d", func(ctx context.Context) error { time.Sleep(3 * time.Second); return nil })
		runner.After(ctx, "e", func(ctx context.Context) error { panic(1) }, runner.When(runner.Request.Succeeded))
		runner.After(ctx, "f", func(ctx context.Context) error { return nil }, runner.When(func(runner.Request) bool { runtime.Goexit(); return true }))
		release(nil)
		if err := runner.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		err = r.Do(ctx, "do", func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }, runner.Timeout(2*time.Second))
		log = append(log, "do: "+err.Error())
		rep, err := r.Shutdown(context.Background())
		for _, l := range log {
			t.Log(l)
		}
		t.Log(rep, err)
		t.Log(r.Stats())
		for _, c := range r.Snapshot().Callbacks {
			t.Log(c.Name, c.Asked, c.Outcomes, c.Success.Count(), c.Failure.Count())
		}
	})
}

func BenchmarkGo(b *testing.B) {
	r, _ := runner.New(runner.Config{Workers: 8, Overflow: runner.Block(time.Minute)})
	ctx := context.Background()
	var wg sync.WaitGroup
	b.ReportAllocs()
	for b.Loop() {
		wg.Add(1)
		r.Go(ctx, "a", func(context.Context) error { wg.Done(); return nil })
	}
	wg.Wait()
	r.Shutdown(ctx)
}

func BenchmarkAfter3(b *testing.B) {
	r, _ := runner.New(runner.Config{Workers: 8, Overflow: runner.Block(time.Minute)})
	var wg sync.WaitGroup
	b.ReportAllocs()
	f := func(context.Context) error { wg.Done(); return nil }
	for b.Loop() {
		wg.Add(3)
		ctx, rel := r.Scope(context.Background())
		runner.After(ctx, "a", f)
		runner.After(ctx, "b", f)
		runner.After(ctx, "c", f)
		rel(nil)
	}
	wg.Wait()
	r.Shutdown(context.Background())
}

func BenchmarkMiddleware(b *testing.B) {
	r, _ := runner.New(runner.Config{})
	h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	req := httptest.NewRequest("GET", "/", nil)
	w := httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, req)
	}
}
