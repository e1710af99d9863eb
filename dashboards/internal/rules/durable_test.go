package rules_test

const (
	tasks   = `, runner="durable"`
	receipt = tasks + `, callback="order.receipt"`
	inQueue = tasks + `, queue="mail"`
)

// stores has a process show the store. In truth one of them does at a time.
func stores(due, oldest, processes func(v view, m int) float64) func(v view) {
	return func(v view) {
		v.gauge("afterglow_durable_tasks", inQueue+`, state="due"`, func(m int) float64 { return due(v, m) })
		v.gauge("afterglow_durable_oldest_due_seconds", inQueue, func(m int) float64 { return oldest(v, m) })
		v.gauge("afterglow_durable_processes", inQueue, func(m int) float64 { return processes(v, m) })
		v.gauge("afterglow_durable_paused", inQueue, steady(0))
	}
}

func when(trouble, health float64) func(v view, m int) float64 {
	return func(v view, m int) float64 { return v.then(m, trouble, health) }
}

// durableTroubles has one for each alert on durable tasks.
var durableTroubles = []trouble{
	{"AfterglowDurableDeadLetters", minutes, func(v view) {
		v.counter("afterglow_callbacks_total", receipt+`, mode="durable", outcome="success"`, func(m int) float64 { return v.asked(m) })
		v.counter("afterglow_callbacks_total", receipt+`, mode="durable", outcome="error"`, func(m int) float64 { return v.then(m, 1, 0) })
		v.counter("afterglow_callbacks_total", receipt+`, mode="durable", outcome="coalesced"`, func(m int) float64 { return v.asked(m) })
	}},
	{"AfterglowDurableNoWorker", minutes, stores(when(40, 3), when(20, 0.2), when(0, 2))},
	{"AfterglowDurableOldestTooOld", minutes, stores(when(40, 3), func(v view, m int) float64 { return v.then(m, float64(60*(m-v.times.from)), 0.2) }, when(2, 2))},
	{"AfterglowDurableTasksReturned", minutes, grows("afterglow_durable_returned_total", receipt)},
	{"AfterglowDurableStoreUnread", minutes, func(v view) {
		v.counter("afterglow_durable_store_errors_total", tasks, func(m int) float64 { return v.then(m, 4, 0) })
		v.gauge("afterglow_durable_store_age_seconds", tasks, func(m int) float64 { return v.then(m, absent, 0.1) })
	}},
}
