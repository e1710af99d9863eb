package measure_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
	"github.com/afterglow-go/afterglow/benchmarks/internal/web"
)

// TestMain makes the test's binary a load generator, as main does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == measure.LoadCommand {
		if err := measure.Generate(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// quick is a plan that shows that a question can be answered, not what the
// answer is.
func quick() measure.Plan {
	return measure.Plan{Rounds: 2, For: time.Millisecond, Report: func(int) {}}
}

func TestQuantilesAreBetweenTheNearest(t *testing.T) {
	values := []float64{4, 1, 3, 2}
	require.InDelta(t, 2.5, measure.Quantile(values, 0.5), 1e-9)
	require.InDelta(t, 4, measure.Quantile(values, 1), 1e-9)
	require.InDelta(t, 1, measure.Quantile(values, 0), 1e-9)
	require.Equal(t, []float64{4, 1, 3, 2}, values)
	require.True(t, math.IsNaN(measure.Quantile(nil, 0.5)))
}

func TestARatioIsOfTheSameRound(t *testing.T) {
	var book measure.Book
	fast, slow := measure.Case{Contestant: "fast"}, measure.Case{Contestant: "slow"}
	for _, noise := range []float64{1, 100, 10} { // the machine's, which both meet
		book.Add(fast, noise)
		book.Add(slow, 2*noise)
	}
	require.InDelta(t, 2, book.Ratio(slow, fast), 1e-9)
	require.InDelta(t, 10, book.Median(fast), 1e-9)
	require.Equal(t, 3, book.Rounds(fast))
	require.True(t, math.IsNaN(book.Ratio(slow, measure.Case{})))
}

func TestARunCountsWhatItRan(t *testing.T) {
	for _, producers := range []int{1, 3, 8} {
		var ran atomic.Int64
		work := measure.Work{Name: "counts", Batch: 205, Do: func() { ran.Add(1) }}
		cost := measure.Run(pool.Named(pool.Channel)[0], work, producers, time.Millisecond)
		require.Zero(t, cost.Tasks%work.Batch)
		require.Equal(t, int64(cost.Tasks+work.Batch/5), ran.Load(), "the first batch is not counted")
		require.Positive(t, cost.Time)
	}
}

func TestEveryContestantIsMeasuredInEveryRound(t *testing.T) {
	works := []measure.Work{{Name: "nothing", Batch: 100, Do: func() {}}}
	book := measure.Throughput(quick(), works, pool.All())
	for _, producers := range measure.Producers {
		for _, c := range pool.All() {
			for _, metric := range []string{measure.MetricTime, measure.MetricAllocs, measure.MetricBytes} {
				at := measure.Case{Setting: measure.Setting("nothing", producers), Contestant: c.Name, Metric: metric}
				require.Equal(t, 2, book.Rounds(at), "%v", at)
			}
		}
	}
}

func TestAllocationsAreThoseOfATask(t *testing.T) {
	work := measure.Work{Name: "allocates", Batch: 5000, Do: func() { kept.Store(new([100]byte)) }}
	cost := measure.Run(pool.Named(pool.Channel)[0], work, 1, time.Millisecond)
	require.InDelta(t, 1, cost.Allocs, 0.1)
	require.InDelta(t, 112, cost.Bytes, 20)
}

func TestAllocationsOfTheRequestsAreNotThoseOfATask(t *testing.T) {
	// So many that the runner's records, which are used again, are few of them.
	work := measure.Work{Name: "empty", Batch: 100_000, Do: func() {}}
	without := measure.Run(pool.Named(pool.AfterglowName(pool.MetricsOnly))[0], work, 1, time.Millisecond)
	with := measure.Run(pool.Named(pool.AfterglowName(pool.NoopTracer))[0], work, 1, time.Millisecond)
	require.InDelta(t, without.Allocs, with.Allocs, 0.05, "a no-op span has none")
}

var kept atomic.Pointer[[100]byte]

func TestContentionIsMeasuredOnEachNumberOfProcessors(t *testing.T) {
	works := []measure.Work{{Name: "nothing", Batch: 100, Do: func() {}}}
	book := measure.Contention(quick(), works, pool.Named(pool.Channel))
	for _, n := range measure.Processors {
		require.Equal(t, 2, book.Rounds(measure.Case{Setting: measure.OnProcessors("nothing", n), Contestant: pool.Channel, Metric: measure.MetricTime}))
	}
}

func TestABurstIsTimedCallByCallAndNoneBlocks(t *testing.T) {
	book := measure.Burst(quick(), []pool.Telemetry{pool.TelemetryOff, pool.Sampled}, pool.Named(pool.RawGo))
	require.Equal(t, 2, book.Rounds(measure.Case{Setting: measure.BurstRoom, Contestant: pool.RawGo, Metric: measure.MetricP99}))
	for _, tel := range []pool.Telemetry{pool.TelemetryOff, pool.Sampled} {
		name := measure.AskerName(tel)
		require.Positive(t, book.Median(measure.Case{Setting: measure.BurstRoom, Contestant: name, Metric: measure.MetricP99}))
		require.InDelta(t, measure.BurstSize, book.Median(measure.Case{Setting: measure.BurstFull, Contestant: name, Metric: measure.MetricReturned}), 0)
	}
}

func TestWaitsGrowWithTheirQuantile(t *testing.T) {
	p := quick()
	p.For = 20 * time.Millisecond
	book := measure.Latency(p, pool.Named(pool.Channel, pool.Ants, pool.Runner))
	for _, name := range []string{pool.Channel, pool.Ants, pool.Runner} {
		for _, percent := range measure.Utilisations {
			at := func(metric string) float64 {
				return book.Median(measure.Case{Setting: measure.AtUtilisation(percent), Contestant: name, Metric: metric})
			}
			require.Positive(t, at(measure.MetricWaitP50))
			require.LessOrEqual(t, at(measure.MetricWaitP50), at(measure.MetricWaitP99))
			require.LessOrEqual(t, at(measure.MetricWaitP99), at(measure.MetricWaitP999))
		}
	}
}

func TestMemoryIsMeasuredOfWhoLetsTasksWait(t *testing.T) {
	book := measure.Memory(quick(), 3000, pool.Named(pool.RawGo, pool.Ants, pool.Runner), []pool.Telemetry{pool.NoopTracer})
	waiting := func(name string) measure.Case {
		return measure.Case{Setting: measure.WaitsForWorker, Contestant: name, Metric: measure.MetricBytes}
	}
	require.Greater(t, book.Median(waiting(pool.RawGo)), 1000.0, "a goroutine has a stack")
	require.Positive(t, book.Median(waiting(pool.Runner)))
	require.Zero(t, book.Rounds(waiting(pool.Ants)), "it makes its caller wait")
	require.Positive(t, book.Median(measure.Case{Setting: measure.WaitsForResponse, Contestant: measure.AskerName(pool.NoopTracer), Metric: measure.MetricBytes}))
}

func TestEveryVariantIsServedToEveryNumberOfConnections(t *testing.T) {
	p := quick()
	p.Rounds, p.For = 1, 200*time.Millisecond
	loads := 0
	book, err := measure.HTTP(p, func(l web.Load) (web.Seen, error) {
		loads++
		require.NotEmpty(t, l.Addr)
		return web.Seen{PerSecond: float64(l.Connections), P99: time.Millisecond}, nil
	})
	require.NoError(t, err)
	require.Equal(t, len(web.Routes)*len(measure.Connections)*len(web.Variants()), loads)
	at := measure.Case{Setting: measure.WithConnections(16, 0), Contestant: web.After, Metric: measure.MetricPerSecond}
	require.InDelta(t, 16, book.Median(at), 0)
}

var errRefused = errors.New("503")

func TestALoadThatFailsIsNoAnswer(t *testing.T) {
	p := quick()
	p.Rounds = 1
	_, err := measure.HTTP(p, func(web.Load) (web.Seen, error) { return web.Seen{}, errRefused })
	require.ErrorIs(t, err, errRefused)
}

func TestTheLoadComesFromAnotherProcess(t *testing.T) {
	s, err := web.Serve(web.Variants()[0], 0)
	require.NoError(t, err)
	load := web.Load{Addr: s.Addr, Connections: 2, For: 100 * time.Millisecond}
	seen, err := measure.LoadFromAnotherProcess(load)
	require.NoError(t, err)
	require.Positive(t, seen.Requests)
	require.Positive(t, seen.P99)
	require.NoError(t, s.Close())
	_, err = measure.LoadFromAnotherProcess(load)
	require.Error(t, err, "nobody answers")
}

func TestEveryPartIsMeasuredInEveryRound(t *testing.T) {
	book := measure.Parts(quick(), pool.Parts())
	for _, part := range pool.Parts() {
		at := measure.Case{Setting: measure.Alone, Contestant: part.Name, Metric: measure.MetricTime}
		require.Equal(t, 2, book.Rounds(at), part.Name)
		require.Positive(t, book.Median(at), part.Name)
	}
}
