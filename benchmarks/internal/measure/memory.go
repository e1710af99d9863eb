package measure

import (
	"context"
	"runtime"
	"sync"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/runner"
)

// How a task of the question of memory waits.
const (
	WaitsForWorker   = "due, waiting for a worker"
	WaitsForResponse = "waiting for its response"
)

// PerScope is how many callbacks a request asks for in this question.
const PerScope = 3

// Memory asks what a waiting task retains, of heap and stacks. All tasks are
// one function, so none of it is a closure of the user's; what a contestant
// wraps around each of them counts. Contestants that take no task without a
// free worker have no answer.
func Memory(p Plan, tasks int, contestants []pool.Contestant, telemetry []pool.Telemetry) *Book {
	book := new(Book)
	var cells []func()
	for _, c := range contestants {
		if !c.Waits {
			continue
		}
		cells = append(cells, func() {
			book.Add(Case{WaitsForWorker, c.Name, MetricBytes}, due(c, tasks))
		})
	}
	for _, t := range telemetry {
		cells = append(cells, func() {
			book.Add(Case{WaitsForResponse, AskerName(t), MetricBytes}, reserved(t, tasks))
		})
	}
	newOrder().rounds(p, cells)
	return book
}

// due is the memory of a task that waits for a worker.
func due(c pool.Contestant, tasks int) float64 {
	held := make(chan struct{})
	var ended sync.WaitGroup
	ended.Add(tasks)
	before := retained()
	p := c.New(pool.Size{Workers: Size.Workers, Queue: tasks})
	produce(p, p.Prepare(func() { <-held; ended.Done() }), tasks, 1)
	after := retained()
	close(held)
	ended.Wait()
	p.Close()
	return (after - before) / float64(tasks)
}

// reserved is the memory of a callback whose response is not done. The request
// and its context are not counted, the scope is.
func reserved(t pool.Telemetry, tasks int) float64 {
	scopes := tasks / PerScope
	releases := make([]func(), 0, scopes)
	var ended sync.WaitGroup
	ended.Add(scopes * PerScope)
	callback := func(context.Context) error { ended.Done(); return nil }
	before := retained()
	r := pool.NewObserved(runner.Config{Workers: Size.Workers, Queue: tasks}, t)
	for len(releases) < scopes {
		ctx, end := r.Request()
		for range pool.TasksPerRequest / PerScope {
			if len(releases) == scopes {
				break
			}
			ctx, release := r.Scope(ctx)
			for range PerScope {
				mustAsk(runner.After(ctx, pool.Name, callback))
			}
			releases = append(releases, release)
		}
		end()
	}
	after := retained()
	for _, release := range releases {
		release()
	}
	ended.Wait()
	r.Close()
	return (after - before) / float64(scopes*PerScope)
}

// retained is what the process holds on to. A second collection frees what the
// first one's finalizers and pools have let go of.
func retained() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}
