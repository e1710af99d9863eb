package console

import (
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// maxCaptures is how many stacks are kept after their callbacks have ended.
const maxCaptures = 100

// capture is the stack of an attempt, as somebody has asked for it.
type capture struct {
	run     RunningRun
	started time.Time
	taken   time.Time
	stack   string // empty: the attempt ended just then
	others  []OtherStack
}

// OtherStack is goroutines with the labels of a callback that are not its own.
type OtherStack struct {
	Count  int    `json:"count"`
	Stack  string `json:"stack"`
	Pooled bool   `json:"pooled,omitempty"`
}

// captures keeps stacks that were asked for.
type captures struct {
	mu    sync.Mutex
	order ring[string]        // guarded by mu: keys
	all   map[string]*capture // guarded by mu
}

func newCaptures() *captures {
	return &captures{order: newRing[string](maxCaptures), all: make(map[string]*capture)}
}

func captureKey(runner, id string) string { return runner + "\x00" + id }

func (c *captures) keep(runner, id string, taken *capture) {
	key := captureKey(runner, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all[key] == nil {
		if c.order.len() == maxCaptures {
			delete(c.all, *c.order.at(0))
		}
		c.order.push(key)
	}
	c.all[key] = taken
}

func (c *captures) get(runner, id string) *capture {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all[captureKey(runner, id)]
}

// list returns the captures, the newest first.
func (c *captures) list() (all []*capture) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := c.order.len() - 1; i >= 0; i-- {
		all = append(all, c.all[*c.order.at(i)])
	}
	return all
}

// findRun returns the attempt of an id, if it is under way.
func findRun(r *runner.Runner, id string) (runner.Run, bool) {
	for _, run := range r.Running(maxRuns) {
		if run.ID == id {
			return run, true
		}
	}
	return runner.Run{}, false
}
