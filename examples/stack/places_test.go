package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/stretchr/testify/require"
)

// fillsUp waits until the alert on a kind of places fires. It requires that by then
// only callbacks of one name were rejected, for lack of these places, and that the
// metrics say so.
func (ts *testStack) fillsUp(alert, state, callback string) {
	ts.t.Helper()
	ts.eventually(func() bool {
		return len(ts.query(`ALERTS{alertstate="firing",alertname="`+alert+`"}`)) == 1
	}, "%s fires", alert)
	require.Len(ts.t, ts.query(`sum(afterglow_rejected_total{reason="`+state+`_full"}) > 0`), 1)
	require.Empty(ts.t, ts.query(`sum(afterglow_rejected_total{reason!="`+state+`_full"}) > 0`))
	require.Empty(ts.t, ts.query(`sum(afterglow_callbacks_total{outcome=~"rejected|dropped",callback!="`+callback+`"}) > 0`))
	require.Len(ts.t, ts.query(`max(max_over_time((afterglow_queue_places{state="`+state+`"} / afterglow_queue_places_limit)[1m:1s])) >= 0.5`), 1)
}

// orders places an order at the first shop, and returns its id.
func (ts *testStack) orders() (id string) {
	ts.t.Helper()
	const order = `{"name":"Ada","email":"ada@example.org","product":"lantern","quantity":1}`
	req, err := http.NewRequestWithContext(ts.t.Context(), http.MethodPost, ts.first.url+"/api/orders", strings.NewReader(order))
	require.NoError(ts.t, err)
	req.Header.Set("Content-Type", "application/json")
	resp, err := ts.client.Do(req)
	require.NoError(ts.t, err)
	defer resp.Body.Close()
	require.Equal(ts.t, http.StatusCreated, resp.StatusCode)
	var placed struct{ ID string }
	require.NoError(ts.t, json.NewDecoder(resp.Body).Decode(&placed))
	return placed.ID
}

// watches opens streams of an order's events, until leave is called.
func (ts *testStack) watches(id string, streams int) (leave func()) {
	ts.t.Helper()
	ctx, cancel := context.WithCancel(ts.t.Context())
	var close []func() error
	for range streams {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, ts.first.url+"/api/orders/"+id+"/events", http.NoBody)
		require.NoError(ts.t, err)
		resp, err := ts.client.Do(req)
		require.NoError(ts.t, err)
		require.Equal(ts.t, http.StatusOK, resp.StatusCode)
		close = append(close, resp.Body.Close)
	}
	return func() {
		cancel()
		for _, f := range close {
			_ = f()
		}
	}
}
