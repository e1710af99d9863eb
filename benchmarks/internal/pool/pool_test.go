package pool_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

func TestEveryContestantRunsEveryTaskExactlyOnce(t *testing.T) {
	const producers, each = 8, 250
	for _, c := range pool.All() {
		t.Run(c.Name, func(t *testing.T) {
			p := c.New(pool.Size{Workers: 4, Queue: 16})
			var runs [producers * each]atomic.Int32
			var ended, producing sync.WaitGroup
			ended.Add(len(runs))
			for i := range producers {
				producing.Go(func() {
					ctx, end := pool.Request(p)
					defer end()
					for j := range each {
						ask(ctx, p, p.Prepare(func() {
							runs[i*each+j].Add(1)
							ended.Done()
						}))
					}
				})
			}
			producing.Wait()
			ended.Wait()
			p.Close()
			for i := range runs {
				require.Equal(t, int32(1), runs[i].Load(), "task %d", i)
			}
		})
	}
}

func TestNoContestantRunsMoreThanItsWorkersButRawGo(t *testing.T) {
	const workers, tasks = 3, 60
	for _, c := range pool.All() {
		if c.Name == pool.RawGo {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			p := c.New(pool.Size{Workers: workers, Queue: tasks})
			var running, most atomic.Int32
			var ended sync.WaitGroup
			ended.Add(tasks)
			submit := p.Prepare(func() {
				defer ended.Done()
				n := running.Add(1)
				for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
				}
				for range 100 {
					runtime.Gosched() // so that others can start
				}
				running.Add(-1)
			})
			for range tasks {
				ask(t.Context(), p, submit)
			}
			ended.Wait()
			p.Close()
			require.LessOrEqual(t, most.Load(), int32(workers))
		})
	}
}

func TestAContestantThatWaitsTakesTasksWhileItsWorkersAreHeld(t *testing.T) {
	const workers, tasks = 2, 50
	for _, c := range pool.All() {
		if !c.Waits {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			p := c.New(pool.Size{Workers: workers, Queue: tasks})
			held := make(chan struct{})
			var ended sync.WaitGroup
			ended.Add(tasks)
			submit := p.Prepare(func() { <-held; ended.Done() })
			for range tasks { // would hang here
				ask(t.Context(), p, submit)
			}
			close(held)
			ended.Wait()
			p.Close()
		})
	}
}

func TestAnUnknownNameIsNoContestant(t *testing.T) {
	require.Panics(t, func() { pool.Named("nobody") })
	require.Len(t, pool.Named(pool.Channel, pool.RawGo), 2)
}

// ask opens a scope for each task, as the queue may have no place for more.
func ask(ctx context.Context, p pool.Pool, submit pool.Submit) {
	ctx, release := pool.Open(ctx, p)
	submit(ctx)
	release()
}
