package measure

import (
	"runtime"
	"sync"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// How a task of the question of memory waits.
const (
	WaitsForWorker   = "due, waiting for a worker"
	WaitsForResponse = "waiting for its response"
)

// Memory asks what a waiting task retains, of heap and stacks. All tasks are
// one function, so none of it is a closure of the user's; what a contestant
// wraps around each of them counts. Contestants that take no task without a
// free worker have no answer.
func Memory(p Plan, tasks int, contestants []pool.Contestant) (*Book, error) {
	var cells []Cell
	for _, c := range contestants {
		if c.Waits {
			cells = append(cells, Cell{Question: QuestionMemory, Setting: waitsFor(c), Contestant: c.Name, Tasks: tasks})
		}
	}
	return p.ask(once(cells))
}

func waitsFor(c pool.Contestant) string {
	if c.Scoped {
		return WaitsForResponse
	}
	return WaitsForWorker
}

// memory holds the workers, and the scopes open. The requests and their contexts
// are not counted, the scopes are.
func (c Cell) memory() Figures {
	contestant, ok := c.contestant()
	if !ok {
		return nil
	}
	held := make(chan struct{})
	releases := make([]func(), 0, c.Tasks)
	var ended sync.WaitGroup
	ended.Add(c.Tasks)
	before := retained()
	p := contestant.New(pool.Size{Workers: Size.Workers, Queue: c.Tasks})
	submit := p.Prepare(func() { <-held; ended.Done() })
	for asked := 0; asked < c.Tasks; {
		ctx, end := pool.Request(p)
		for range pool.TasksPerRequest / pool.TasksPerScope {
			ctx, release := pool.Open(ctx, p)
			releases = append(releases, release)
			for range min(pool.TasksPerScope, c.Tasks-asked) {
				submit(ctx)
				asked++
			}
		}
		end()
	}
	after := retained()
	close(held)
	for _, release := range releases {
		release()
	}
	ended.Wait()
	p.Close()
	return Figures{MetricBytes: (after - before) / float64(c.Tasks)}
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
