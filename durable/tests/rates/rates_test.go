//go:build unix

package rates_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

var (
	enqueues = flag.Int("rates.enqueues", 1000, "how many tasks are enqueued one by one, each time")
	works    = flag.Int("rates.works", 5000, "how many tasks are worked, each time")
	batch    = 500
	askers   = 8 // goroutines that enqueue
)

// side is River alone, or this package.
type side interface {
	enqueue(ctx context.Context, n int) error
	enqueueAll(ctx context.Context, n int) error
	work(b *testing.B) (stop func())
}

// counter counts tasks as they run.
type counter struct {
	first atomic.Int64 // when the first one ran, in Unix nanoseconds
	last  time.Time    // written before done is closed
	left  atomic.Int64
	done  chan struct{}
}

func (c *counter) expect(n int) {
	c.first.Store(0)
	c.left.Store(int64(n))
	c.done = make(chan struct{})
}

func (c *counter) count() {
	c.first.CompareAndSwap(0, time.Now().UnixNano())
	if c.left.Add(-1) == 0 {
		c.last = time.Now()
		close(c.done)
	}
}

// measured is what one side took.
type measured struct{ took, cpu time.Duration }

// cpu is the processor time of this process, which others disturb less than the time that passes.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func measureEnqueue(b *testing.B, s side) measured {
	b.Helper()
	var next atomic.Int64
	var all sync.WaitGroup
	before, began := cpu(b), time.Now()
	for range askers {
		all.Go(func() {
			for n := next.Add(1); n <= int64(*enqueues); n = next.Add(1) {
				if err := s.enqueue(context.Background(), int(n)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	return measured{time.Since(began), cpu(b) - before}
}

func measureWork(b *testing.B, s side, c *counter) measured {
	b.Helper()
	c.expect(*works)
	for n := *works; n > 0; n -= batch {
		require.NoError(b, s.enqueueAll(context.Background(), min(n, batch)))
	}
	before := cpu(b)
	stop := s.work(b)
	<-c.done
	m := measured{took: c.last.Sub(time.Unix(0, c.first.Load()))}
	stop() // the results are written
	m.cpu = cpu(b) - before
	return m
}

// BenchmarkRates measures both sides in turns, in one run and on one server, each in its own database. So whatever else the machine does, it
// does to both. Each turn enqueues tasks one by one from eight goroutines, or works what is there.
func BenchmarkRates(b *testing.B) {
	for _, engine := range []struct {
		name string
		dsn  func(t testing.TB) string
		bare func(b *testing.B, dsn string, c *counter) side
		open enginetest.Open
	}{
		{"sqlite", func(t testing.TB) string { return sqlite.Scheme + filepath.Join(t.TempDir(), "tasks.db") }, bareSQLite, enginetest.SQLite},
		{"postgres", pgtest.DSN, barePostgres, enginetest.Postgres},
	} {
		for _, phase := range []string{"enqueue", "work"} {
			b.Run(engine.name+"/"+phase, func(b *testing.B) {
				var c counter
				sides := []side{engine.bare(b, engine.dsn(b), &c), newOurs(b, engine.open, engine.dsn(b), &c)}
				n := *enqueues
				measure := measureEnqueue
				if phase == "work" {
					n = *works
					measure = func(b *testing.B, s side) measured { return measureWork(b, s, &c) }
				}
				var all [2][]measured
				for i := 0; i < b.N; i++ {
					for turn := range sides {
						which := (i + turn) % 2
						all[which] = append(all[which], measure(b, sides[which]))
					}
				}
				report(b, engine.name+" "+phase, n, all)
			})
		}
	}
}

// report prints the medians, and those of the ratios of the turns.
func report(b *testing.B, name string, n int, all [2][]measured) {
	b.Helper()
	rate := func(which int) float64 {
		return median(all[which], func(i int) float64 { return float64(n) / all[which][i].took.Seconds() })
	}
	ratio := median(all[0], func(i int) float64 { return float64(all[0][i].took) / float64(all[1][i].took) })
	ofCPU := median(all[0], func(i int) float64 { return float64(all[0][i].cpu) / float64(all[1][i].cpu) })
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate(0), "bare/s")
	b.ReportMetric(rate(1), "ours/s")
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(ofCPU, "cpu-ratio")
	_, _ = fmt.Fprintf(os.Stdout, "%-18s bare %6.0f/s  ours %6.0f/s  ratio %.2f  of processor time %.2f  (medians of %d turns of %d)\n", name, rate(0), rate(1), ratio, ofCPU, len(all[0]), n)
}

func median(all []measured, of func(i int) float64) float64 {
	values := make([]float64, len(all))
	for i := range all {
		values[i] = of(i)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
