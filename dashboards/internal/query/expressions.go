package query

import (
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

// InFlight are the callbacks asked for that have not ended.
func (s Scope) InFlight(by ...string) string {
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

// Utilization is the share of the workers' time that callbacks take.
func (s Scope) Utilization(by ...string) string {
	return s.Rate(names.MetricWorkerBusyTime, by...) + " / " + s.Sum(names.MetricWorkers, by...)
}

// Filled is how full the places of each kind are that are fullest, as a share of how many
// there are.
func (s Scope) Filled(by ...string) string {
	return aggregate("max", by, s.Series(names.MetricQueuePlaces)+" / "+s.Series(names.MetricQueuePlacesLimit))
}

// Fill is how full the fullest queue is, as a share of its capacity.
func (s Scope) Fill(by ...string) string {
	return aggregate("max", by, s.Series(names.MetricQueueDepth)+" / "+s.Series(names.MetricQueueCapacity))
}

// TimeToDrain is how many seconds it would take to start what is due at the present
// rate if nothing came: 0 when nothing is due, an hour at most.
func (s Scope) TimeToDrain(by ...string) string {
	depth := s.With(`state=~"queued|held"`).Sum(names.MetricQueuePlaces, by...)
	return "clamp_max((" + depth + " > 0) / " + s.Rate(names.MetricQueueWait+"_count", by...) + " or " + depth + ", 3600)"
}

// Forecast is how deep all queues together will be after this many seconds if
// it goes on as over the window. They cannot be emptier than empty, nor fuller
// than full.
func (s Scope) Forecast(seconds string) string {
	ahead := "sum(predict_linear(" + s.Series(names.MetricQueueDepth) + "[" + s.window + "], " + seconds + "))"
	return "clamp(" + ahead + ", 0, scalar(" + s.Sum(names.MetricQueueCapacity) + "))"
}

// TimeoutShare is the 99th percentile of the run time as a share of the
// callback's timeout. There is none without traffic.
func (s Scope) TimeoutShare(by ...string) string {
	return s.Quantile(0.99, names.MetricCallbackDuration, by...) +
		" / " + s.Max(names.MetricCallbackTimeout, by...) + " >= 0"
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
