package main

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// The task of an order that is gone fails for good.
func TestTheConsoleLeadsToTheLineOfADeadLetterAndRetriesIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.db")
	dsn := sqlite.Scheme + path
	web := startShop(t, "-role", "web", "-durable", dsn)
	web.order()
	require.NoError(t, web.stop())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `DELETE FROM orders`)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	worker := startShop(t, "-role", "worker", "-durable", dsn)
	b := openBrowser(t, worker.ops)
	b.look(1400, 900, "light")
	require.Eventually(t, func() bool {
		return strings.Contains(worker.get(worker.ops+consolePath+"durable", "Accept", "text/html").body, "is gone")
	}, patience, 50*time.Millisecond)
	b.open(worker.ops + consolePath)
	clicks := 0
	b.click("#verdicts li a.button", "Most of them", &clicks)
	b.arrives(contains("main", "mailqueue.go:"))
	b.fits("dead letters")
	b.accessible("dead letters")
	b.shoot("console-walk-dead-letter")
	t.Logf("a dead letter: %d clicks to mailqueue.go", clicks)
	require.LessOrEqual(t, clicks, 3)

	b.click("form.act button", "Retry the group", &clicks)
	b.arrives(contains("main [role=status]", "1 dead letter will run again."))
	b.shoot("console-durable-retried")
	b.open(worker.ops + consolePath)
	b.shoot("console-overview-of-a-worker")
	b.noMistakes()
}
