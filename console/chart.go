package console

import (
	"math"
	"strconv"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Chart is the figures of a page's charts over time. The first series is the time of day,
// in seconds.
type Chart struct {
	Runner   string      `json:"runner"`
	Callback string      `json:"callback,omitempty"`
	Range    Seconds     `json:"range_seconds"`
	Step     Seconds     `json:"step_seconds"`
	Names    []string    `json:"names"`
	Values   [][]float32 `json:"-"` // a list for each name
	Times    []float64   `json:"-"`
	Limits   Limits      `json:"limits"`
}

// Limits are what figures are measured against.
type Limits struct {
	Workers int     `json:"workers"`
	Timeout Seconds `json:"timeout_seconds"`
}

// chartRange is the length of time that a chart shows: 5 or 30 minutes.
func chartRange(asked string) time.Duration {
	if asked == "30m" {
		return longRange
	}
	return shortRange
}

// runnerSeries are the series of a runner.
var runnerSeries = []struct {
	name string
	of   func(now, then *point, seconds float64) float64
}{
	{"asked", func(now, then *point, s float64) float64 { return grown(now.asked, then.asked, s) }},
	{"success", func(now, then *point, s float64) float64 {
		return grown(now.outcomes[runner.OutcomeSuccess], then.outcomes[runner.OutcomeSuccess], s)
	}},
	{"failed", func(now, then *point, s float64) float64 {
		_, bad := counted(now.outcomes)
		_, badThen := counted(then.outcomes)
		return grown(bad-now.outcomes[runner.OutcomeRejected], badThen-then.outcomes[runner.OutcomeRejected], s)
	}},
	{"rejected", func(now, then *point, s float64) float64 {
		return grown(now.outcomes[runner.OutcomeRejected], then.outcomes[runner.OutcomeRejected], s)
	}},
	{"queued", func(now, _ *point, _ float64) float64 { return float64(now.taken[runner.PlaceQueued]) }},
	{"reserved", func(now, _ *point, _ float64) float64 { return float64(now.taken[runner.PlaceReserved]) }},
	{"held", func(now, _ *point, _ float64) float64 { return float64(now.taken[runner.PlaceHeld]) }},
	{"paused", func(now, _ *point, _ float64) float64 { return float64(now.taken[runner.PlacePaused]) }},
	{"busy", func(now, _ *point, _ float64) float64 { return float64(now.busy) }},
	{"stuck", func(now, _ *point, _ float64) float64 { return float64(now.stuck) }},
	{"delay50", func(now, _ *point, _ float64) float64 { return float64(now.responseDelay.p50) }},
	{"delay99", func(now, _ *point, _ float64) float64 { return float64(now.responseDelay.p99) }},
	{"wait50", func(now, _ *point, _ float64) float64 { return float64(now.queueWait.p50) }},
	{"wait99", func(now, _ *point, _ float64) float64 { return float64(now.queueWait.p99) }},
	{"run50", func(now, _ *point, _ float64) float64 { return float64(now.run.p50) }},
	{"run99", func(now, _ *point, _ float64) float64 { return float64(now.run.p99) }},
}

func grown(now, then uint64, seconds float64) float64 {
	if seconds <= 0 || now < then {
		return 0
	}
	return float64(now-then) / seconds
}

// chart returns the charts of a runner. mu is held.
func (s *source) chart(asked string) *Chart {
	long := chartRange(asked)
	step := 1
	if long == longRange {
		step = int(nameTick / tick)
	}
	c := &Chart{Runner: s.name, Range: Seconds(long), Step: Seconds(time.Duration(step) * tick), Limits: Limits{Workers: s.now.Workers}}
	c.Values = make([][]float32, len(runnerSeries))
	for _, series := range runnerSeries {
		c.Names = append(c.Names, series.name)
	}
	for i := s.points.len() - 1; i >= step; i -= step {
		now, then := s.points.at(i), s.points.at(i-step)
		if s.at-now.at > long {
			break
		}
		c.Times = append(c.Times, seconds(s.wall.Add(now.at-s.at)))
		for j, series := range runnerSeries {
			c.Values[j] = append(c.Values[j], float32(series.of(now, then, (now.at-then.at).Seconds())))
		}
	}
	return c.turned()
}

// nameChart returns the charts of a callback. mu is held.
func (s *source) nameChart(cb *runner.CallbackStats, asked string) *Chart {
	long := chartRange(asked)
	c := &Chart{
		Runner: s.name, Callback: cb.Name, Range: Seconds(long), Step: Seconds(nameTick),
		Limits: Limits{Workers: s.now.Workers, Timeout: Seconds(cb.Timeout)},
		Names:  []string{"asked", "success", "failed", "running", "stuck", "run50", "run99"},
	}
	c.Values = make([][]float32, len(c.Names))
	r := s.names[cb.Name]
	for i := r.len() - 1; i >= 1; i-- {
		now, then := r.at(i), r.at(i-1)
		if s.at-now.at > long {
			break
		}
		in := (now.at - then.at).Seconds()
		_, bad := counted(now.outcomes)
		_, badThen := counted(then.outcomes)
		c.Times = append(c.Times, seconds(s.wall.Add(now.at-s.at)))
		for j, v := range []float64{
			grown(now.asked, then.asked, in),
			grown(now.outcomes[runner.OutcomeSuccess], then.outcomes[runner.OutcomeSuccess], in),
			grown(bad, badThen, in), float64(now.running), float64(now.stuck), float64(now.run.p50), float64(now.run.p99),
		} {
			c.Values[j] = append(c.Values[j], float32(v))
		}
	}
	return c.turned()
}

func seconds(t time.Time) float64 { return math.Round(float64(t.UnixMilli())/100) / 10 }

// turned has the oldest values first.
func (c *Chart) turned() *Chart {
	reverse(c.Times)
	for _, v := range c.Values {
		reverse(v)
	}
	return c
}

func reverse[T any](s []T) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}

// point returns the values of the last point, as JSON: the time first. It is null if
// there is none.
func (c *Chart) point() []byte {
	if c == nil || len(c.Times) == 0 {
		return []byte("null")
	}
	last := len(c.Times) - 1
	b := append([]byte{'['}, number(c.Times[last])...)
	for _, v := range c.Values {
		b = append(append(b, ','), number(float64(v[last]))...)
	}
	return append(b, ']')
}

// MarshalJSON implements [json.Marshaler]: names, limits, and the columns, with null
// where nothing was observed.
func (c *Chart) MarshalJSON() ([]byte, error) {
	b := []byte(`{"range_seconds":` + number(time.Duration(c.Range).Seconds()) +
		`,"step_seconds":` + number(time.Duration(c.Step).Seconds()) + `,"workers":` + strconv.Itoa(c.Limits.Workers) +
		`,"timeout_seconds":` + number(time.Duration(c.Limits.Timeout).Seconds()) + `,"names":["time"`)
	for _, n := range c.Names {
		b = append(b, `,"`+n+`"`...)
	}
	b = append(b, `],"columns":[`...)
	column := func(n int, at func(int) float64) {
		b = append(b, '[')
		for i := range n {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, number(at(i))...)
		}
		b = append(b, ']')
	}
	column(len(c.Times), func(i int) float64 { return c.Times[i] })
	for _, v := range c.Values {
		b = append(b, ',')
		column(len(c.Times), func(i int) float64 { return float64(v[i]) })
	}
	return append(b, `]}`...), nil
}

func number(v float64) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "null"
	}
	if v == math.Trunc(v) && math.Abs(v) < 1e12 {
		return strconv.FormatInt(int64(v), 10)
	}
	if v > 1e6 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}
