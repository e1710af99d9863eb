package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// A client may try again later if the shop is busy or ends. Other errors are its own.
func TestOnlyABusyShopIsAnsweredWithTryAgain(t *testing.T) {
	for _, err := range []error{runner.ErrQueueFull, runner.ErrMaxWait, runner.ErrPausedFull, runner.ErrClosed, runner.ErrStuck, context.Canceled, context.DeadlineExceeded} {
		status, _ := statusOf(fmt.Errorf("ask: %w", err))
		require.Equal(t, http.StatusServiceUnavailable, status, err)
	}
	for _, err := range []error{runner.ErrNoScope, runner.ErrInvalidName, errors.New("disk full")} {
		status, _ := statusOf(fmt.Errorf("ask: %w", err))
		require.Equal(t, http.StatusInternalServerError, status, err)
	}
}

func TestAnErrorOfTheShopIsAnsweredWith500AndLogged(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s")
	db, err := sql.Open("sqlite", "file:"+s.db+"?_pragma=busy_timeout(5000)")
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `DROP TABLE sales`) // so that no order can be written
	require.NoError(t, err)
	require.NoError(t, db.Close())
	a := s.post("/api/orders", adasOrder)
	require.Equal(t, http.StatusInternalServerError, a.status, a.body)
	require.NotContains(t, a.body, "sales", "the client need not know")
	require.Regexp(t, `"level":"ERROR","msg":"request failed".*"route":"POST /api/orders".*sales`, s.stderr.String())
	require.Eventually(t, func() bool {
		return s.metrics().count("afterglow_callbacks_total", "outcome", "skipped") == 6
	}, patience, 10*time.Millisecond, "nothing follows an order that was not written")
}

// Under load a cache is rebuilt once for many orders. The ones whose turn a newer
// one takes are complete all the same.
func TestOneRevalidationServesManyOrders(t *testing.T) {
	s := startShop(t, "-workers", "1", "-smtp-delay", "20ms")
	var ids []string
	for range 10 {
		ids = append(ids, s.order().ID)
	}
	merged := 0
	for _, id := range ids {
		for _, st := range s.complete(id).After {
			if st.Outcome == "coalesced" {
				require.Equal(t, nameRevalidate, st.Name)
				require.Contains(t, s.get(s.url+"/orders/"+id).body, `<span class="how">left to a newer one</span>`)
				merged++
				continue
			}
			require.Equal(t, "success", st.Outcome, st.Name)
		}
	}
	require.Positive(t, merged)
	require.Less(t, merged, len(ids), "the newest one runs")
	require.Contains(t, s.get(s.url+"/bestsellers").body, "20 sold", "two lanterns an order")
}

// A request that sends its body byte by byte gets half of -drain, and no callback
// pays for it.
func TestAnEndlessRequestIsCutOffAndLosesNoWork(t *testing.T) {
	s := startShop(t, "-drain", "1s", "-smtp-delay", "50ms")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprint(conn, "POST /api/orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	s.order()
	began := time.Now()
	require.NoError(t, s.stop())
	require.Less(t, time.Since(began), 5*time.Second)
	require.Contains(t, s.stdout.String(), "Some requests did not end in time and were cut off.")
	require.Contains(t, s.stdout.String(), "nothing lost")
}
