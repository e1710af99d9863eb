package query

import (
	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// What callbacks that were asked for but did not come to their own end ended
// in.
const lost = `outcome=~"rejected|dropped|canceled|abandoned"`

// SuccessRatio is the share of callbacks that ended well, of those that ended
// well or badly. There is none without traffic.
func (s Scope) SuccessRatio(by ...string) string {
	return s.With(`outcome="success"`).Rate(names.MetricCallbacks, by...) +
		" / (" + s.With(CountedOutcomes()).Rate(names.MetricCallbacks, by...) + " > 0)"
}

// Lost are the callbacks that were rejected, dropped, canceled or abandoned
// over the window.
func (s Scope) Lost(by ...string) string {
	return s.With(lost).Increase(names.MetricCallbacks, by...)
}

// Durable matches what is counted of durable tasks, InProcess what runners count. A process enqueues
// durable tasks that others end, and what waits for them is a store.
const (
	Durable   = names.LabelMode + `="` + names.ModeDurable + `"`
	InProcess = names.LabelMode + `!="` + names.ModeDurable + `"`
)

// DeadOutcomes matches how dead letters ended.
func DeadOutcomes() string {
	return outcomes([]runner.Outcome{runner.OutcomeError, runner.OutcomePanic, runner.OutcomeTimeout})
}

// InFlight are the callbacks asked for that have not ended, without durable tasks.
func (s Scope) InFlight(by ...string) string {
	s = s.With(InProcess)
	return s.Sum(names.MetricAsked, by...) + " - " + s.Sum(names.MetricCallbacks, by...)
}

// OldestAge is for how many seconds the longest-waiting callback has been due;
// 0 when none waits. The process measures it. A process with an older version of
// the telemetry package exposes the time only, which is compared with
// Prometheus' clock.
func (s Scope) OldestAge(by ...string) string {
	since := s.Series(names.MetricQueueOldest)
	return aggregate("max", by, s.Series(names.MetricQueueOldestAge)+" or time() - ("+since+" > 0) or "+since)
}

// Utilization is the share of the workers' time that callbacks take on each
// instance. A mean of instances would hide the one that is full.
func (s Scope) Utilization() string {
	by := []string{"instance", names.LabelRunner}
	return s.Rate(names.MetricWorkerBusyTime, by...) + " / " + s.Sum(names.MetricWorkers, by...)
}

// BusySeconds is for how long each worker of an instance was busy on average in a time
// range, until its end.
func (s Scope) BusySeconds(window string) string {
	by := []string{"instance", names.LabelRunner}
	return aggregate("sum", by, "increase("+s.Series(names.MetricWorkerBusyTime)+"["+window+"] @ end())") + " / " +
		aggregate("sum", by, "max_over_time("+s.Series(names.MetricWorkers)+"["+window+"] @ end())")
}

// Busiest is the utilization of the busiest instance.
func (s Scope) Busiest(by ...string) string { return aggregate("max", by, s.Utilization()) }

// Filled is how full the places of each kind are that are fullest, as a share of how many
// there are.
func (s Scope) Filled(by ...string) string {
	return aggregate("max", by, s.Series(names.MetricQueuePlaces)+" / "+s.Series(names.MetricQueuePlacesLimit))
}

// Fill is how full the fullest queue is, as a share of its capacity.
func (s Scope) Fill(by ...string) string {
	return aggregate("max", by, s.Series(names.MetricQueueDepth)+" / "+s.Series(names.MetricQueueCapacity))
}

// TimeToDrain is how many seconds the slowest instance would take to start what
// is due there at its present rate if nothing came: 0 when nothing is due, an
// hour at most.
func (s Scope) TimeToDrain(by ...string) string {
	each := append([]string{"instance"}, by...)
	depth := s.With(`state=~"queued|held"`).Sum(names.MetricQueuePlaces, each...)
	return aggregate("max", by, "clamp_max(("+depth+" > 0) / "+s.Rate(names.MetricQueueWait+"_count", each...)+" or "+depth+", 3600)")
}

// Forecast is how deep the queue will be after this many seconds that will then
// be fullest, if it goes on as over the window. It cannot be emptier than empty,
// nor fuller than full.
func (s Scope) Forecast(seconds string) string {
	ahead := "clamp_min(predict_linear(" + s.Series(names.MetricQueueDepth) + "[" + s.window + "], " + seconds + "), 0)"
	capacity := s.Series(names.MetricQueueCapacity)
	return aggregate("max", nil, "clamp_max("+ahead+" / "+capacity+", 1) * "+capacity)
}

// atMost is the share of its timeout that a run time is drawn up to. A quantile
// of a classic histogram lies anywhere in the bucket it falls into: if all runs
// end at a timeout of 7 seconds, the quantile says almost 10, the next bound.
const atMost = "1.1"

// RunTime is a quantile of the run time of callbacks, in seconds, at most a tenth
// above their timeout: farther than that its bucket says nothing.
func (s Scope) RunTime(q float64, by ...string) string {
	ran, limit := s.Quantile(q, names.MetricCallbackDuration, by...), s.Max(names.MetricCallbackTimeout, by...)
	return "clamp_max(" + ran + " / " + limit + ", " + atMost + ") * " + limit + " or " + ran
}

// RunTimeByResult is the same by result. The timeout has no result.
func (s Scope) RunTimeByResult(q float64) string {
	ran, limit := s.Quantile(q, names.MetricCallbackDuration, names.LabelResult), s.Max(names.MetricCallbackTimeout)
	const ofAll = " on () group_left () "
	return "clamp_max(" + ran + " /" + ofAll + limit + ", " + atMost + ") *" + ofAll + limit + " or " + ran
}

// TimeoutShare is the 99th percentile of the run time as a share of the
// callback's timeout, at most 1.1. There is none without traffic.
func (s Scope) TimeoutShare(by ...string) string {
	return "clamp_max(" + s.Quantile(0.99, names.MetricCallbackDuration, by...) +
		" / " + s.Max(names.MetricCallbackTimeout, by...) + ", " + atMost + ") >= 0"
}

// RateBefore is the rate of a counter so long before, such as 1w.
func (s Scope) RateBefore(ago, metric string, by ...string) string {
	return aggregate("sum", by, "rate("+s.Series(metric)+"["+s.window+"] offset "+ago+")")
}

// Mean is the mean of a histogram or a summary.
func (s Scope) Mean(metric string, by ...string) string {
	return s.Rate(metric+"_sum", by...) + " / (" + s.Rate(metric+"_count", by...) + " > 0)"
}

// SinceSuccess is how many seconds ago a callback last succeeded.
func (s Scope) SinceSuccess(by ...string) string {
	return "time() - " + s.Max(names.MetricLastSuccess, by...)
}

// BudgetLeft is the share of a budget that is left over the window: 1 none
// spent, 0 all of it, less than 0 overspent. Bad and all are recorded rates.
func (s Scope) BudgetLeft(bad, all, budget string) string {
	spent := func(metric string) string {
		return "sum(sum_over_time(" + s.Foreign(metric) + "[" + s.window + "]))"
	}
	return "1 - " + spent(bad) + " / " + spent(all) + " / " + budget
}
