package rules_test

import "fmt"

// The spans of time that alerts need. Most judge minutes; days are evaluated every
// five minutes, which is no less exact over days.
var (
	minutes = times{end: 80, from: 30, event: 60, every: 1, callbacks: 60}
	hours   = times{end: 430, from: 300, event: 385, every: 1, callbacks: 60}
	days    = times{end: 1800, from: 120, event: 900, every: 5, callbacks: 10}
)

// trouble is what an alert is about, as the series of one process show it.
type trouble struct {
	alert   string
	times   times
	exposes func(v view)
}

const (
	mail  = `, runner="mail"`
	email = mail + `, callback="order.email"`
)

func ends(outcome string) string { return email + fmt.Sprintf(`, outcome=%q`, outcome) }

// fails has a share of the callbacks end in an outcome while there is trouble.
func fails(outcome string, share float64) func(v view) {
	return func(v view) {
		v.counter("afterglow_callbacks_total", ends("success"), func(m int) float64 { return v.asked(m) * v.then(m, 1-share, 1) })
		v.counter("afterglow_callbacks_total", ends(outcome), func(m int) float64 { return v.asked(m) * v.then(m, share, 0) })
		v.gauge("afterglow_last_success_timestamp_seconds", email, func(m int) float64 {
			if share < 1 || !v.troubled(m) {
				return float64(60*m) + v.clock
			}
			if first := v.times.from; v.up(first) {
				return float64(60*first) + v.clock
			}
			return absent
		})
	}
}

// takes has a kind of places taken by half.
func takes(state string) func(v view) {
	label := mail + fmt.Sprintf(`, state=%q`, state)
	return func(v view) {
		v.gauge("afterglow_queue_places", label, func(m int) float64 { return v.then(m, 500, 5) })
		v.gauge("afterglow_queue_places_limit", label, func(int) float64 { return 1000 })
		v.counter("afterglow_rejected_total", mail+fmt.Sprintf(`, reason="%s_full"`, state), func(int) float64 { return 0 })
	}
}

// grows has a counter grow while there is trouble.
func grows(metric, labels string) func(v view) {
	return func(v view) {
		v.counter(metric, labels, func(m int) float64 { return v.then(m, 1, 0) })
	}
}

func steady(value float64) func(int) float64 { return func(int) float64 { return value } }

// ages has the oldest callback wait from the beginning of the trouble on.
func ages(v view) {
	v.gauge("afterglow_queue_oldest_seconds", mail, func(m int) float64 { return v.then(m, float64(60*(m-v.times.from)+30), 0.2) })
	v.gauge("afterglow_queue_oldest_timestamp_seconds", mail, func(m int) float64 {
		return v.then(m, float64(60*v.times.from-30), float64(60*m)) + v.clock
	})
}

// seen is what scrapes find.
func seen(v view) {
	v.target("up", "", func(m int) float64 {
		switch {
		case !v.up(m) && v.leaves:
			return absent
		case v.troubled(m) || !v.up(m):
			return 0
		}
		return 1
	})
	v.gauge("afterglow_build_info", `, version="v1.0.0"`, func(m int) float64 { return v.then(m, absent, 1) })
}

// troubles has one for each alert.
var troubles = append([]trouble{
	{"AfterglowErrorBudgetBurnFast", hours, fails("error", 1)},
	{"AfterglowErrorBudgetBurn", hours, fails("error", 1)},
	{"AfterglowErrorBudgetBurnSlow", days, fails("error", 0.5)},
	{"AfterglowLatencyBudgetBurn", hours, func(v view) {
		v.counter("afterglow_queue_wait_seconds_count", mail, v.asked)
		v.counter("afterglow_queue_wait_seconds_bucket", mail+`, le="1.0"`, func(m int) float64 { return v.then(m, 0, v.asked(m)) })
		v.counter("afterglow_callback_duration_seconds_sum", email+`, result="success"`, func(m int) float64 {
			if m > v.times.end-20 { // what starts then has not ended
				return 0
			}
			return v.asked(m)
		})
	}},
	{"AfterglowCallbacksDropped", minutes, func(v view) {
		fails("dropped", 0.5)(v)
		v.counter("afterglow_shutdown_lost_total", mail, steady(0))
	}},
	{"AfterglowCallbacksRejected", minutes, grows("afterglow_rejected_total", mail+`, reason="queue_full"`)},
	{"AfterglowShutdownLostWork", minutes, func(v view) {
		v.counter("afterglow_shutdown_lost_total", mail, func(m int) float64 {
			if v.bad && m == v.times.event-3 {
				return 3
			}
			return 0
		})
	}},
	{"AfterglowQueueStuck", minutes, func(v view) {
		began := v.times.from // of the process that it has now
		v.gauge("afterglow_queue_stalled_seconds", mail, func(m int) float64 {
			if !v.up(m - 1) {
				began = m
			}
			return v.then(m, float64(60*(m-max(began, v.times.from))), 0.2)
		})
		v.gauge("afterglow_workers_on_time", mail, func(m int) float64 { return v.then(m, 0, 1) })
	}},
	{"AfterglowOldestTooOld", minutes, ages},
	{"AfterglowQueueFillingUp", minutes, func(v view) {
		v.gauge("afterglow_queue_depth", mail, func(m int) float64 { return v.then(m, 1000, 3) })
		v.gauge("afterglow_queue_capacity", mail, steady(1024))
	}},
	{"AfterglowWorkersSaturated", minutes, func(v view) {
		v.counter("afterglow_worker_busy_seconds_total", mail, func(m int) float64 { return v.then(m, 238, 80) })
		v.gauge("afterglow_workers", mail, steady(4))
		v.gauge("afterglow_queue_depth", mail, func(m int) float64 { return v.then(m, 5, 0) })
	}},
	{"AfterglowReservedFull", minutes, takes("reserved")},
	{"AfterglowHeldFull", minutes, takes("held")},
	{"AfterglowPausedFull", minutes, takes("paused")},
	{"AfterglowPanics", minutes, fails("panic", 0.5)},
	{"AfterglowTimeouts", minutes, fails("timeout", 0.5)},
	{"AfterglowCallbackStuck", minutes, func(v view) {
		v.gauge("afterglow_callbacks_stuck", email, func(m int) float64 { return v.then(m, 2, 0) })
	}},
	{"AfterglowCallbackSilent", hours, func(v view) {
		v.counter("afterglow_callbacks_total", ends("success"), func(m int) float64 { return v.then(m, 0, v.asked(m)) })
		v.gauge("afterglow_last_success_timestamp_seconds", email, func(m int) float64 {
			if v.troubled(m) && (v.runs != nil && !v.runs(v.times.from)) {
				return absent
			}
			return float64(60*min(m, int(v.then(m, float64(v.times.from), float64(m))))) + v.clock
		})
	}},
	{"AfterglowCallbackFailing", days, fails("error", 1)},
	{"AfterglowNamesFolded", minutes, grows("afterglow_names_folded_total", mail)},
	{"AfterglowTelemetryAbsent", minutes, seen},
	{"AfterglowJobAbsent", minutes, seen},
	{"AfterglowScrapeLost", minutes, seen},
	{"AfterglowTelemetryErrors", minutes, grows("afterglow_telemetry_errors_total", `, signal="logs"`)},
}, durableTroubles...)
