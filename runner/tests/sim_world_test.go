package tests

import (
	"errors"
	"net/http"
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
	w := &world{head: p.head, model: model{cfg: p.head.config(), slow: p.head.slow(), sight: p.head.sight()}}
	w.cfg.Observers = w.observers()
	r, err := runner.New(w.cfg)
	if err != nil {
		return &fault{"config", err.Error()}, 0
	}
	w.cfg = withDefaults(w.cfg)
	w.runner = r
	runner.Bind(&w.server)
	if p.head.watches() {
		quit := make(chan struct{})
		defer close(quit)
		w.pokes = make(chan struct{}, 1)
		go w.watch(quit)
	}
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
	if cfg.StuckAfter == 0 {
		cfg.StuckAfter = time.Second
	}
	if cfg.MaxStuck == 0 {
		cfg.MaxStuck = cfg.Workers
	}
	if cfg.MaxNames == 0 {
		cfg.MaxNames = 100
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
	w.check(w.runner.Snapshot())
	w.checkScopes()
}

func (w *world) step(o op) {
	switch o.kind() {
	case askGo:
		w.ask(o.spec(), nil)
	case askAfter:
		w.ask(o.spec(), w.scope(o[1]))
	case askDo:
		w.askDo(o)
	case askAll:
		w.askAll(o)
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
