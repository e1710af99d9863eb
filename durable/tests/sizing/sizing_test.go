package sizing_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/runner"
)

// measured collects the waits of tasks, from due to start.
type measured struct {
	mu    sync.Mutex
	waits []time.Duration // guarded by mu
	left  sync.WaitGroup
}

func (m *measured) observer() runner.Observer {
	return runner.Observer{Started: func(_ context.Context, info runner.StartedInfo) context.Context {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.waits = append(m.waits, info.Started.Sub(info.Due))
		return nil
	}}
}

// offer asks for tasks at their times. It returns the largest delay of its own, which a busy machine causes.
func offer(b *testing.B, all []arrival, m *measured, ask func(takes time.Duration) error) {
	b.Helper()
	began := time.Now()
	for _, a := range all {
		m.left.Add(1)
		if wait := time.Until(began.Add(a.at)); wait > 0 {
			elapse(wait)
		}
		require.NoError(b, ask(a.takes))
	}
	m.left.Wait()
}

// BenchmarkSizing measures how long tasks wait on a runner and on a durable queue, beside the simulation of the same
// arrivals.
func BenchmarkSizing(b *testing.B) {
	l := load{100, 100 * time.Millisecond}
	all := l.arrivals(2000, 7)
	for _, workers := range []int{11, 13, workersFor(l), 25} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			for b.Loop() {
				ideal := simulate(all, workers)
				print(b, "simulation", workers, ideal)

				var m measured
				r, err := runner.New(runner.Config{Workers: workers, Queue: len(all), Observers: []runner.Observer{m.observer()}})
				require.NoError(b, err)
				offer(b, all, &m, func(takes time.Duration) error {
					return r.Go(context.Background(), "sized", func(context.Context) error {
						defer m.left.Done()
						elapse(takes)
						return nil
					})
				})
				_, err = r.Shutdown(context.Background())
				require.NoError(b, err)
				print(b, "runner", workers, m.waits)

				var d measured
				task := durable.Define("sized", durable.Options{}, func(_ context.Context, takes time.Duration) error {
					defer d.left.Done()
					elapse(takes)
					return nil
				})
				q, err := sqlite.Open(b.Context(), sqlite.Scheme+filepath.Join(b.TempDir(), "tasks.db"), durable.Config{
					Queues: map[string]int{"default": workers}, Observers: []runner.Observer{d.observer()}, Logger: slog.New(slog.DiscardHandler),
				}, task)
				require.NoError(b, err)
				offer(b, all, &d, func(takes time.Duration) error {
					_, err := task.Enqueue(context.Background(), q, takes)
					return err
				})
				_, err = q.Shutdown(context.Background())
				require.NoError(b, err)
				print(b, "durable, SQLite", workers, d.waits)
			}
		})
	}
}

func print(b *testing.B, name string, workers int, waits []time.Duration) {
	b.Helper()
	_, _ = fmt.Fprintf(os.Stdout, "%-16s %3d workers: waits mean %8v  p50 %8v  p99 %8v\n", name, workers,
		mean(waits).Round(100*time.Microsecond), quantile(waits, .5).Round(100*time.Microsecond), quantile(waits, .99).Round(100*time.Microsecond))
}

// elapse lets real time go by, as the processes, the database and the disk of these tests are real.
func elapse(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}
