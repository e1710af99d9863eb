package many_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxRead is how many rows one query of Failures may read. Postgres may look at those of other names too, as all are in order.
const maxRead = 150_000

// requireIndexOnSQLite fails if a query looks at tasks that it does not return. inOrder is whether it has to find them in
// the order of the page.
func requireIndexOnSQLite(t *testing.T, db *sql.DB, q query, inOrder bool) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+q.text, q.args...)
	require.NoError(t, err, q.text)
	defer func() { require.NoError(t, rows.Close()) }()
	plan := ""
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(t, rows.Scan(&id, &parent, &unused, &detail))
		plan += detail + "\n"
		if strings.HasPrefix(detail, "SCAN river_job") && !strings.Contains(detail, "INDEX") {
			byKey := strings.Contains(q.text, "WHERE true ORDER BY id DESC LIMIT") || strings.Contains(q.text, "NOT INDEXED WHERE")
			require.True(t, byKey, "all tasks are read: %s\n%s", detail, q.text)
		}
		if inOrder {
			require.NotContains(t, detail, "TEMP B-TREE FOR ORDER BY", "all chosen tasks are read and sorted: %s", q.text)
		}
	}
	require.NoError(t, rows.Err())
	t.Log(strings.TrimSpace(plan))
}

// node is a part of a plan of Postgres, after it was run.
type node struct {
	Type    string  `json:"Node Type"`
	Of      string  `json:"Relation Name"`
	Index   string  `json:"Index Name"`
	Rows    float64 `json:"Actual Rows"`
	Removed float64 `json:"Rows Removed by Filter"`
	Loops   float64 `json:"Actual Loops"`
	Plans   []node  `json:"Plans"`
}

// read is how many rows the scans have read.
func (n node) read(t *testing.T) (rows float64) {
	t.Helper()
	if strings.Contains(n.Type, "Scan") {
		rows = (n.Rows + n.Removed) * n.Loops
		t.Logf("%s %s %s: %v", n.Type, n.Of, n.Index, rows)
	}
	require.False(t, n.Type == "Seq Scan" && n.Of == "river_job", "all tasks are read")
	for _, p := range n.Plans {
		rows += p.read(t)
	}
	return rows
}

// requireFewRowsOnPostgres fails if a query reads more than the bound.
func requireFewRowsOnPostgres(t *testing.T, db *sql.DB, q query, bound float64) {
	t.Helper()
	var text string
	require.NoError(t, db.QueryRowContext(context.Background(), "EXPLAIN (ANALYZE, FORMAT JSON) "+q.text, q.args...).Scan(&text), q.text)
	var plans []struct{ Plan node }
	require.NoError(t, json.Unmarshal([]byte(text), &plans))
	require.LessOrEqual(t, plans[0].Plan.read(t), bound, "rows read by %s", q.text)
}
