package main

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// flood sends n orders from each of so many clients and counts the answers by
// status; a request that got none counts as 0.
func (s *testShop) flood(clients, n int) map[int]int {
	var mu sync.Mutex
	statuses := make(map[int]int)
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range n {
				status := 0
				if resp, err := s.client.Do(s.request(http.MethodPost, s.url+"/api/orders", adasOrder)); err == nil {
					_ = resp.Body.Close()
					status = resp.StatusCode
				}
				mu.Lock()
				statuses[status]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return statuses
}

// requireConserved checks that every callback asked for ended in one outcome.
func requireConserved(t *testing.T, m exposition) {
	t.Helper()
	asked, ended := make(map[string]float64), make(map[string]float64)
	for _, s := range m {
		switch s.name {
		case "afterglow_asked_total":
			asked[s.labels["callback"]] += s.value
		case "afterglow_callbacks_total":
			ended[s.labels["callback"]] += s.value
		}
	}
	require.NotEmpty(t, asked)
	require.Equal(t, asked, ended)
}

func TestAskedForIsTheSumOfOutcomesAfterFaultsFloodAndDrain(t *testing.T) {
	for _, overflow := range []string{"reject", "block", "drop-oldest"} {
		t.Run(overflow, func(t *testing.T) {
			s := startShop(t, "-overflow", overflow, "-workers", "8", "-queue", "16", "-smtp-delay", "2ms",
				"-drain", "2s", "-linger", "20s", "-log-level", "error", "-faults",
				"order.email.customer=error:0.2,order.email.admin=panic:0.2,order.analytics=slow(5ms):0.3,"+
					"activity.log=hang:0.02,order.webhook=slow(1h):0.02,cache.revalidate=error:0.1")
			var answered atomic.Pointer[map[int]int]
			flooded := make(chan struct{})
			go func() {
				defer close(flooded)
				statuses := s.flood(16, 15)
				answered.Store(&statuses)
			}()
			require.Eventually(t, func() bool { return s.metrics().sum("afterglow_asked_total") > 150 }, patience, patience/1000)
			m := s.drainedMetrics() // in the middle of the flood
			_ = s.stop()            // some callbacks hang, so work may be lost
			<-flooded
			requireConserved(t, m)
			t.Logf("answers %v, rejected %v, outcomes %v", *answered.Load(), m.sum("afterglow_rejected_total"), outcomes(m))
			for status := range maps.Keys(*answered.Load()) {
				require.True(t, slices.Contains([]int{0, 201, 503}, status), "status %d: %s", status, s.stderr)
			}
		})
	}
}

func outcomes(m exposition) map[string]float64 {
	sums := make(map[string]float64)
	for _, s := range m {
		if s.name == "afterglow_callbacks_total" && s.value > 0 {
			sums[s.labels["outcome"]] += s.value
		}
	}
	return sums
}
