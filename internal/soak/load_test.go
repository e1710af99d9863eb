package soak

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// loadVariable holds a plan in the environment of the process that makes the
// load.
const loadVariable = "AFTERGLOW_SOAK_LOAD"

// maxCycle is how long both servers have had their turn.
const maxCycle = 20 * time.Second

// plan is a load: cycle after cycle until the time is over.
type plan struct {
	Targets     [2]string // busy and idle
	Length      time.Duration
	Cycle       time.Duration // both targets' turns
	Rate        int           // requests per second in the steady part
	Clients     int           // requests under way at most; each has a connection to each target
	MaxRequests int64
}

// The parts of a turn, in tenths of it; the rest is a lull.
const (
	steadyTenths = 6
	floodTenths  = 2
	floodFactor  = 3
)

// loadResult is what the load has seen.
type loadResult struct {
	Requests, Failed int64
	FirstError       string
	Cycles           []cycleResult
}

// cycleResult holds the response times of each target in one cycle.
type cycleResult [2]histogram

// loadMain is the main function of the process that makes the load.
func loadMain(text string) (exit int) {
	var p plan
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 1
	}
	l := load{plan: p}
	for range p.Clients {
		l.clients = append(l.clients, &http.Client{
			Transport: &http.Transport{MaxConnsPerHost: 1},
			Timeout:   30 * time.Second,
		})
	}
	if err := json.NewEncoder(os.Stdout).Encode(l.run()); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		return 1
	}
	return 0
}

// load makes requests as its plan says. Each client keeps a connection of its
// own: a shared pool opens more of them in every moment that the machine is
// slow, and their memory, which is the server's, would look like a leak.
type load struct {
	plan    plan
	clients []*http.Client

	requests, failed atomic.Int64
	firstError       atomic.Pointer[string]
}

func (l *load) run() loadResult {
	var result loadResult
	turn := l.plan.Cycle / 2
	for _, c := range l.clients {
		for _, target := range l.plan.Targets {
			l.get(c, target)
		}
	}
	end := time.Now().Add(l.plan.Length) // from here, or a slow start would cost cycles
	for n := 0; !time.Now().Add(l.plan.Cycle-turn/2).After(end) && !l.full(); n++ {
		var c cycleResult
		for i := range c {
			target := (i + n) % 2 // neither is always the first
			start := time.Now()
			steady := start.Add(turn * steadyTenths / 10)
			flood := steady.Add(turn * floodTenths / 10)
			l.part(l.plan.Targets[target], l.plan.Rate, steady, &c[target])
			l.part(l.plan.Targets[target], floodFactor*l.plan.Rate, flood, &c[target])
			pause(context.Background(), time.Until(start.Add(turn)))
		}
		result.Cycles = append(result.Cycles, c)
	}
	result.Requests, result.Failed = l.requests.Load(), l.failed.Load()
	if s := l.firstError.Load(); s != nil {
		result.FirstError = *s
	}
	return result
}

func (l *load) full() bool { return l.requests.Load() >= l.plan.MaxRequests }

// part makes requests at a rate, evenly spread over the clients. One that is
// late does not hurry to catch up: that would be another load for the slower
// server.
func (l *load) part(target string, rate int, end time.Time, into *histogram) {
	every := time.Duration(l.plan.Clients) * time.Second / time.Duration(rate)
	var wg sync.WaitGroup
	times := make([]histogram, l.plan.Clients)
	for i := range l.plan.Clients {
		wg.Go(func() {
			for next := time.Now().Add(rand.N(every)); next.Before(end) && !l.full(); next = next.Add(every) {
				pause(context.Background(), time.Until(next))
				start := time.Now()
				l.get(l.clients[i], target)
				now := time.Now()
				times[i].add(now.Sub(start))
				if now.After(next.Add(every)) {
					next = now
				}
			}
		})
	}
	wg.Wait()
	for i := range times {
		into.merge(&times[i])
	}
}

// get makes one request and reads the whole response.
func (l *load) get(c *http.Client, target string) {
	l.requests.Add(1)
	err := func() error {
		res, err := c.Get(target)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if n, err := io.Copy(io.Discard, res.Body); err != nil || n != int64(len(page)) {
			return fmt.Errorf("read %d bytes of %d: %w", n, len(page), err)
		}
		return nil
	}()
	if err != nil {
		l.failed.Add(1)
		s := err.Error()
		l.firstError.CompareAndSwap(nil, &s)
	}
}
