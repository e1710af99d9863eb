package measure

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/runner"
)

// BurstSize is how many calls a handler makes one after another.
const BurstSize = 256

// The metrics of a burst, each for one call, and its settings.
const (
	MetricMedian   = "median ns"
	MetricP99      = "p99 ns"
	MetricReturned = "calls that returned"

	BurstRoom = "room in the queue"
	BurstFull = "queue full, every worker held"
)

// Burst asks what a handler pays for asking. The runner's callbacks wait for
// its end; the tasks of the others begin at once.
func Burst(p Plan, telemetry []pool.Telemetry, peers []pool.Contestant) *Book {
	book := new(Book)
	add := func(setting, contestant string, calls []float64) {
		book.Add(Case{setting, contestant, MetricMedian}, Quantile(calls, 0.5))
		book.Add(Case{setting, contestant, MetricP99}, Quantile(calls, 0.99))
	}
	var cells []func()
	for _, c := range peers {
		cells = append(cells, func() { add(BurstRoom, c.Name, burst(c, p.For)) })
	}
	for _, t := range telemetry {
		name := AskerName(t)
		cells = append(cells,
			func() { add(BurstRoom, name, burstInScope(t, p.For)) },
			func() {
				calls := burstRefused(t)
				add(BurstFull, name, calls)
				book.Add(Case{BurstFull, name, MetricReturned}, float64(len(calls)))
			})
	}
	newOrder().rounds(p, cells)
	return book
}

// AskerName is what the runner's rows are called.
func AskerName(t pool.Telemetry) string {
	if t == pool.TelemetryOff {
		return pool.Runner
	}
	return pool.AfterglowName(t)
}

// stopwatch times calls one by one.
type stopwatch struct {
	start time.Time
	marks [BurstSize + 1]time.Duration
	calls []float64
	clock float64 // what reading the clock costs itself
}

func newStopwatch() *stopwatch {
	w := &stopwatch{start: time.Now()}
	for range 20 {
		w.time(func() {})
	}
	w.clock = Quantile(w.calls, 0.5)
	w.calls = nil
	return w
}

// time calls f once for each call of a burst.
func (w *stopwatch) time(f func()) {
	w.marks[0] = time.Since(w.start)
	for i := range BurstSize {
		f()
		w.marks[i+1] = time.Since(w.start)
	}
	for i := range BurstSize {
		w.calls = append(w.calls, max(0, float64(w.marks[i+1]-w.marks[i])-w.clock))
	}
}

// burst times what a handler pays that hands tasks to a pool.
func burst(c pool.Contestant, d time.Duration) []float64 {
	p := c.New(Size)
	defer p.Close()
	var ended sync.WaitGroup
	submit := p.Prepare(ended.Done)
	settle()
	w := newStopwatch()
	for start := time.Now(); time.Since(start) < d; {
		ctx, end := request(p)
		ended.Add(BurstSize)
		w.time(func() { submit(ctx) })
		end()
		ended.Wait()
	}
	return w.calls
}

// burstInScope times what a handler pays that asks for callbacks.
func burstInScope(t pool.Telemetry, d time.Duration) []float64 {
	r := pool.NewObserved(runner.Config{Workers: Size.Workers, Queue: Size.Queue}, t)
	defer r.Close()
	var ended sync.WaitGroup
	callback := func(context.Context) error { ended.Done(); return nil }
	settle()
	w := newStopwatch()
	for start := time.Now(); time.Since(start) < d; {
		ctx, end := r.Request()
		ctx, release := r.Scope(ctx)
		ended.Add(BurstSize)
		w.time(func() { mustAsk(runner.After(ctx, pool.Name, callback)) })
		end()
		release()
		ended.Wait()
	}
	return w.calls
}

// burstRefused times calls that are refused. Every worker is held until the
// burst is over, so one that blocked would never return; the calls that have
// not within ten seconds are missing from the answer.
func burstRefused(t pool.Telemetry) []float64 {
	r := pool.NewObserved(runner.Config{Workers: 1, Queue: 1}, t)
	held, running := make(chan struct{}), make(chan struct{})
	mustAsk(r.Go(context.Background(), "holds.the.worker", func(context.Context) error {
		close(running)
		<-held
		return nil
	}))
	<-running
	ctx, end := r.Request()
	ctx, release := r.Scope(ctx)
	callback := func(context.Context) error { return nil }
	mustAsk(runner.After(ctx, pool.Name, callback)) // the queue's only place
	settle()

	returned := make(chan []float64, 1)
	go func() {
		w := newStopwatch()
		w.time(func() {
			if err := runner.After(ctx, pool.Name, callback); !errors.Is(err, runner.ErrQueueFull) {
				panic(fmt.Sprintf("measure: a full queue answered %v", err))
			}
		})
		returned <- w.calls
	}()
	var calls []float64
	select {
	case calls = <-returned:
	case <-time.After(10 * time.Second):
	}
	close(held)
	end()
	release()
	r.Close()
	return calls
}

// mustAsk stops a measurement whose callbacks are refused: it would be of
// something else.
func mustAsk(err error) {
	if err != nil {
		panic(err)
	}
}
