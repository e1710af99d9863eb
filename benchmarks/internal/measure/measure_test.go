package measure_test

import (
	"errors"
	"fmt"
	"io"
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

// TestMain makes the test's binary measure and load, as main does.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		answer := map[string]func([]string, io.Writer) error{measure.MeasureCommand: measure.Answer, measure.LoadCommand: measure.Generate}[os.Args[1]]
		if answer != nil {
			if err := answer(os.Args[2:], os.Stdout); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	os.Exit(m.Run())
}

// quick is a plan that shows that a question can be answered, not what the
// answer is. It is asked in this process.
func quick() measure.Plan {
	return measure.Plan{Rounds: 2, For: time.Millisecond, Report: func(int) {}, Now: measure.Cell.Measure}
}

// made is a measurer that knows without measuring.
func made(figures measure.Figures, cells *[]measure.Cell) measure.Measurer {
	return func(c measure.Cell) (measure.Figures, error) {
		*cells = append(*cells, c)
		return figures, nil
	}
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
	require.InDelta(t, 10, book.Difference(slow, fast), 1e-9)
	require.True(t, math.IsNaN(book.Ratio(slow, measure.Case{})))
}

func TestARunCountsWhatItRan(t *testing.T) {
	for _, producers := range []int{1, 3, 8} {
		var ran atomic.Int64
		work := measure.Work{Name: "counts", Batch: 205, Do: func() { ran.Add(1) }}
		cost := measure.Run(pool.Named(pool.Channel)[0], work, producers, time.Millisecond)
		require.Zero(t, cost.Tasks%work.Batch)
		warmUp := int(ran.Load()) - cost.Tasks
		require.Positive(t, warmUp, "it is not counted")
		require.Zero(t, warmUp%work.Batch)
		require.Positive(t, cost.Time)
	}
}

func TestEveryContestantIsMeasuredInEveryRound(t *testing.T) {
	var cells []measure.Cell
	p := quick()
	p.Now = made(measure.Figures{measure.MetricTime: 1}, &cells)
	book, err := measure.Throughput(p, pool.All())
	require.NoError(t, err)
	require.Len(t, cells, 2*3*len(measure.Producers)*len(pool.All()))
	for _, producers := range measure.Producers {
		for _, c := range pool.All() {
			require.Equal(t, 2, book.Rounds(measure.Case{Setting: measure.Setting("empty", producers), Contestant: c.Name, Metric: measure.MetricTime}))
		}
	}
}

func TestEveryContestantCanBeMeasured(t *testing.T) {
	for _, c := range pool.All() {
		figures, err := measure.Cell{Question: measure.QuestionThroughput, Contestant: c.Name, For: time.Millisecond, Work: "empty", Producers: 8}.Measure()
		require.NoError(t, err)
		require.Positive(t, figures[measure.MetricTime], c.Name)
		require.Contains(t, figures, measure.MetricAllocs)
		require.Contains(t, figures, measure.MetricBytes)
	}
}

func TestAnOlderProgramTakesTurnsWithTheLibrarysContestants(t *testing.T) {
	var now, before []measure.Cell
	p := quick()
	p.Now, p.Before = made(measure.Figures{"ns": 1}, &now), made(measure.Figures{"ns": 3}, &before)
	book, err := measure.Latency(p, pool.Named(pool.Channel, pool.Runner))
	require.NoError(t, err)
	require.Len(t, now, 2*2*len(measure.Utilisations))
	require.Len(t, before, 2*len(measure.Utilisations))
	require.Equal(t, pool.Runner, before[0].Contestant, "it knows no other name")
	at := measure.Case{Setting: measure.AtUtilisation(80), Contestant: measure.Before(pool.Runner), Metric: "ns"}
	require.InDelta(t, 3, book.Median(at), 0)
	require.NotContains(t, book.Cases(), measure.Case{Setting: at.Setting, Contestant: measure.Before(pool.Channel), Metric: "ns"})
}

func TestTheLibrarysPartsAndVariantsHaveABefore(t *testing.T) {
	for question, ask := range map[string]func(measure.Plan) (*measure.Book, error){
		measure.QuestionParts:  func(p measure.Plan) (*measure.Book, error) { return measure.Parts(p, pool.Parts()) },
		measure.QuestionHTTP:   func(p measure.Plan) (*measure.Book, error) { return measure.HTTP(p, "") },
		measure.QuestionScrape: measure.Scrape,
	} {
		var now, before []measure.Cell
		p := quick()
		p.Now, p.Before = made(nil, &now), made(nil, &before)
		_, err := ask(p)
		require.NoError(t, err)
		names := make(map[string]bool)
		for _, c := range before {
			require.Equal(t, question, c.Question)
			names[c.Contestant] = true
		}
		require.Equal(t, map[string]map[string]bool{
			measure.QuestionParts:  {pool.PartLine: true},
			measure.QuestionHTTP:   {web.After: true, web.Middleware: true},
			measure.QuestionScrape: {pool.GoName(pool.NoopTracer): true},
		}[question], names)
	}
}

func TestWhatAProgramDoesNotKnowHasNoFigures(t *testing.T) {
	for _, question := range []string{measure.QuestionThroughput, measure.QuestionLatency, measure.QuestionMemory, measure.QuestionHTTP, measure.QuestionParts, measure.QuestionConsole, "new"} {
		figures, err := measure.Cell{Question: question, Contestant: "nobody", Work: "empty", Producers: 1}.Measure()
		require.NoError(t, err)
		require.Empty(t, figures, question)
	}
}

func TestAProgramMeasuresInAProcessOfItsOwn(t *testing.T) {
	self, err := os.Executable()
	require.NoError(t, err)
	c := measure.Cell{Question: measure.QuestionThroughput, Contestant: pool.Channel, For: time.Millisecond, Work: "empty", Producers: 1}
	figures, err := measure.Program(self)(c)
	require.NoError(t, err)
	require.Positive(t, figures[measure.MetricTime])
	c.Question, c.Addr = measure.QuestionHTTP, "127.0.0.1:0"
	_, err = measure.Program(self)(c)
	require.ErrorContains(t, err, pool.Channel, "nobody answers")
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
	without := measure.Run(pool.Named(pool.GoName(pool.MetricsOnly))[0], work, 1, time.Millisecond)
	with := measure.Run(pool.Named(pool.GoName(pool.NoopTracer))[0], work, 1, time.Millisecond)
	require.InDelta(t, without.Allocs, with.Allocs, 0.02, "a no-op span has none")
}

var kept atomic.Pointer[[100]byte]

func TestWaitsGrowWithTheirQuantile(t *testing.T) {
	p := quick()
	p.For = 20 * time.Millisecond
	book, err := measure.Latency(p, pool.Named(pool.Channel, pool.Ants, pool.Runner))
	require.NoError(t, err)
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

func TestMemoryIsMeasuredOfContestantsThatLetTasksWait(t *testing.T) {
	scoped := pool.AfterName(pool.NoopTracer)
	book, err := measure.Memory(quick(), 3000, pool.Named(pool.RawGo, pool.Ants, pool.Runner, scoped))
	require.NoError(t, err)
	waiting := func(name, setting string) measure.Case {
		return measure.Case{Setting: setting, Contestant: name, Metric: measure.MetricBytes}
	}
	require.Greater(t, book.Median(waiting(pool.RawGo, measure.WaitsForWorker)), 1000.0, "a goroutine has a stack")
	require.Positive(t, book.Median(waiting(pool.Runner, measure.WaitsForWorker)))
	require.Zero(t, book.Rounds(waiting(pool.Ants, measure.WaitsForWorker)), "it makes its caller wait")
	require.Positive(t, book.Median(waiting(scoped, measure.WaitsForResponse)))
}

func TestEveryVariantIsServedToEveryNumberOfConnections(t *testing.T) {
	var cells []measure.Cell
	p := quick()
	p.Now = made(measure.Figures{measure.MetricPerSecond: 16}, &cells)
	book, err := measure.HTTP(p, "127.0.0.1:1")
	require.NoError(t, err)
	require.Len(t, cells, 2*(len(web.Routes)*len(measure.Connections)*len(web.Variants())+1))
	for _, name := range []string{web.After, web.NextJS} {
		at := measure.Case{Setting: measure.WithConnections(16, 0), Contestant: name, Metric: measure.MetricPerSecond}
		require.InDelta(t, 16, book.Median(at), 0)
	}
}

func TestAVariantIsLoadedFromAnotherProcess(t *testing.T) {
	c := measure.Cell{Question: measure.QuestionHTTP, Contestant: web.Plain, For: 300 * time.Millisecond, Connections: 2}
	figures, err := c.Measure()
	require.NoError(t, err)
	require.Positive(t, figures[measure.MetricPerSecond])
	require.Positive(t, figures[measure.MetricResponseP99])
	require.InDelta(t, 18, figures[measure.MetricRequestAllocs], 6)
}

var errRefused = errors.New("503")

func TestAMeasurementThatFailsIsNoAnswer(t *testing.T) {
	p := quick()
	p.Now = func(measure.Cell) (measure.Figures, error) { return nil, errRefused }
	_, err := measure.HTTP(p, "")
	require.ErrorIs(t, err, errRefused)
}

func TestAScrapeIsMeasured(t *testing.T) {
	book, err := measure.Scrape(quick())
	require.NoError(t, err)
	require.Positive(t, book.Median(measure.Case{Setting: measure.WithNames(), Contestant: pool.GoName(pool.NoopTracer), Metric: measure.MetricScrape}))
	require.Positive(t, book.Median(measure.Case{Setting: measure.WithNames(), Contestant: pool.GoName(pool.NoopTracer), Metric: measure.MetricSnapshot}))
}

func TestTheConsoleIsMeasuredWithoutAndWithViewers(t *testing.T) {
	p := quick()
	p.Rounds = 1
	book, err := measure.Console(p)
	require.NoError(t, err)
	for _, c := range pool.Consoles() {
		at := measure.Case{Setting: measure.ConsoleSetting(), Contestant: c.Name, Metric: measure.MetricTime}
		require.Positive(t, book.Median(at), c.Name)
	}
	kept := measure.Case{Setting: measure.ConsoleSetting(), Contestant: pool.ConsoleViewed(), Metric: measure.MetricKept}
	require.Positive(t, book.Median(kept), "200 connections take memory")
}

func TestEveryPartIsMeasuredInEveryRound(t *testing.T) {
	book, err := measure.Parts(quick(), pool.Parts())
	require.NoError(t, err)
	for _, part := range pool.Parts() {
		at := measure.Case{Setting: measure.Alone, Contestant: part.Name, Metric: measure.MetricProcessor}
		require.Equal(t, 2, book.Rounds(at), part.Name)
		if part.Less == nil { // a difference of a moment may be anything
			require.Positive(t, book.Median(at), part.Name)
		}
	}
}
