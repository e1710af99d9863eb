package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFaultsAreParsedStrictly(t *testing.T) {
	table, err := parseFaults("order.webhook=error:0.2, order.webhook=slow(500ms):0.1,activity.log=panic:1,cache.revalidate=hang:0.5")
	require.NoError(t, err)
	require.Equal(t, faultTable{
		"order.webhook":    {{kind: faultError, share: .2}, {kind: faultSlow, delay: 500 * time.Millisecond, share: .1}},
		"activity.log":     {{kind: faultPanic, share: 1}},
		"cache.revalidate": {{kind: faultHang, share: .5}},
	}, table)

	for value, says := range map[string]string{
		"order.webhook":                                   "NAME=KIND:SHARE",
		"order.fax=error:1":                               `no callback is called "order.fax"`,
		"order.webhook=error":                             "has no share",
		"order.webhook=error:0":                           "above 0 and up to 1",
		"order.webhook=error:1.1":                         "above 0 and up to 1",
		"order.webhook=error:NaN":                         "above 0 and up to 1",
		"order.webhook=error:half":                        "above 0 and up to 1",
		"order.webhook=explode:1":                         "use error, panic, hang or slow(500ms)",
		"order.webhook=slow:1":                            "use error, panic, hang or slow(500ms)",
		"order.webhook=slow(fast):1":                      "positive duration",
		"order.webhook=slow(-1s):1":                       "positive duration",
		"order.webhook=error:1,":                          "NAME=KIND:SHARE",
		"order.webhook=error:0.6,order.webhook=panic:0.6": "add up to",
	} {
		_, err := parseFaults(value)
		require.ErrorContains(t, err, says, value)
	}
}

func TestEachFaultShowsInTheMetrics(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s", "-drain", "1s", "-linger", "20s", "-faults",
		"order.email.customer=error:1,order.email.admin=panic:1,order.analytics=slow(30ms):1,cache.revalidate=slow(1h):1,order.webhook=hang:1")
	s.order()
	outcome := func(callback, outcome string) float64 {
		return s.metrics().sum("afterglow_callbacks_total", "callback", callback, "outcome", outcome)
	}
	require.Eventually(t, func() bool {
		return outcome("order.email.customer", "error") == 1 &&
			outcome("order.email.admin", "panic") == 1 &&
			outcome("order.analytics", "success") == 1 &&
			outcome("activity.log", "success") == 1 &&
			outcome("cache.revalidate", "timeout") == 1 // after its two seconds
	}, patience, 20*time.Millisecond)
	m := s.metrics()
	require.GreaterOrEqual(t, m.sum("afterglow_callback_duration_seconds_sum", "callback", "order.analytics"), .03)
	require.Equal(t, 1, m.count("afterglow_workers_busy"), "the one that hangs")
	require.Greater(t, m.sum("afterglow_longest_running_seconds"), 1.0)

	m = s.drainedMetrics()
	require.Equal(t, 1, m.count("afterglow_callbacks_total", "callback", "order.webhook", "outcome", "abandoned"))
	require.ErrorContains(t, s.stop(), "work lost")
	require.Contains(t, s.stdout.String(), "1 x order.webhook abandoned")
}

func TestFaultsAreExchangedWhileTheShopRuns(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s", "-faults", "order.webhook=hang:1,order.analytics=slow(30ms):0.5")
	require.Equal(t, "order.analytics=slow(30ms):0.5,order.webhook=hang:1\n", s.get(s.ops+"/faults").body, "as the flag has them")
	put := func(faults string) answer {
		return s.do(s.request(http.MethodPut, s.ops+"/faults", faults))
	}
	hung := s.order()
	require.Eventually(t, func() bool { return s.metrics().count("afterglow_workers_busy") == 1 }, patience, 10*time.Millisecond)

	a := put("order.webhook=sulk:1")
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Equal(t, `body "order.webhook=sulk:1": kind "sulk": use error, panic, hang or slow(500ms)`+"\n", a.body)
	require.Contains(t, s.get(s.ops+"/faults").body, "order.webhook=hang:1", "a mistake changes nothing")

	require.Equal(t, "order.email.admin=error:1\n", put("order.email.admin=error:1").body)
	outcomes := func(id string) map[string]string {
		m := make(map[string]string)
		for _, st := range s.complete(id).After {
			m[st.Name] = st.Outcome
		}
		return m
	}
	require.Equal(t, "success", outcomes(hung.ID)["order.webhook"], "it is let go, and tried again")
	now := outcomes(s.order().ID)
	require.Equal(t, "error", now["order.email.admin"])
	require.Equal(t, "success", now["order.webhook"])
	require.Equal(t, "\n", put("").body)
	require.Equal(t, "success", outcomes(s.order().ID)["order.email.admin"])
}

func TestTheHealthCheckAsksTheShopThatRuns(t *testing.T) {
	s := startShop(t, "-drain", "1s", "-linger", "20s")
	check := func() error {
		return run(t.Context(), []string{"-healthcheck", "-ops", strings.TrimPrefix(s.ops, "http://")}, io.Discard, io.Discard)
	}
	require.NoError(t, check())
	s.cancel()
	require.Eventually(t, func() bool { return strings.Contains(s.stdout.String(), " drained in ") }, patience, 5*time.Millisecond)
	require.ErrorContains(t, check(), "503", "it takes no more orders")
	s.metrics() // the last scrape
	require.NoError(t, s.stop())
	require.ErrorContains(t, check(), "connection refused")
}
