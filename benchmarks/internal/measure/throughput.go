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
	MetricTime      = "ns"
	MetricProcessor = "processor ns"
	MetricAllocs    = "allocs"
	MetricBytes     = "B"
)

// Size is how large the pools are made for the questions of time.
var Size = pool.Size{Workers: 8, Queue: 1024}

// Producers is how many goroutines hand tasks over.
var Producers = []int{1, 8}

// Setting names a kind of work with its number of producers.
func Setting(work string, producers int) string {
	if producers == 1 {
		return work + ", 1 producer"
	}
	return fmt.Sprintf("%s, %d producers", work, producers)
}

// Throughput asks what a task costs from being handed over to its end, for
// every contestant.
func Throughput(p Plan, contestants []pool.Contestant) (*Book, error) {
	var groups [][]Cell
	steps := calibrate(computes)
	for _, work := range Works(steps) {
		for _, producers := range Producers {
			var group []Cell
			for _, c := range contestants {
				group = append(group, Cell{Question: QuestionThroughput, Setting: Setting(work.Name, producers), Contestant: c.Name,
					For: p.For, Work: work.Name, Steps: steps, Producers: producers})
			}
			groups = append(groups, group)
		}
	}
	return p.ask(once(groups...))
}

func (c Cell) throughput() Figures {
	contestant, ok := c.contestant()
	for _, work := range Works(c.Steps) {
		if ok && work.Name == c.Work {
			return Run(contestant, work, c.Producers, c.For).figures()
		}
	}
	return nil
}

// Cost is what one task costs.
type Cost struct {
	Time      float64 // ns of wall-clock time
	Processor float64 // ns of all processors, the garbage collector's included
	Allocs    float64
	Bytes     float64
	Tasks     int // that this is the mean of
}

func (c Cost) figures() Figures {
	return Figures{MetricTime: c.Time, MetricProcessor: c.Processor, MetricAllocs: c.Allocs, MetricBytes: c.Bytes}
}

// Run hands batches of tasks over for at least d and waits for the end of each
// batch. Making the pool and warming up are not counted, nor is what the requests
// allocate themselves.
func Run(c pool.Contestant, work Work, producers int, d time.Duration) Cost {
	p := c.New(Size)
	defer p.Close()
	batch := work.batches(p, producers)
	warmUp(batch, d)
	requests := requestCost(p)
	settle()

	cost := repeat(batch, work.Batch, d)
	cost.Allocs = max(0, cost.Allocs-requests.Allocs)
	cost.Bytes = max(0, cost.Bytes-requests.Bytes)
	return cost
}

// batches returns what hands a batch of tasks over and waits for its end.
func (work Work) batches(p pool.Pool, producers int) func() {
	ended := new(sync.WaitGroup)
	submit := p.Prepare(func() {
		work.Do()
		ended.Done()
	})
	return func() {
		ended.Add(work.Batch)
		produce(p, submit, work.Batch, producers)
		ended.Wait()
	}
}

// warmUp does some batches. The memory of a new process costs page faults, and
// what is pooled is made.
func warmUp(batch func(), d time.Duration) { repeat(batch, 1, d/2) }

// repeat does a batch of tasks over and over, for at least d.
func repeat(batch func(), size int, d time.Duration) Cost {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, used := time.Now(), processor()
	tasks := 0
	for tasks == 0 || time.Since(start) < d {
		batch()
		tasks += size
	}
	elapsed := time.Since(start)
	used = processor() - used
	runtime.ReadMemStats(&after)
	n := float64(tasks)
	return Cost{
		Time:      float64(elapsed) / n,
		Processor: float64(used) / n,
		Allocs:    float64(after.Mallocs-before.Mallocs) / n,
		Bytes:     float64(after.TotalAlloc-before.TotalAlloc) / n,
		Tasks:     tasks,
	}
}

// produce hands over tasks in equal shares, in the requests and the scopes that
// the pool knows.
func produce(p pool.Pool, submit pool.Submit, tasks, producers int) {
	share := func(n int) {
		for n > 0 {
			ctx, end := pool.Request(p)
			handOver(ctx, p, submit, min(n, pool.TasksPerRequest))
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

// handOver hands over the tasks of one request.
func handOver(ctx context.Context, p pool.Pool, submit pool.Submit, tasks int) {
	for tasks > 0 {
		ctx, release := pool.Open(ctx, p)
		for range min(tasks, pool.TasksPerScope) {
			submit(ctx)
		}
		release()
		tasks -= pool.TasksPerScope
	}
}

// requestCost is what the requests allocate that the tasks are asked for in, for
// each task. Scopes are the contestant's own cost.
func requestCost(p pool.Pool) Cost {
	var before, after runtime.MemStats
	const requests = 100
	runtime.ReadMemStats(&before)
	for range requests {
		_, end := pool.Request(p)
		end()
	}
	runtime.ReadMemStats(&after)
	const tasks = requests * pool.TasksPerRequest
	return Cost{
		Allocs: float64(after.Mallocs-before.Mallocs) / tasks,
		Bytes:  float64(after.TotalAlloc-before.TotalAlloc) / tasks,
	}
}
