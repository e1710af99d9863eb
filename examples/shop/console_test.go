package main

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheConsoleIsOnTheOpsAddressAndLinkedThere(t *testing.T) {
	s := startShop(t, "-smtp-delay", "1ms", "-faults", "order.webhook=error:1", "-webhook-attempts", "1")
	require.Contains(t, s.get(s.ops+"/").body, `<a href="/debug/afterglow/">`)
	require.Contains(t, s.stdout.String(), s.ops+"/debug/afterglow/")
	require.Equal(t, http.StatusNotFound, s.get(s.url+"/debug/afterglow/").status, "visitors do not see it")
	s.complete(s.order().ID)
	var failures struct {
		Groups []struct {
			Callback, Error string
			TraceID         string
		}
	}
	require.Eventually(t, func() bool {
		a := s.get(s.ops + "/debug/afterglow/failures.json")
		require.Equal(t, http.StatusOK, a.status)
		require.NoError(t, json.Unmarshal([]byte(a.body), &failures))
		return len(failures.Groups) > 0
	}, patience, 10*time.Millisecond)
	require.Equal(t, "order.webhook", failures.Groups[0].Callback)
	require.Contains(t, failures.Groups[0].Error, "injected fault")
}
