package measure

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// The metrics of a run of tasks, each for one task.
const (
	MetricTime   = "ns"
	MetricAllocs = "allocs"
	MetricBytes  = "B"
)

// Size is how large the pools are made for the questions of time.
var Size = pool.Size{Workers: 8, Queue: 1024}

// Producers is how many goroutines hand tasks over.
var Producers = []int{1, 8}

// Plan is how thoroughly a question is asked.
type Plan struct {
	Rounds int
	For    time.Duration // of one run, at least; a batch is always finished
	Report func(round int)
}

// Setting names a kind of work with its number of producers.
func Setting(work string, producers int) string {
	if producers == 1 {
		return work + ", 1 producer"
	}
	return fmt.Sprintf("%s, %d producers", work, producers)
}

// Throughput asks what a task costs from being handed over to its end, for
// every contestant.
func Throughput(p Plan, works []Work, contestants []pool.Contestant) *Book {
	book := new(Book)
	order := newOrder()
	var cells []func()
	for _, work := range works {
		for _, producers := range Producers {
			cells = append(cells, func() {
				// All contestants in a row, so that a ratio is of neighbors.
				order.run(contest(book, Setting(work.Name, producers), contestants, func(c pool.Contestant) Cost {
					return Run(c, work, producers, p.For)
				}))
			})
		}
	}
	order.rounds(p, cells)
	return book
}

// contest makes a cell of each contestant, which writes its cost down.
func contest(book *Book, setting string, contestants []pool.Contestant, run func(pool.Contestant) Cost) []func() {
	cells := make([]func(), len(contestants))
	for i, c := range contestants {
		cells[i] = func() {
			cost := run(c)
			book.Add(Case{setting, c.Name, MetricTime}, cost.Time)
			book.Add(Case{setting, c.Name, MetricAllocs}, cost.Allocs)
			book.Add(Case{setting, c.Name, MetricBytes}, cost.Bytes)
		}
	}
	return cells
}

// Cost is what one task costs.
type Cost struct {
	Time   float64 // ns of wall-clock time
	Allocs float64
	Bytes  float64
	Tasks  int // that this is the mean of
}

// Run hands batches of tasks over for at least d and waits for the end of each
// batch. Making the pool and a first batch are not counted, nor is what the
// requests allocate themselves.
func Run(c pool.Contestant, work Work, producers int, d time.Duration) Cost {
	p := c.New(Size)
	defer p.Close()
	var ended sync.WaitGroup
	submit := p.Prepare(func() {
		work.Do()
		ended.Done()
	})
	batch := func(tasks int) {
		ended.Add(tasks)
		produce(p, submit, tasks, producers)
		ended.Wait()
	}
	batch(work.Batch / 5)
	requests := requestCost(p)
	settle()

	cost := repeat(func() { batch(work.Batch) }, work.Batch, d)
	cost.Allocs = max(0, cost.Allocs-requests.Allocs)
	cost.Bytes = max(0, cost.Bytes-requests.Bytes)
	return cost
}

// repeat does a batch of tasks over and over, for at least d.
func repeat(batch func(), size int, d time.Duration) Cost {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	tasks := 0
	for tasks == 0 || time.Since(start) < d {
		batch()
		tasks += size
	}
	elapsed := time.Since(start)
	runtime.ReadMemStats(&after)
	n := float64(tasks)
	return Cost{
		Time:   float64(elapsed) / n,
		Allocs: float64(after.Mallocs-before.Mallocs) / n,
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / n,
		Tasks:  tasks,
	}
}

// produce hands over tasks in equal shares, in requests if the pool knows them.
func produce(p pool.Pool, submit pool.Submit, tasks, producers int) {
	share := func(n int) {
		for n > 0 {
			ctx, end := request(p)
			for range min(n, pool.TasksPerRequest) {
				submit(ctx)
			}
			end()
			n -= pool.TasksPerRequest
		}
	}
	if producers == 1 {
		share(tasks)
		return
	}
	var producing sync.WaitGroup
	for range producers {
		producing.Go(func() { share(tasks / producers) })
	}
	producing.Wait()
	share(tasks % producers)
}

// requestCost is what the requests allocate that the tasks are asked for in, for
// each task.
func requestCost(p pool.Pool) Cost {
	var before, after runtime.MemStats
	const requests = 100
	runtime.ReadMemStats(&before)
	for range requests {
		_, end := request(p)
		end()
	}
	runtime.ReadMemStats(&after)
	const tasks = requests * pool.TasksPerRequest
	return Cost{
		Allocs: float64(after.Mallocs-before.Mallocs) / tasks,
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / tasks,
	}
}

func request(p pool.Pool) (context.Context, func()) {
	if r, ok := p.(pool.Requester); ok {
		return r.Request()
	}
	return context.Background(), func() {}
}
