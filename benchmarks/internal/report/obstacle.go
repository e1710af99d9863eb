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

// every is what every callback does, each part alone, in ns.
func (r Results) every() float64 {
	sum := 0.0
	for _, part := range pool.EveryPart() {
		sum += r.part(part.Name)
	}
	return sum
}

func (r Results) part(name string) float64 {
	if r.Parts == nil {
		return math.NaN()
	}
	return r.Parts.Median(measure.Case{Setting: measure.Alone, Contestant: name, Metric: measure.MetricTime})
}

// obstacle is what stands in the way of a contestant's time, in ns.
func (r Results) obstacle(contestant, setting string) (text string, ns float64) {
	runner := r.Throughput.Median(measure.Case{Setting: setting, Contestant: pool.Runner, Metric: measure.MetricTime})
	switch contestant {
	case pool.AfterglowName(pool.NoopTracer):
		return "the runner without telemetry", runner
	case pool.AfterglowName(pool.Unsampled):
		return "the runner, and the SDK's span", runner + r.part(pool.PartUnsampled)
	case pool.AfterglowName(pool.Sampled):
		return "the runner, the SDK's span and event, and the line that asked", runner + r.part(pool.PartEvent) + r.part(pool.PartCaller)
	default:
		return "what every callback does, on one processor", r.every()
	}
}
