package tests

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// The promises of Shutdown's documentation.
const (
	cancelTime   = time.Second            // before the deadline, at the most
	lateTime     = 100 * time.Millisecond // after a cancellation
	openPatience = 10 * time.Second       // for open scopes, without a deadline
	lookInterval = time.Second            // between two looks where jobs hang
)

// drains is what the model knows of Shutdown.
type drains struct {
	begun    bool // the first call
	returned bool
	from     time.Time // when it may cancel; zero: never
	until    time.Time // when it may give up; zero: never
	by       time.Time // when it must have returned; zero: never
	at       time.Time // the first call
	endless  bool      // without a deadline
	pending  int
	joined   struct{ atLeast, atMost int } // accepted since
	report   runner.Report
	err      error
	observed struct{ started, finished int }
	others   []*otherShutdown
}

// otherShutdown is a further call of Shutdown.
type otherShutdown struct {
	by       time.Time // its context's end; zero: never
	returned bool
}

// accepted counts a job that is accepted during the drain.
func (d *drains) accepted(j *job) {
	if !d.begun {
		return
	}
	d.joined.atMost++
	if j.askedAt.After(d.at) {
		d.joined.atLeast++
	}
}

func (d *drains) mayCancel(now time.Time) bool {
	stalled := d.endless && !now.Before(d.at.Add(openPatience))
	return d.begun && (stalled || !d.from.IsZero() && !now.Before(d.from))
}

func (d *drains) mayAbandon(now time.Time) bool {
	return d.begun && !d.until.IsZero() && !now.Before(d.until)
}

// begin notes the first Shutdown, with a context that has a deadline or is
// canceled at some time.
func (d *drains) begin(deadline, canceled time.Time, pending int) {
	now := time.Now()
	d.begun, d.pending, d.at, d.endless = true, pending, now, deadline.IsZero()
	if !deadline.IsZero() {
		left := deadline.Sub(now)
		d.from, d.until, d.by = deadline.Add(-min(left/10, cancelTime)), deadline, deadline
		if left < 10 { // nanoseconds: as one that has passed, there is no time to cancel in
			d.from, d.until, d.by = later(deadline, now), later(deadline, now), later(deadline, now).Add(lateTime)
		}
	}
	if !canceled.IsZero() && (deadline.IsZero() || canceled.Before(deadline)) {
		canceled = later(canceled, now)
		if d.from.IsZero() || canceled.Before(d.from) {
			d.from = canceled
		}
		d.until, d.by = canceled, canceled.Add(lateTime)
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// shutdown calls Shutdown beside the program.
func (w *world) shutdown(o op) {
	patience := o.patience()
	var deadline, canceled time.Time
	ctx, cancel := context.WithCancel(context.Background())
	now := time.Now()
	switch {
	case patience < 0:
		cancel()
		canceled = now
	case patience > 0:
		deadline = now.Add(patience)
		ctx, cancel = context.WithDeadline(context.Background(), deadline)
	}
	if o[2]&7 == 7 && patience >= 0 {
		canceled = now.Add(pick(o[3], 50*time.Millisecond, 333*time.Millisecond, 2*time.Second))
		time.AfterFunc(canceled.Sub(now), cancel)
	}
	w.callShutdown(ctx, cancel, deadline, canceled)
}

func (w *world) callShutdown(ctx context.Context, cancel func(), deadline, canceled time.Time) {
	pending := w.runner.Stats().Pending()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.drains.begun {
		w.anotherShutdown(ctx, cancel, deadline, canceled)
		return
	}
	w.drains.begin(deadline, canceled, pending)
	if w.slow && !w.drains.by.IsZero() {
		w.drains.by = w.drains.by.Add(lateTime)
	}
	go func() {
		defer w.left()
		defer cancel()
		report, err := w.runner.Shutdown(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.drains.returned, w.drains.report, w.drains.err = true, report, err
		w.checkReport(time.Now())
	}()
}

// anotherShutdown calls it a second time: it returns the same, or its own
// context's cause. mu is held.
func (w *world) anotherShutdown(ctx context.Context, cancel func(), deadline, canceled time.Time) {
	other := &otherShutdown{by: deadline}
	if !canceled.IsZero() && (deadline.IsZero() || canceled.Before(deadline)) {
		other.by = canceled
	}
	w.drains.others = append(w.drains.others, other)
	go func() {
		defer cancel()
		report, err := w.runner.Shutdown(ctx)
		w.mu.Lock()
		defer w.mu.Unlock()
		other.returned = true
		if err != nil && strings.Contains(err.Error(), "another call") {
			w.require(ctx.Err() != nil && errors.Is(err, context.Cause(ctx)), "shutdown", "another call returned %v", err)
			return
		}
		w.require(w.drains.observed.finished == 1 || w.sight != seesAll, "shutdown", "another call returned before the drain was over")
		if w.drains.returned {
			w.require(report.Pending == w.drains.report.Pending && len(report.Lost) == len(w.drains.report.Lost), "shutdown", "another call returned %+v", report)
		}
	}()
}

// checkReport holds what Shutdown has returned. mu is held.
func (m *model) checkReport(now time.Time) {
	d := &m.drains
	r := d.report
	m.require(d.by.IsZero() || !now.After(d.by), "shutdown is on time", "it returned %v late", now.Sub(d.by))
	m.require((d.err == nil) == (len(r.Lost) == 0), "report", "%v lost: %v", len(r.Lost), d.err)
	m.require(r.Pending == r.Completed+len(r.Lost) && r.Completed >= 0, "report", "%+v", r)
	if m.sight != seesAll {
		return
	}
	joined := r.Pending - d.pending
	m.require(joined >= d.joined.atLeast && joined <= d.joined.atMost || m.slow, "report", "%+v, %d were pending, %+v have joined", r, d.pending, d.joined)
	m.require(d.observed.started == 1 && d.observed.finished == 1, "order of events", "the drain was observed %+v", d.observed)
	if m.slow {
		return // it does not wait for what takes too long to tell
	}
	var want, got []string
	for _, j := range m.jobs {
		if j.phase == ended && j.outcome.Lost() && !errors.Is(j.err, runner.ErrEvicted) {
			want = append(want, j.spec.name+" "+j.outcome.String())
		}
		m.require(j.phase == ended || j.phase == refused || j.phase == wanted || j.inCaller && j.phase == accepted, "nothing is left", "%v after Shutdown", j)
	}
	for _, l := range r.Lost {
		m.require(l.TraceID == l.Name || l.TraceID == "", "report", "%q has the trace of %q", l.Name, l.TraceID)
		got = append(got, l.Name+" "+l.Outcome.String())
	}
	slices.Sort(want)
	slices.Sort(got)
	m.require(slices.Equal(want, got), "report", "lost %v, not %v", got, want)
}

// checkShutdown finds a Shutdown that should have returned. mu is held.
func (m *model) checkShutdown(now time.Time) {
	d := &m.drains
	if !d.begun {
		return
	}
	if !d.returned {
		m.require(d.by.IsZero() || !now.After(d.by), "shutdown is on time", "it has not returned, %v late", now.Sub(d.by))
		open := 0
		for _, j := range m.live {
			if j.phase != ended && j.phase != refused && j.phase != wanted {
				open++
			}
		}
		m.require(open > 0 || m.busy > 0, "shutdown returns", "nothing is left, and it waits")
	}
	if d.endless && !d.returned && m.busy == 0 && m.onlyOpen() {
		since := now.Sub(later(d.at, m.lastEnd))
		m.require(since <= openPatience+lateTime || m.slow, "shutdown returns", "nothing but open scopes is left for %v, and it waits", since)
	}
	for _, other := range d.others {
		m.require(other.returned || !d.returned && (other.by.IsZero() || !now.After(other.by)), "shutdown is on time", "another call has not returned")
	}
}

// onlyOpen reports whether all that is left waits for a scope. mu is held.
func (m *model) onlyOpen() bool {
	n := 0
	for _, j := range m.live {
		switch {
		case j.phase == ended, j.phase == refused, j.phase == wanted:
		case j.phase == accepted && j.order == 0:
			n++
		default:
			return false
		}
	}
	return n > 0
}

func (m *model) onDrainStarted(ctx context.Context, info runner.DrainInfo) context.Context {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drains.observed.started++
	m.require(info.Pending() == m.drains.pending, "report", "%d were pending, the observers are told %d", m.drains.pending, info.Pending())
	return ctx
}

func (m *model) onDrainFinished(_ context.Context, r runner.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drains.observed.finished++
	m.require(r.Pending == r.Completed+len(r.Lost), "report", "%+v", r)
}
