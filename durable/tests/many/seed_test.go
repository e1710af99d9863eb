package many_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/pgsql"
	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// engine is a database of one kind.
type engine struct {
	dsn    func(t testing.TB) string
	open   func(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*durable.TxQueue[*sql.Tx], error)
	openDB func(dsn string) (*sql.DB, error)

	number  string // SQL that makes the numbers from 1 to $1, as n
	ago     string // the time $2 seconds and n milliseconds ago
	array   string // an array with one object
	text    string // an array with one text
	analyze string
}

var engines = map[string]engine{
	"sqlite": {
		dsn:  func(t testing.TB) string { return sqlite.Scheme + filepath.Join(t.TempDir(), "tasks.db") },
		open: sqlite.Open, openDB: sqlite.OpenDB,
		number:  "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $1)",
		ago:     "strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '-' || (%d - n / 1000.0) || ' seconds')",
		array:   "jsonb('[' || %s || ']')",
		text:    "jsonb('[\"' || %s || '\"]')",
		analyze: "ANALYZE",
	},
	"postgres": {
		dsn: pgtest.DSN, open: pgsql.Open, openDB: pgsql.OpenDB,
		number:  "WITH numbers AS (SELECT generate_series(1, $1::bigint) AS n)",
		ago:     "now() - make_interval(secs => %d - n / 1000.0)",
		array:   "ARRAY[(%s)::jsonb]",
		text:    "ARRAY[%s]",
		analyze: "VACUUM ANALYZE river_job",
	},
}

// rare is what the oldest dead letter has alone: its group, name and queue.
const rare = "rare"

// insert adds tasks of a state. Its dead letters belong to 20 groups and 10 names, and the oldest one to those
// named rare.
func (e engine) insert(t *testing.T, db *sql.DB, state string, n int) {
	t.Helper()
	object := "jsonb"
	if e.analyze != "ANALYZE" {
		object = ""
	}
	named := func(prefix string, of int) string {
		return fmt.Sprintf("CASE WHEN n = 1 AND '%s' = 'discarded' THEN '%s' ELSE '%s' || (n %% %d) END", state, rare, prefix, of)
	}
	ended := "NULL"
	if state == "discarded" || state == "completed" {
		ended = fmt.Sprintf(e.ago, 10_000)
	}
	cast := func(text, to string) string {
		if object != "" {
			return object + "(" + text + ")"
		}
		return "(" + text + ")::" + to
	}
	query := e.number + ` INSERT INTO river_job (state, attempt, max_attempts, attempted_at, created_at, scheduled_at, finalized_at, kind, queue, args, attempted_by, errors, metadata)
SELECT ` + e.state(state) + `, 3, 3, ` + fmt.Sprintf(e.ago, 10_001) + `, ` + fmt.Sprintf(e.ago, 10_002) + `, ` + fmt.Sprintf(e.ago, 10_001) + `, ` + ended + `,
	` + named("mail.", 10) + `, ` + named("default", 1) + `, ` + cast(`'{"to":"customer-' || n || '@example.com"}'`, "jsonb") + `, ` +
		fmt.Sprintf(e.text, "'beats-host-1-"+"' || (n % 7)") + `, ` +
		fmt.Sprintf(e.array, `'{"at":"2026-01-01T00:00:00Z","attempt":3,"error":"connection refused to host ' || (n % 20) || '","trace":""}'`) + `, ` +
		cast(`'{"afterglow":{"ref":"order-' || n || '"},"afterglow.failure":{"group":"' || `+named("group", 20)+` || '"}}'`, "jsonb") + `
FROM numbers`
	began := time.Now()
	_, err := db.ExecContext(t.Context(), query, n)
	require.NoError(t, err)
	t.Logf("%d rows %s in %v", n, state, time.Since(began).Round(time.Millisecond))
}

func (e engine) state(s string) string {
	if e.analyze == "ANALYZE" {
		return "'" + s + "'"
	}
	return "'" + s + "'::river_job_state"
}

// sizes prints how many bytes of the table and of each index there are for each task.
func (d *database) sizes(t *testing.T) {
	t.Helper()
	query := "SELECT name, sum(pgsize) FROM dbstat WHERE name LIKE 'river_job%' OR name LIKE 'afterglow_dead%' GROUP BY name ORDER BY 2 DESC"
	if d.name == "postgres" {
		query = "SELECT relname, pg_relation_size(oid) FROM pg_class WHERE relname ~ '^(river_job|afterglow_dead)' AND relkind IN ('r', 'i') ORDER BY 2 DESC"
	}
	rows, err := d.plain.QueryContext(t.Context(), query)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	total := *dead + *dead/2 + *dead/10
	for rows.Next() {
		var name string
		var bytes int64
		require.NoError(t, rows.Scan(&name, &bytes))
		_, _ = fmt.Printf("%s\t%-40s\t%6d MB\t%d bytes a task\n", d.name, name, bytes>>20, bytes/int64(total))
	}
	require.NoError(t, rows.Err())
}
