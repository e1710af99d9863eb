package measure

import (
	"fmt"
	"time"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// The metrics of the books. The runner's lock cannot be seen from outside: a
// snapshot's whole time is at least that under the lock.
const (
	MetricSnapshot = "snapshot ns"
	MetricScrape   = "scrape ns"
)

// Names is how many callback names there are in the question of scrapes.
const Names = 100

// WithNames is its setting.
func WithNames() string { return fmt.Sprintf("%d names", Names) }

// Scrape asks what it costs to read the books.
func Scrape(p Plan) (*Book, error) {
	return p.ask(once([]Cell{{Question: QuestionScrape, Setting: WithNames(), Contestant: pool.GoName(pool.NoopTracer), For: p.For}}))
}

func (c Cell) scrape() Figures {
	r := pool.WithNames(Names)
	defer r.Close()
	figures := Figures{MetricScrape: median(c.For, r.Scrape)}
	if r.Snapshot() {
		figures[MetricSnapshot] = median(c.For, func() { r.Snapshot() })
	}
	return figures
}

// median is how long f takes, in ns, when called over and over for d.
func median(d time.Duration, f func()) float64 {
	f()
	settle()
	var took []float64
	for start := time.Now(); len(took) == 0 || time.Since(start) < d; {
		at := time.Now()
		f()
		took = append(took, float64(time.Since(at)))
	}
	return Quantile(took, 0.5)
}
