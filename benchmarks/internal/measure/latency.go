package measure

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// The metrics of waits, in ms.
const (
	MetricWaitP50  = "p50 ms"
	MetricWaitP99  = "p99 ms"
	MetricWaitP999 = "p999 ms"
)

// Utilisations are the shares of all workers that the tasks keep busy.
var Utilisations = []int{50, 80, 95}

// AtUtilisation names one of them.
func AtUtilisation(percent int) string { return fmt.Sprintf("%d %%", percent) }

// service is how long a task of this question is meant to take.
const service = time.Millisecond

// Latency asks how long tasks wait when they come at random, at a given share
// of what the workers can do. A wait is from the moment the task was due to
// come, so that a contestant that holds its producer up is not better for it.
func Latency(p Plan, contestants []pool.Contestant) (*Book, error) {
	return p.ask(func(round int) [][]Cell {
		mean := meanService()
		var cells []Cell
		for _, percent := range Utilisations {
			for _, c := range contestants {
				cells = append(cells, Cell{Question: QuestionLatency, Setting: AtUtilisation(percent), Contestant: c.Name, For: p.For,
					Seed: uint64(round), PerSecond: float64(Size.Workers) * float64(percent) / 100 / mean.Seconds()})
			}
		}
		return [][]Cell{cells}
	})
}

func (c Cell) latency() Figures {
	contestant, ok := c.contestant()
	if !ok {
		return nil
	}
	waits := waits(contestant, arrivals(c.Seed, c.For, c.PerSecond))
	return Figures{MetricWaitP50: Quantile(waits, 0.5), MetricWaitP99: Quantile(waits, 0.99), MetricWaitP999: Quantile(waits, 0.999)}
}

// meanService is how long the task takes here and now, with all workers busy.
func meanService() time.Duration {
	var sleeping sync.WaitGroup
	start := time.Now()
	const each = 50
	for range Size.Workers {
		sleeping.Go(func() {
			for range each {
				time.Sleep(service)
			}
		})
	}
	sleeping.Wait()
	return time.Since(start) / each
}

// arrivals is a schedule of tasks that come independently of each other, as
// requests do. It is the same for every contestant of a round.
func arrivals(seed uint64, d time.Duration, perSecond float64) []time.Duration {
	random := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // arrivals, not secrets
	var at []time.Duration
	for t := time.Duration(0); t < d; t += time.Duration(random.ExpFloat64() / perSecond * float64(time.Second)) {
		at = append(at, t)
	}
	return at
}

// waits hands tasks over at their times and returns how long each waited, in
// ms, without the first tenth.
func waits(c pool.Contestant, arrivals []time.Duration) []float64 {
	p := c.New(Size)
	defer p.Close()
	began := make([]time.Duration, len(arrivals))
	var ended sync.WaitGroup
	ended.Add(len(arrivals))
	settle()
	ctx, end := pool.Request(p)
	defer end()
	start := time.Now()
	for i, at := range arrivals {
		submit := p.Prepare(func() {
			began[i] = time.Since(start)
			time.Sleep(service)
			ended.Done()
		})
		if early := at - time.Since(start); early > 0 {
			time.Sleep(early)
		}
		submit(ctx)
	}
	ended.Wait()
	ms := make([]float64, len(arrivals))
	for i := range ms {
		ms[i] = float64(began[i]-arrivals[i]) / float64(time.Millisecond)
	}
	return ms[len(ms)/10:]
}
