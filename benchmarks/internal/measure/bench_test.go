package measure_test

import (
	"strings"
	"testing"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// BenchmarkTask is an empty task for each contestant, in the form that
// benchstat compares: two versions of this test's binary that take turns show
// what a change has brought.
func BenchmarkTask(b *testing.B) {
	name := strings.NewReplacer("*", "", "`", "", ",", "", " ", "-").Replace
	for _, producers := range measure.Producers {
		for _, c := range pool.All() {
			b.Run(name(measure.Setting(c.Name, producers)), func(b *testing.B) {
				var sum measure.Cost
				for b.Loop() { // a task at a time would measure the wake-ups
					cost := measure.Run(c, measure.Work{Name: "empty", Batch: 20_000, Do: func() {}}, producers, 0)
					sum.Time += cost.Time
					sum.Allocs += cost.Allocs
					sum.Bytes += cost.Bytes
				}
				b.ReportMetric(sum.Time/float64(b.N), "ns/task")
				b.ReportMetric(sum.Allocs/float64(b.N), "allocs/task")
				b.ReportMetric(sum.Bytes/float64(b.N), "B/task")
			})
		}
	}
}
