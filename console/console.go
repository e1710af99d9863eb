package console

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Console is the live page, an [http.Handler]. Make one with [New] and end it with
// [Console.Close]. It is safe for concurrent use.
type Console struct {
	cfg      Config
	started  time.Time
	handler  http.Handler
	failures *failures
	runs     *recentRuns
	looker   *looker
	captures *captures
	hub      *hub
	durables []*durable
	bundling chan struct{} // holds one value while a bundle is made
	stop     chan struct{} // closed by Close
	done     sync.WaitGroup
	close    sync.Once

	mu      sync.Mutex
	sources []*source // guarded by mu
}

// New returns a console. Its error names every field that cannot be used. It starts two
// goroutines, which Close ends.
func New(cfg Config) (*Console, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	c := &Console{
		cfg: cfg.withDefaults(), started: time.Now(), stop: make(chan struct{}),
		failures: newFailures(), runs: newRecentRuns(), captures: newCaptures(), bundling: make(chan struct{}, 1),
	}
	c.looker = &looker{console: c}
	for _, r := range cfg.Runners {
		c.addRunner(r, false)
	}
	for _, d := range cfg.Durable {
		if d.Snapshot != nil {
			c.add(newSource(d.Name, nil, d.Snapshot))
		}
		c.durables = append(c.durables, &durable{console: c, Durable: d})
	}
	c.hub = newHub(c)
	c.handler = c.routes()
	c.done.Go(c.collect)
	c.done.Go(c.hub.run)
	return c, nil
}

// Close ends the live pages and what the console does by itself. Give it to
// [http.Server.RegisterOnShutdown] of the server that serves the console, or its Shutdown
// waits for open pages. The handler works on, with the figures as they were.
func (c *Console) Close() {
	c.close.Do(func() { close(c.stop) })
	c.done.Wait()
}

// ServeHTTP implements [http.Handler].
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// closed reports whether Close was called.
func (c *Console) closed() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// addRunner adds a runner, or notes that it has the observer.
func (c *Console) addRunner(r *runner.Runner, observed bool) *source {
	c.mu.Lock()
	for _, s := range c.sources {
		if s.runner == r {
			s.observed = s.observed || observed
			c.mu.Unlock()
			return s
		}
	}
	c.mu.Unlock()
	s := newSource(r.Stats().Name, r, r.Snapshot)
	s.observed = observed
	c.add(s)
	return s
}

// add adds a source under a name that no other has, with its first point.
func (c *Console) add(s *source) {
	snap, problem := s.take()
	at, wall := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	name := clean(s.name, maxName)
	s.name = name
	for n := 2; slices.ContainsFunc(c.sources, func(o *source) bool { return o.name == s.name }); n++ {
		s.name = fmt.Sprintf("%s#%d", name, n)
	}
	c.noteLocked(s, snap, problem, at, wall)
	c.sources = append(c.sources, s)
}

// noteLocked keeps a snapshot of a source, and judges it.
func (c *Console) noteLocked(s *source, snap *runner.Snapshot, problem string, at time.Duration, wall time.Time) {
	s.noteLocked(snap, problem, at, wall)
	if snap != nil {
		c.judgeLocked(s)
	}
}

// now returns the time since the console was made, which no setting of the machine's
// clock changes, and the time of day.
func (c *Console) now() (at time.Duration, wall time.Time) {
	wall = time.Now()
	return wall.Sub(c.started), wall
}

// collect takes a snapshot of each source once a second.
func (c *Console) collect() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-c.stop:
			return
		case <-ticker.C:
			c.takeAll()
			c.hub.wake()
		}
	}
}

// list returns the sources.
func (c *Console) list() []*source {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sources)
}

func (c *Console) takeAll() {
	for _, s := range c.list() {
		snap, problem := s.take()
		at, wall := c.now()
		c.mu.Lock()
		c.noteLocked(s, snap, problem, at, wall)
		c.mu.Unlock()
	}
	c.watchRejections()
}

// find returns the source of a name; nil: there is none. mu is held.
func (c *Console) findLocked(name string) *source {
	for _, s := range c.sources {
		if s.name == name {
			return s
		}
	}
	return nil
}
