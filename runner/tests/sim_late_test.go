package tests

import (
	"context"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// What this file does late it does without a lock in between: a lock would put
// it in order with what the runner has done meanwhile, and the race detector
// would see nothing.

// askLater asks for a callback from a goroutine that outlives the attempt by.
func (w *world) askLater(ctx context.Context, by *job, s spec) {
	j := w.newJob(s, nil, by.within, by)
	w.mu.Lock()
	j.later = true
	w.mu.Unlock()
	ctx = context.WithValue(ctx, jobKey{}, j)
	function, options := w.function(j), w.options(j)
	go func() {
		defer w.left(j)
		w.rest(w.apart(j, by.spec.later))
		j.askedAt = time.Now() // nobody else looks at it yet
		w.answer(j, w.runner.Go(ctx, s.name, function, options...))
	}()
}

// apart is d, and for no two jobs the same unless time is coarse.
func (w *world) apart(j *job, d time.Duration) time.Duration {
	if w.head.coarse() {
		return d
	}
	return d + time.Duration(j.id)*time.Microsecond
}

// late is the last observer: it adds to the context, long after the others have
// seen the start if the spec says so.
func (w *world) late(ctx context.Context, _ runner.StartedInfo) context.Context {
	j := jobFrom(ctx)
	if w.slow {
		w.rest(j.spec.lingers)
	}
	return context.WithValue(ctx, jobKey{}, j)
}

// lingering is the number of jobs whose start the last observer still sees. mu
// is held.
func (m *model) lingering() int {
	n := 0
	for _, j := range m.live {
		if m.slow && j.spec.lingers > 0 && j.phase == started && !j.entered {
			n++
		}
	}
	return n
}

// traceOf is Observer.TraceID.
func traceOf(ctx context.Context) string { return jobFrom(ctx).spec.name }
