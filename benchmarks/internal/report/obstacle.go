package report

import (
	"math"

	"github.com/afterglow-go/afterglow/benchmarks/internal/measure"
	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// Obstacle is what stands in the way of a target: what would be measured if
// nothing were left but that.
type Obstacle struct {
	Text   string
	Figure float64 // in the target's unit; NaN if it was not measured
}

// String is empty for what was not measured.
func (o Obstacle) String() string {
	if o.Text == "" || math.IsNaN(o.Figure) {
		return ""
	}
	return Figure(o.Figure) + ": " + o.Text
}

func (r Results) part(name string) float64 {
	if r.Parts == nil {
		return math.NaN()
	}
	return r.Parts.Median(measure.Case{Setting: measure.Alone, Contestant: name, Metric: measure.MetricProcessor})
}

// obstacle is what stands in the way of a contestant's time, in ns: the same
// runner without telemetry, and what the SDK takes.
func (r Results) obstacle(t pool.Telemetry, runner measure.Case) (text string, ns float64) {
	ns = r.Throughput.Median(runner)
	switch t {
	case pool.Unsampled:
		return "the runner, and the SDK's span", ns + r.part(pool.PartUnsampled)
	case pool.Sampled:
		return "the runner, and the SDK's span and event", ns + r.part(pool.PartEvent)
	default:
		return "the runner without telemetry", ns
	}
}
