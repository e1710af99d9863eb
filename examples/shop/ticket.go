package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/runner"
)

// ticket follows what one order asked to be run after its answer.
//
// Places are reserved before the order is written, so that a full queue rejects the
// order instead of losing its mails. A webhook that is rejected is a step that is done. Should the order then
// not be written after all, what was reserved finds the ticket not committed
// and does nothing.
type ticket struct {
	id        string
	mode      placeMode
	request   trace.SpanContext // of who asked; written before the ticket is shared
	committed atomic.Bool
	forgotten bool // made anew, of what the database has; written before the ticket is shared

	mu       sync.Mutex
	steps    []step        // guarded by mu
	pending  int           // guarded by mu: steps that are not done
	serverMS float64       // guarded by mu: how long the server took to answer
	answered time.Time     // guarded by mu: zero if it has not yet
	changed  chan struct{} // guarded by mu: closed and replaced at every change
}

// step is one piece of after-work as a reader sees it.
type step struct {
	Name    string `json:"name"`
	Label   string `json:"label"`
	State   string `json:"state"` // waiting, running or done
	Done    bool   `json:"done"`
	Outcome string `json:"outcome,omitempty"`
	Error   string `json:"error,omitempty"` // of the last attempt, if it failed
	// Durable: the step is a task in the database. Attempt is how often it was begun.
	Durable bool `json:"durable,omitempty"`
	Attempt int  `json:"attempt,omitempty"`
	// AtMS is when the step ended, relative to the response: negative if
	// before it.
	AtMS   float64 `json:"at_ms"`
	TookMS float64 `json:"took_ms"`

	ended time.Time
}

func newTicket(id string, mode placeMode, jobs []job) *ticket {
	t := &ticket{id: id, mode: mode, pending: len(jobs), changed: make(chan struct{})}
	for _, j := range jobs {
		st := step{Name: j.name, Label: j.label, State: "waiting"}
		if j.way == wayDurable {
			st.Durable, st.Label = true, j.label+", durable"
		}
		t.steps = append(t.steps, st)
	}
	return t
}

// update changes one step, and wakes those who watch if that made a difference.
func (t *ticket) update(name string, change func(*step)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.steps {
		if t.steps[i].Name == name {
			before := t.steps[i]
			change(&t.steps[i])
			switch after := t.steps[i]; {
			case after == before:
				return
			case after.Done && !before.Done:
				t.pending--
			case !after.Done && before.Done: // an operator has a dead letter run again
				t.pending++
			}
		}
	}
	t.wake()
}

// wake must be called with mu held.
func (t *ticket) wake() {
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *ticket) started(name string) {
	t.update(name, func(s *step) { s.State = "running" })
}

// finished records the end of a step. responded is when the response was
// done; zero if it is not yet.
func (t *ticket) finished(name string, outcome runner.Outcome, err error, responded, ended time.Time, took time.Duration) {
	t.update(name, func(s *step) {
		s.State, s.Done, s.Outcome = "done", true, outcome.String()
		if err != nil {
			s.Error = err.Error()
		}
		s.ended, s.TookMS = ended, milliseconds(took)
		if !responded.IsZero() {
			s.AtMS = milliseconds(ended.Sub(responded))
		}
	})
}

// answer records that the response is about to be written, took after the
// request came in. What ended before it is dated relative to it.
func (t *ticket) answer(took time.Duration) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.serverMS, t.answered = milliseconds(took), now
	if t.mode == modeInline {
		for i := range t.steps {
			t.steps[i].AtMS = milliseconds(t.steps[i].ended.Sub(now))
		}
	}
	t.wake()
}

// look returns the steps as they are, whether all are done, and a channel
// that is closed at the next change.
func (t *ticket) look() (steps []step, complete bool, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]step(nil), t.steps...), t.pending == 0, t.changed
}

func (t *ticket) took() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.serverMS
}

func (t *ticket) names() []string {
	names := make([]string, 0, len(t.steps))
	for i := range t.steps { // names never change, so no lock
		names = append(names, t.steps[i].Name)
	}
	return names
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

type ticketKey struct{}

func withTicket(ctx context.Context, t *ticket) context.Context {
	return context.WithValue(ctx, ticketKey{}, t)
}

// requestOf is the span context of the request that a job is done for: in a
// callback that of ctx itself is the callback's own.
func requestOf(ctx context.Context) trace.SpanContext {
	if t, ok := ctx.Value(ticketKey{}).(*ticket); ok {
		return t.request
	}
	return trace.SpanContext{}
}

// ticketObserver tells tickets how their callbacks fare. This is all it takes
// to follow callbacks in one's own terms: the asker's context values reach
// every event.
func ticketObserver() runner.Observer {
	return runner.Observer{
		Started: func(ctx context.Context, info runner.StartedInfo) context.Context {
			if t, ok := ctx.Value(ticketKey{}).(*ticket); ok {
				t.started(info.Name)
			}
			return nil
		},
		Finished: func(ctx context.Context, info runner.FinishedInfo) {
			if t, ok := ctx.Value(ticketKey{}).(*ticket); ok {
				t.finished(info.Name, info.Outcome, info.Err, info.Due, info.Finished, info.Duration())
			}
		},
	}
}

// maxTickets bounds the tickets kept, about 1.5 KB each.
const maxTickets = 20_000

// tickets keeps the newest tickets by id.
type tickets struct {
	mu   sync.Mutex
	byID map[string]*ticket // guarded by mu
	ring []string           // guarded by mu: the ids, the next one to go at next
	next int                // guarded by mu
}

func newTickets() *tickets {
	return &tickets{byID: make(map[string]*ticket), ring: make([]string, maxTickets)}
}

func (ts *tickets) add(t *ticket) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	delete(ts.byID, ts.ring[ts.next])
	ts.ring[ts.next] = t.id
	ts.next = (ts.next + 1) % len(ts.ring)
	ts.byID[t.id] = t
}

func (ts *tickets) get(id string) *ticket {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.byID[id]
}
