package main

import (
	"context"
	"sync"
	"time"
)

// auditResult says what became of the after-work that was promised.
type auditResult struct {
	promised int            // callbacks of all placed orders
	done     int            // of those, known to have ended
	outcomes map[string]int // of those, by "name outcome", if not a success
	missing  []missing      // in the order they were placed
}

// missing is an order of which the shop has not done all it promised.
type missing struct {
	id    string
	names []string
	err   error // the last reading failed
}

const (
	firstRound = 50 * time.Millisecond // until the orders are read a second time
	slowRound  = time.Second           // rounds never lie further apart
)

// audit reads the orders back, in rounds, until each shows all that was
// promised, o.wait has passed, or ctx ends. Every order is read at least once.
func audit(ctx context.Context, s *shop, orders []order, o options) auditResult {
	a := auditResult{outcomes: make(map[string]int)}
	for _, placed := range orders {
		a.promised += len(placed.After)
	}
	waiting, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()

	pending := orders
	for wait := firstRound; ; wait = min(2*wait, slowRound) {
		readings := readAll(context.WithoutCancel(ctx), s, pending, o.clients)
		var left []order
		a.missing = nil
		for i, placed := range pending {
			names := readings[i].undone(placed)
			if len(names) == 0 && readings[i].err == nil {
				a.settle(placed, readings[i])
				continue
			}
			left = append(left, placed)
			a.missing = append(a.missing, missing{placed.ID, names, readings[i].err})
		}
		pending = left
		if len(pending) == 0 || !pause(waiting, wait) {
			break
		}
	}
	for i, m := range a.missing {
		a.done += len(pending[i].After) - len(m.names)
	}
	return a
}

func (a *auditResult) settle(placed order, r reading) {
	a.done += len(placed.After)
	for _, cb := range r.After {
		if cb.Outcome != "success" {
			a.outcomes[cb.Name+" "+cb.Outcome]++
		}
	}
}

// reading is an order as it was read back, or why it could not be.
type reading struct {
	status
	err error
}

// undone lists what was promised and is not done yet.
func (r reading) undone(placed order) []string {
	done := make(map[string]bool, len(r.After))
	for _, cb := range r.After {
		done[cb.Name] = cb.Done
	}
	var names []string
	for _, name := range placed.After {
		if !done[name] {
			names = append(names, name)
		}
	}
	return names
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
