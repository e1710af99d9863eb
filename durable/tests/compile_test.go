package durable_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
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

func enqueue(ctx context.Context) {
`

func TestTheTransactionOfAnotherDriverDoesNotCompile(t *testing.T) {
	compile := func(enqueuers ...string) (string, error) {
		text := program
		for _, e := range enqueuers {
			text += "\t_, _ = task.Enqueue(ctx, " + e + ", 1)\n"
		}
		file := filepath.Join(t.TempDir(), "program.go")
		require.NoError(t, os.WriteFile(file, []byte(text+"}\n"), 0o600))
		out, err := exec.CommandContext(t.Context(), "go", append(append([]string{"build", "-p", "1"}, tool.BuildFlags()...), file)...).CombinedOutput() //nolint:gosec // the test's
		return string(out), err
	}
	out, err := compile("ofSQLite", "ofPgx", "ofSQL", "ofSQLite.Tx(viaSQL)", "ofSQL.Tx(viaSQL)", "ofPgx.Tx(viaPgx)")
	require.NoError(t, err, out)

	wrong := map[string]string{
		"ofSQLite.Tx(viaPgx)": "cannot use viaPgx (variable of interface type pgx.Tx) as *sql.Tx value in argument to ofSQLite.Tx",
		"ofSQL.Tx(viaPgx)":    "cannot use viaPgx (variable of interface type pgx.Tx) as *sql.Tx value in argument to ofSQL.Tx",
		"ofPgx.Tx(viaSQL)":    "cannot use viaSQL (variable of type *sql.Tx) as pgx.Tx value in argument to ofPgx.Tx",
		"viaSQL":              "cannot use viaSQL (variable of type *sql.Tx) as durable.Enqueuer value",
		"viaPgx":              "cannot use viaPgx (variable of interface type pgx.Tx) as durable.Enqueuer value",
	}
	out, err = compile(slices.Collect(maps.Keys(wrong))...)
	require.Error(t, err)
	for enqueuer, says := range wrong {
		require.Contains(t, out, says, enqueuer)
	}
}
