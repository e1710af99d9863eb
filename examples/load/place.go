package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// result is what one mode's orders came to.
type result struct {
	mode     string
	orders   []order       // placed: the shop has promised their after-work
	answers  map[int]int   // how many, by status code
	errors   int           // requests without an answer
	firstErr error         // of those
	response samples       // of the orders that were placed, seen from here
	server   samples       // the same, as the shop measured them
	took     time.Duration // from the first order to the last answer
	audit    auditResult
}

// place places the orders of one mode and waits for their answers.
func place(ctx context.Context, s *shop, mode string, o options) *result {
	var (
		r     = &result{mode: mode, answers: make(map[int]int)}
		mu    sync.Mutex // guards r
		next  atomic.Int64
		wg    sync.WaitGroup
		start = time.Now()
	)
	// What was sent is waited for even when ctx ends, or its order would count
	// as an error though the shop placed it. The client's timeout bounds that.
	sending := context.WithoutCancel(ctx)
	for range min(o.clients, o.orders) {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= int64(o.orders) {
					return
				}
				var due time.Time
				if o.rate > 0 {
					due = start.Add(time.Duration(float64(i) / o.rate * float64(time.Second)))
				}
				if !pause(ctx, time.Until(due)) {
					return
				}
				if o.rate == 0 {
					due = time.Now()
				}
				a, err := s.place(sending, mode)
				took := time.Since(due)

				mu.Lock()
				r.add(a, err, took)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	r.took = time.Since(start)
	return r
}

func (r *result) add(a answer, err error, took time.Duration) {
	if err != nil {
		r.errors++
		if r.firstErr == nil {
			r.firstErr = err
		}
		return
	}
	r.answers[a.code]++
	if a.code != http.StatusCreated {
		if r.firstErr == nil && a.code != http.StatusServiceUnavailable {
			r.firstErr = fmt.Errorf("the shop answers %d", a.code)
			if a.says != "" {
				r.firstErr = fmt.Errorf("%w: %s", r.firstErr, a.says)
			}
		}
		return
	}
	r.orders = append(r.orders, a.order)
	r.response = append(r.response, took)
	r.server = append(r.server, time.Duration(a.order.ServerMS*float64(time.Millisecond)))
}
