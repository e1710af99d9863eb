package console

import (
	"cmp"
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Places is the callbacks that wait in a kind of place.
type Places struct {
	Kind  string `json:"kind"`
	Taken int    `json:"taken"`
	Limit int    `json:"limit"`
}

// Share is how much of the places is taken.
func (p Places) Share() float64 { return float64(p.Taken) / float64(max(p.Limit, 1)) }

// Latency is quantiles of a time.
type Latency struct {
	P50 Seconds `json:"p50_seconds"`
	P95 Seconds `json:"p95_seconds,omitempty"`
	P99 Seconds `json:"p99_seconds"`
}

// RunnerRow is a runner on the overview.
type RunnerRow struct {
	Name     string   `json:"name"`
	State    string   `json:"state"` // "running", "draining", "shut down" or "no figures"
	Observed bool     `json:"observed"`
	Workers  int      `json:"workers"`
	Busy     int      `json:"busy"`
	Used     float64  `json:"used"` // share of the workers' time, within a minute
	Running  int      `json:"running"`
	Stuck    int      `json:"stuck"`
	Places   []Places `json:"places"`
	Asked    float64  `json:"asked_per_second"` // within a minute
	Ended    uint64   `json:"ended_5m"`         // within five minutes, what the error budget counts
	Failed   uint64   `json:"failed_5m"`        // of these, badly
	Delay    Latency  `json:"response_delay"`   // within ten seconds
	Wait     Latency  `json:"queue_wait"`
	Run      Latency  `json:"run_time"`
	Full     Seconds  `json:"full_in_seconds,omitempty"` // a forecast, if there is an honest one

	Spark []float64 `json:"-"` // asked for a second, within five minutes
}

func (c *Console) runnerRowLocked(s *source) RunnerRow {
	row := RunnerRow{Name: s.name, State: "no figures", Observed: s.observed || s.runner == nil}
	if s.now == nil {
		return row
	}
	switch {
	case s.isOverLocked():
		row.State = "shut down"
	case s.now.Closed:
		row.State = "draining"
	default:
		row.State = "running"
	}
	row.Workers, row.Busy, row.Running, row.Stuck = s.now.Workers, s.now.Busy, s.now.Running, s.now.Stuck
	row.Used = s.utilized(time.Minute)
	for kind := range runner.NumPlaces {
		p := s.now.Places[kind]
		if p.Limit == 0 { // of a durable queue
			continue
		}
		row.Places = append(row.Places, Places{kind.String(), p.Taken, p.Limit})
	}
	now, then := s.since(time.Minute)
	row.Asked = perSecond(now.asked-then.asked, now.at-then.at)
	_, then = s.since(recentWindow)
	all, bad := counted(now.outcomes)
	allThen, badThen := counted(then.outcomes)
	row.Ended, row.Failed = all-allThen, bad-badThen
	row.Delay, row.Wait, row.Run = now.responseDelay.view(), now.queueWait.view(), now.run.view()
	if full, ok := s.forecast(); ok {
		row.Full = Seconds(full)
	}
	row.Spark = s.spark(func(p *point) uint64 { return p.asked })
	return row
}

func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

func (l latency) view() Latency {
	of := func(s float32) Seconds {
		if s != s { // NaN: nothing was observed
			return 0
		}
		return Seconds(float64(s) * float64(time.Second))
	}
	return Latency{P50: of(l.p50), P99: of(l.p99)}
}

const sparkPoints = 60

// spark returns how fast a counter has grown, in sixty steps of five seconds.
func (s *source) spark(of func(*point) uint64) (values []float64) {
	for i := sparkPoints; i > 0; i-- {
		if s.points.len() == 0 || s.at-time.Duration(i)*nameTick < s.points.at(0).at {
			continue
		}
		now, then := s.between(time.Duration(i)*nameTick, time.Duration(i-1)*nameTick)
		values = append(values, perSecond(of(now)-of(then), now.at-then.at))
	}
	return values
}

// CallbackRow is what is known of the callbacks of a name.
type CallbackRow struct {
	Runner      string    `json:"runner"`
	Name        string    `json:"name"`
	Asked       uint64    `json:"asked"`
	Rate        float64   `json:"asked_per_second"` // within a minute
	Ended       uint64    `json:"ended_5m"`
	Failed      uint64    `json:"failed_5m"` // of these, badly
	Run         Latency   `json:"run_time"`  // within five minutes
	Runs        uint64    `json:"runs_5m"`
	Timeout     Seconds   `json:"timeout_seconds,omitempty"`
	Running     int       `json:"running"`
	Stuck       int       `json:"stuck"`
	Waiting     int       `json:"waiting"` // in any kind of place
	Retries     uint64    `json:"retries"`
	Share       float64   `json:"worker_time_share"` // of what the workers spent within five minutes
	LastError   string    `json:"last_error,omitempty"`
	ErrorGroup  string    `json:"last_error_group,omitempty"`
	LastFailure time.Time `json:"last_failure,omitzero"`
	LastSuccess time.Time `json:"last_success,omitzero"`

	Spark []float64 `json:"-"`
}

// FailedShare is the share of ended callbacks that failed.
func (r CallbackRow) FailedShare() float64 { return float64(r.Failed) / float64(max(r.Ended, 1)) }

// Near is how much of the timeout the p95 takes; 0: it has no timeout.
func (r CallbackRow) Near() float64 {
	if r.Timeout == 0 {
		return 0
	}
	return float64(r.Run.P95) / float64(r.Timeout)
}

// callbackRowsLocked returns the rows of a source.
func (c *Console) callbackRowsLocked(s *source) (rows []CallbackRow) {
	var all uint64
	sums := make([]uint64, len(s.now.Callbacks))
	for i := range s.now.Callbacks {
		cb := &s.now.Callbacks[i]
		runs := s.runsOf(cb)
		sums[i] = runs.Sum()
		all += sums[i]
		row := CallbackRow{
			Runner: s.name, Name: clean(cb.Name, maxName), Asked: cb.Asked, Timeout: Seconds(cb.Timeout), Running: cb.Running, Stuck: cb.Stuck,
			Waiting: cb.Reserved + cb.Queued + cb.Paused, Retries: cb.Retries, LastFailure: cb.LastFailure, LastSuccess: cb.LastSuccess,
			Runs: runs.Count(),
			Run:  Latency{Seconds(runs.Quantile(.5)), Seconds(runs.Quantile(.95)), Seconds(runs.Quantile(.99))},
		}
		row.Ended, row.Failed = counted(s.nameOutcomes(cb, recentWindow))
		if now, then := s.nameSince(cb.Name, time.Minute, 0); now != nil && s.at > then.at {
			row.Rate = perSecond(cb.Asked-then.asked, s.at-then.at)
		}
		row.Spark = s.nameSpark(cb.Name)
		rows = append(rows, row)
	}
	last := make(map[string]*FailureGroup)
	for _, g := range c.failures.list(func(g *FailureGroup) bool { return g.Runner == s.name && g.Outcome != "rejected" }) {
		if last[g.Callback] == nil {
			last[g.Callback] = &g
		}
	}
	for i := range rows {
		if all > 0 {
			rows[i].Share = float64(sums[i]) / float64(all)
		}
		if g := last[rows[i].Name]; g != nil {
			rows[i].LastError, rows[i].ErrorGroup = g.Error, g.ID
			if rows[i].LastFailure.IsZero() { // it hangs, and has not ended
				rows[i].LastFailure = g.Last
			}
		}
	}
	return rows
}

// nameSpark returns how fast a name was asked for, in steps of five seconds.
func (s *source) nameSpark(name string) (values []float64) {
	r := s.names[name]
	if r == nil {
		return nil
	}
	for i := max(1, r.len()-sparkPoints); i < r.len(); i++ {
		now, then := r.at(i), r.at(i-1)
		values = append(values, perSecond(now.asked-then.asked, now.at-then.at))
	}
	return values
}

// sorts are the orders of a table of callbacks, by the name in the address.
var sorts = map[string]func(a, b CallbackRow) int{
	"": func(a, b CallbackRow) int {
		return cmp.Or(cmp.Compare(a.Runner, b.Runner), cmp.Compare(a.Name, b.Name))
	},
	"rate":     func(a, b CallbackRow) int { return cmp.Compare(b.Rate, a.Rate) },
	"failures": func(a, b CallbackRow) int { return cmp.Compare(b.Failed, a.Failed) },
	"p95":      func(a, b CallbackRow) int { return cmp.Compare(b.Run.P95, a.Run.P95) },
	"time":     func(a, b CallbackRow) int { return cmp.Compare(b.Share, a.Share) },
	"running":  func(a, b CallbackRow) int { return cmp.Compare(b.Running, a.Running) },
	"waiting":  func(a, b CallbackRow) int { return cmp.Compare(b.Waiting, a.Waiting) },
}

func sortRows(rows []CallbackRow, by string) {
	order := sorts[by]
	if order == nil {
		order = sorts[""]
	}
	slices.SortStableFunc(rows, sorts[""])
	slices.SortStableFunc(rows, order)
}
