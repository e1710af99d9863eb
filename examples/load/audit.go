package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// auditResult says what became of the after-work that was promised.
type auditResult struct {
	promised int            // callbacks of all placed orders
	done     int            // of those, ran and ended, well or badly
	outcomes map[string]int // of those that ended in something else than success, by "name outcome"
	missing  []missing      // in the order they were placed
}

// missing is an order of which the shop has not done all it promised.
type missing struct {
	id    string
	names []string
	err   error // the last reading of it failed
}

// errForgotten: the shop remembers the after-work of its newest orders only.
var errForgotten = errors.New("the shop has forgotten what became of it: use a smaller -n")

// notRun are the outcomes of callbacks that ended without having come to their
// own end. All others ran, well or badly.
var notRun = []string{"dropped", "abandoned", "canceled"}

const (
	firstRound = 50 * time.Millisecond // until the orders are read a second time
	slowRound  = time.Second           // rounds never lie further apart
)

// audit reads the orders back, in rounds, until each shows how all that was
// promised has ended, o.wait has passed, or ctx ends. Every order is read at
// least once.
func audit(ctx context.Context, s *shop, orders []order, o options) auditResult {
	waiting, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()

	a := auditResult{outcomes: make(map[string]int)}
	pending := orders
	for wait := firstRound; ; wait = min(2*wait, slowRound) {
		readings := readAll(context.WithoutCancel(ctx), s, pending, o.clients)
		more := len(pending) > 0 && slices.ContainsFunc(readings, reading.unsettled) && pause(waiting, wait)
		var left []order
		for i, r := range readings {
			if more && r.unsettled() {
				left = append(left, pending[i])
			} else {
				a.add(pending[i], r)
			}
		}
		if pending = left; len(pending) == 0 {
			slices.SortFunc(a.missing, byPlace(orders))
			return a
		}
	}
}

// add enters the last reading of an order into the books.
func (a *auditResult) add(placed order, r reading) {
	a.promised += len(placed.After)
	m := missing{id: placed.ID, err: r.err}
	for _, name := range placed.After {
		i := slices.IndexFunc(r.After, func(w work) bool { return w.Name == name })
		switch {
		case i < 0 || !r.After[i].Done:
			m.names = append(m.names, name)
			continue
		case r.After[i].Outcome != "success":
			a.outcomes[name+" "+r.After[i].Outcome]++
		}
		if slices.Contains(notRun, r.After[i].Outcome) {
			m.names = append(m.names, name)
			continue
		}
		a.done++
	}
	if len(m.names) > 0 {
		a.missing = append(a.missing, m)
	}
}

// byPlace compares orders by when they were placed.
func byPlace(orders []order) func(a, b missing) int {
	place := make(map[string]int, len(orders))
	for i, o := range orders {
		place[o.ID] = i
	}
	return func(a, b missing) int { return place[a.id] - place[b.id] }
}

// reading is an order as it was read back, or why it could not be.
type reading struct {
	status
	err error
}

// unsettled reports whether a later reading may say more.
func (r reading) unsettled() bool {
	if r.err != nil {
		return !errors.Is(r.err, errForgotten)
	}
	return slices.ContainsFunc(r.After, func(w work) bool { return !w.Done })
}

// readAll reads each order once, as many at a time as there are clients.
func readAll(ctx context.Context, s *shop, orders []order, clients int) []reading {
	readings := make([]reading, len(orders))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(clients, len(orders)) {
		wg.Go(func() {
			for i := range next {
				readings[i].status, readings[i].err = s.read(ctx, orders[i].ID)
			}
		})
	}
	for i := range orders {
		next <- i
	}
	close(next)
	wg.Wait()
	return readings
}
