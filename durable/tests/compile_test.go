package durable_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// program enqueues in a transaction of one driver, on a queue of another one or the same.
const program = `package program

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/pgsql"
	"github.com/afterglow-go/afterglow/durable/postgres"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

var (
	task  = durable.Define("a", durable.Options{}, func(context.Context, int) error { return nil })
	ofSQLite *sqlite.Queue
	ofPgx *postgres.Queue
	ofSQL *pgsql.Queue
	viaPgx pgx.Tx
	viaSQL *sql.Tx
)

var _ = func(ctx context.Context) { _, _ = task.Enqueue(ctx, `

func TestTheTransactionOfAnotherDriverDoesNotCompile(t *testing.T) {
	compile := func(t *testing.T, enqueuer string) (string, error) {
		file := filepath.Join(t.TempDir(), "program.go")
		require.NoError(t, os.WriteFile(file, []byte(program+enqueuer+", 1) }\n"), 0o600))
		cmd := exec.CommandContext(t.Context(), "go", "build", "-p", "1", file) //nolint:gosec // the test's
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	for _, enqueuer := range []string{"ofSQLite", "ofSQLite.Tx(viaSQL)", "ofSQL.Tx(viaSQL)", "ofPgx.Tx(viaPgx)"} {
		t.Run("right/"+enqueuer, func(t *testing.T) {
			out, err := compile(t, enqueuer)
			require.NoError(t, err, out)
		})
	}
	for enqueuer, says := range map[string]string{
		"ofSQLite.Tx(viaPgx)": "cannot use viaPgx (variable of interface type pgx.Tx) as *sql.Tx value in argument to ofSQLite.Tx",
		"ofSQL.Tx(viaPgx)":    "cannot use viaPgx (variable of interface type pgx.Tx) as *sql.Tx value in argument to ofSQL.Tx",
		"ofPgx.Tx(viaSQL)":    "cannot use viaSQL (variable of type *sql.Tx) as pgx.Tx value in argument to ofPgx.Tx",
		"viaSQL":              "cannot use viaSQL (variable of type *sql.Tx) as durable.Enqueuer value",
		"viaPgx":              "cannot use viaPgx (variable of interface type pgx.Tx) as durable.Enqueuer value",
	} {
		t.Run("wrong/"+enqueuer, func(t *testing.T) {
			out, err := compile(t, enqueuer)
			require.Error(t, err)
			require.Contains(t, out, says)
		})
	}
}
