package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	customers   = 4
	orderPace   = 200 * time.Millisecond // between two orders of a customer
	oneOrder    = `{"name":"Ada","email":"ada@example.org","product":"lantern","quantity":1}`
	keptRefused = 5
)

// orders is the load: customers who order through a balancer, each when the last order
// is answered.
type orders struct {
	client *http.Client
	stop   func() // returns when the last one is answered

	mu      sync.Mutex
	placed  []string // ids; guarded by mu
	refused int      // guarded by mu
	why     []string // the first of those; guarded by mu
}

// placeOrders begins to order, until stop is called or the test ends.
func placeOrders(t *testing.T, url string) *orders {
	t.Helper()
	o := &orders{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: customers}, Timeout: patience}}
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for range customers {
		all.Go(func() {
			pace := time.NewTicker(orderPace)
			defer pace.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-pace.C:
					o.note(o.place(url))
				}
			}
		})
	}
	o.stop = func() {
		cancel()
		all.Wait()
		o.client.CloseIdleConnections()
	}
	t.Cleanup(o.stop)
	return o
}

// place returns the order's id, or why there is none.
func (o *orders) place(url string) (id string, err error) {
	resp, err := o.client.Post(url+"/api/orders", "application/json", strings.NewReader(oneOrder))
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("%s: %s", resp.Status, body)
	}
	var order struct{ ID string }
	return order.ID, json.Unmarshal(body, &order)
}

func (o *orders) note(id string, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		o.placed = append(o.placed, id)
		return
	}
	if o.refused++; o.refused <= keptRefused {
		o.why = append(o.why, err.Error())
	}
}

// counts returns how many orders were placed and how many were refused, and why.
func (o *orders) counts() (placed, refused int, why string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.placed), o.refused, strings.Join(o.why, "\n")
}
