package tests

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing/synctest"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// world is where a program acts: a real runner in a synctest bubble.
type world struct {
	model
	head   head
	runner *runner.Runner
	server http.Server // of bound requests
	scopes []*simScope // the program's own; newest last
	all    []*simScope
	asking []*job // that may wait for a place, in the order asked
}

var errStopped = errors.New("sim: the asker went away")

// tick is the unit of coarse time.
const tick = 10 * time.Millisecond

// restTime is more than the callbacks of a full queue need, one after the other.
const restTime = 48 * time.Hour

// play runs a program in the bubble it is called in, and returns the first
// fault and the number of steps taken.
func (p program) play() (f *fault, steps int) {
	w := &world{head: p.head, model: model{cfg: p.head.config(), slow: p.head.slow()}}
	cfg := w.cfg
	cfg.Observers = []runner.Observer{w.observer()}
	if p.head.panics() {
		cfg.Observers = append(cfg.Observers, observerOf(w.panicNow))
	}
	if p.head.exits() {
		cfg.Observers = append(cfg.Observers, w.exiting())
	}
	if p.head.slow() {
		cfg.Observers = append(cfg.Observers, observerOf(w.takeTime))
	}
	cfg.Observers = append(cfg.Observers, runner.Observer{Started: w.late})
	cfg.TraceID = traceOf
	w.cfg = withDefaults(w.cfg)
	r, err := runner.New(cfg)
	if err != nil {
		return &fault{"config", err.Error()}, 0
	}
	w.runner = r
	r.Bind(&w.server)
	for _, o := range p.ops {
		w.step(o)
		steps++
		if w.look(); w.failed() != nil {
			break
		}
	}
	w.finish()
	return w.failed(), steps
}

// withDefaults replaces zero fields by what they stand for.
func withDefaults(cfg runner.Config) runner.Config {
	if cfg.Timeout == 0 {
		cfg.Timeout = 30 * time.Second
	}
	if cfg.Grace == 0 {
		cfg.Grace = time.Second
	}
	if cfg.MaxOverrunning == 0 {
		cfg.MaxOverrunning = cfg.Workers
	}
	if cfg.MaxWait == 0 {
		cfg.MaxWait = time.Second
	}
	return cfg
}

// settle waits until nothing more happens at this instant.
func (w *world) settle() {
	w.pass(time.Nanosecond)
	synctest.Wait()
}

// look checks everything that must be true of a quiet bubble.
func (w *world) look() {
	w.settle()
	w.check(w.runner.Stats())
	w.checkScopes()
}

func (w *world) step(o op) {
	switch o.kind() {
	case askGo:
		w.ask(o.spec(), nil)
	case askAfter:
		w.ask(o.spec(), w.scope(o[1]))
	case askTrack:
		if !w.head.exits() { // which would end the program itself
			w.track(o)
		}
	case flood:
		w.flood(o)
	case jam:
		w.jam(o)
	case openScope:
		w.openScope(o)
	case openRequest:
		w.openRequest(o)
	case release:
		if s := w.scope(o[1]); s != nil {
			w.releaseScope(s)
		}
	case sleep:
		w.sleep(o.sleep())
	case letGo:
		w.letGo(o)
	case stopAsker:
		w.stopAsker(o)
	case waitScope:
		w.waitScope(o)
	case shutdown:
		w.shutdown(o)
	}
}

// sleep lets time pass; in coarse time until the next tick.
func (w *world) sleep(d time.Duration) {
	if w.head.coarse() && d >= tick {
		now := time.Now()
		d = now.Add(d).Truncate(tick).Sub(now)
	}
	w.pass(d)
}

// pass lets exactly so much time pass; in a bubble only.
func (w *world) pass(d time.Duration) { time.Sleep(d) }

// ask asks for a callback in a scope, or with Go, on a goroutine of its own, as
// handlers have. It predicts what the answer must be.
func (w *world) ask(s spec, scope *simScope) {
	ctx, how := context.Background(), ask(w.runner.Go)
	if scope != nil {
		ctx, how = scope.ctx, w.runner.After
		if s.length > 0 {
			how = runner.After
		}
	}
	j := w.newJob(s, scope, scope, nil)
	ctx, j.stop = context.WithCancelCause(context.WithValue(ctx, jobKey{}, j))
	before := w.runner.Stats()
	go func() { w.answer(j, how(ctx, s.name, w.function(j), w.options(j)...)) }()
	w.settle()
	w.predict(j, before)
	w.asking = append(w.asking, j)
}

// predict holds the answer against the state before it was asked for: a place
// that is free is given, and one that is not is not.
func (w *world) predict(j *job, before runner.Stats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	taken := j.phase != wanted && j.phase != refused
	switch {
	case j.spec.once != "", w.slow && j.phase == wanted: // it may need no place; the observers are told of the evicted one first
	case before.Closed:
		w.require(errors.Is(j.err, runner.ErrClosed), "answer", "%v was asked for after Shutdown and told %v", j, j.err)
	case before.Replaced == w.cfg.MaxOverrunning:
		w.require(errors.Is(j.err, runner.ErrOverrunning), "answer", "%v was asked for while %d overrun and told %v", j, before.Replaced, j.err)
	case before.Depth < before.Capacity:
		w.require(taken, "answer", "%v was told %v at depth %d of %d", j, j.err, before.Depth, before.Capacity)
	case w.cfg.Overflow == runner.Reject:
		w.require(errors.Is(j.err, runner.ErrQueueFull), "answer", "%v was told %v and the queue was full", j, j.err)
	case w.cfg.Overflow == runner.DropOldest:
		w.require(taken == (before.Queued > 0), "answer", "%v was told %v, %d were due", j, j.err, before.Queued)
	}
}

// stopAsker ends the context of one that asked; if it waits for a place, it
// gives up, otherwise nothing must come of it.
func (w *world) stopAsker(o op) {
	if len(w.asking) == 0 {
		return
	}
	i := max(len(w.asking)-1-int(o[1]&7), 0)
	w.asking[i].stop(errStopped)
	w.asking = slices.Delete(w.asking, i, i+1)
}

// finish brings the runner to rest and down, and holds what is true then.
func (w *world) finish() {
	if w.head.restFirst() {
		w.releaseAll()
		w.pass(restTime)
		w.look()
		if s := w.runner.Stats(); !s.Closed {
			w.checkRest(s)
			w.checkWidth()
		}
	}
	w.shutdown(op{1: w.head[11], 2: w.head[12], 3: w.head[13]})
	w.look()
	w.sleep(100 * time.Millisecond)
	w.look()
	w.releaseAll()
	w.pass(restTime)
	w.look()
	w.checkRest(w.runner.Stats())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.require(w.drains.returned, "shutdown returns", "it has not, long after the last callback")
}
