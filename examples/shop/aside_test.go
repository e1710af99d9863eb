package main

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// The partner refuses each webhook at once, and each is to be tried again for long.
func TestADeadPartnerTurnsNoOrderAway(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s", "-webhook", "http://127.0.0.1:1/", "-webhook-attempts", "10", "-max-paused", "6", "-drain", "1ms")
	const orders = 8
	var last string
	for n := range orders {
		a := s.post("/api/orders", adasOrder)
		require.Equal(t, http.StatusCreated, a.status, a.body)
		last = decode[placed](t, a.body).ID
		require.Eventually(t, func() bool {
			m := s.metrics()
			return m.sum("afterglow_workers_busy") == 0 && m.count("afterglow_callbacks_total", "callback", nameEmailCustomer, "outcome", "success") == n+1
		}, patience, patience/10_000)
	}
	m := s.metrics()
	rejected := m.count("afterglow_rejected_total", "reason", "paused_full")
	require.Positive(t, rejected, "three of these may wait, so the others are rejected")
	require.Equal(t, rejected, int(m.sum("afterglow_rejected_total")), "for no other reason")
	require.Equal(t, rejected, m.count("afterglow_callbacks_total", "callback", nameWebhook, "outcome", "rejected"))
	require.InDelta(t, 3, m.sum("afterglow_queue_places", "state", "paused"), 1)
	require.Equal(t, orders, count(t, s.db, `SELECT count(*) FROM orders`))

	steps := decode[orderState](t, s.get(s.url+"/api/orders/"+last).body)
	require.True(t, steps.Complete, "a webhook that was rejected is a step that is done")
	for _, st := range steps.After {
		if st.Name == nameWebhook {
			require.Equal(t, "rejected", st.Outcome)
			require.Contains(t, st.Error, "too many wait for their next attempt")
		}
	}
	_ = s.stop() // some are to be tried again, and are lost
}

// Somebody watches an order whose mail takes long, in more windows than callbacks may
// wait for open responses.
func TestAStreamWhoseCallbackIsRejectedGoesOnAndTurnsNoOrderAway(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s", "-max-reserved", "24", "-faults", "order.email.customer=slow(1h):1", "-drain", "1ms")
	id := decode[placed](t, s.post("/api/orders", adasOrder).body).ID
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	const streams = 14
	for range streams {
		resp, err := s.client.Do(s.request(http.MethodGet, s.url+"/api/orders/"+id+"/events", "").WithContext(ctx))
		require.NoError(t, err)
		defer resp.Body.Close()
		require.Equal(t, http.StatusOK, resp.StatusCode)
	}
	m := s.metrics()
	require.Equal(t, streams-12, m.count("afterglow_rejected_total", "reason", "reserved_full"), "half of the places are for one name")
	require.Equal(t, 12, m.count("afterglow_queue_places", "state", "reserved"))
	require.Equal(t, http.StatusCreated, s.post("/api/orders", adasOrder).status)

	leave()
	require.Eventually(t, func() bool {
		return s.metrics().count("afterglow_callbacks_total", "callback", nameWatched, "outcome", "success") == 12
	}, patience, patience/1000, "their responses are over")
}
