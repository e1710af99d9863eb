package durable_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/durable/pgsql"
	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/durable/postgres"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

var skipMigrations = durable.Config{Role: durable.EnqueueOnly, SkipMigrations: true}

// migrations returns what an operator runs.
func (s store) migrations(schema string) string {
	s.t.Helper()
	text, err := sqlite.Migrations()
	if !s.isSQLite() {
		text, err = pgsql.Migrations(schema)
		other, otherErr := postgres.Migrations(schema)
		require.NoError(s.t, otherErr)
		require.Equal(s.t, text, other)
	}
	require.NoError(s.t, err)
	return text
}

// exec runs statements.
func (s store) exec(statements string) {
	s.t.Helper()
	_, err := s.db().ExecContext(context.Background(), statements)
	require.NoError(s.t, err, statements)
}

// refuses opens a database that is not of this version.
func (s store) refuses(cfg durable.Config, says string) {
	s.t.Helper()
	_, err := s.open(s.t.Context(), s.dsn, s.quiet(cfg))
	require.ErrorIs(s.t, err, durable.ErrSchema)
	require.ErrorContains(s.t, err, says)
}

func TestASchemaOfAnotherVersionIsErrSchemaThatSaysWhatToDo(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		const older, newer = "without Config.SkipMigrations", "or a later one"
		s.refuses(skipMigrations, older)
		before, _, found := strings.Cut(s.migrations(""), "-- River 007")
		require.True(t, found)
		s.exec(before)
		s.refuses(skipMigrations, older)
		s.exec("INSERT INTO river_job (args, kind, max_attempts) VALUES ('{\"to\":\"a\"}', 'idle', 3)")

		q := s.queue(enqueueOnly) // brings it to this version
		page, err := q.List(t.Context(), durable.Filter{})
		require.NoError(t, err)
		require.Len(t, page.Tasks, 1)
		require.JSONEq(t, `{"to":"a"}`, string(page.Tasks[0].Payload), "what waited is there")
		s.queue(skipMigrations)

		s.exec("INSERT INTO afterglow_version (version, created_at) VALUES (99, '2026-01-01')")
		s.refuses(enqueueOnly, newer)
		s.refuses(skipMigrations, newer)
		s.exec("DELETE FROM afterglow_version WHERE version = 99")
		s.exec("INSERT INTO river_migration (line, version) VALUES ('main', 99)")
		s.refuses(enqueueOnly, newer)
		s.refuses(skipMigrations, newer)
		_, err = idle.Enqueue(t.Context(), q, mail{})
		require.NoError(t, err, "a process that is there already goes on during a deploy")
		s.exec("DELETE FROM afterglow_version")
		s.exec("DELETE FROM river_migration WHERE version = 99")
		s.refuses(skipMigrations, older)
	})
}

func TestTheMigrationsForAnOperatorMakeTheTablesInOneGo(t *testing.T) {
	check := func(t *testing.T, s store, schema string) {
		cfg := skipMigrations
		cfg.Schema = schema
		q := s.queue(cfg)
		e, err := idle.Enqueue(t.Context(), q, mail{"a"})
		require.NoError(t, err)
		cfg.Role = durable.Full
		s.await(s.queue(cfg, idle), e.ID, durable.StateDone)
	}
	onEach(t, func(t *testing.T, s store) {
		s.exec(s.migrations(""))
		check(t, s, "")
	})
	program := func(t *testing.T, name string, args ...string) {
		out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput() //nolint:gosec // the operator's
		require.NoError(t, err, string(out))
		require.NotContains(t, strings.ToLower(string(out)), "error")
	}
	script := func(t *testing.T, text string) string {
		path := filepath.Join(t.TempDir(), "migrations.sql")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	t.Run("statement by statement", func(t *testing.T) { // as the sqlite3 shell does
		s := store{t, sqliteDSN(t), enginetest.SQLite}
		db := s.db()
		var statement string
		for part := range strings.SplitAfterSeq(s.migrations(""), ";\n") {
			statement += part
			_, err := db.ExecContext(t.Context(), statement)
			if err != nil && strings.Contains(err.Error(), "incomplete input") {
				continue // a trigger has statements of its own
			}
			require.NoError(t, err, statement)
			statement = ""
		}
		require.Empty(t, strings.TrimSpace(statement))
		check(t, s, "")
	})
	if shell := newSQLite3(t); shell != "" {
		t.Run("sqlite3", func(t *testing.T) {
			s := store{t, sqliteDSN(t), enginetest.SQLite}
			program(t, shell, "-bail", strings.TrimPrefix(s.dsn, sqlite.Scheme), ".read "+script(t, s.migrations("")))
			check(t, s, "")
		})
	}
	for _, schema := range []string{"", "tasks"} {
		t.Run("psql/"+schema, func(t *testing.T) {
			s := store{t, pgtest.DSN(t), enginetest.PGSQL}
			if schema != "" {
				s.exec("CREATE SCHEMA " + schema)
			}
			program(t, pgtest.Program(t, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", s.dsn, "-f", script(t, s.migrations(schema)))
			check(t, s, schema)
		})
	}
	t.Run("schema", func(t *testing.T) {
		s := store{t, pgtest.DSN(t), enginetest.Postgres}
		s.exec("CREATE SCHEMA tasks")
		s.exec(s.migrations("tasks"))
		check(t, s, "tasks")
		var elsewhere int
		require.NoError(t, s.db().QueryRowContext(t.Context(),
			"SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('tasks', 'pg_catalog', 'information_schema')").Scan(&elsewhere))
		require.Zero(t, elsewhere)
	})
}

// newSQLite3 returns the path of a shell that knows River's functions, if there is one: Debian 12 has an older one.
func newSQLite3(t *testing.T) string {
	shell, err := exec.LookPath("sqlite3")
	if err != nil || exec.CommandContext(t.Context(), shell, ":memory:", "SELECT jsonb('{}')").Run() != nil { //nolint:gosec // found above
		return ""
	}
	return shell
}

func TestMigrationsWithASchemaThatIsNoNameAreAnError(t *testing.T) {
	for _, schema := range []string{`a"b`, "a b", strings.Repeat("a", 100)} {
		_, err := postgres.Migrations(schema)
		require.ErrorContains(t, err, "Schema")
	}
}
