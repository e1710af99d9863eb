package durable_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/durable/pgtest"
	"github.com/afterglow-go/afterglow/runner"
)

func TestEachWrongDSNIsAnErrorOfOpenThatSaysWhatToDoAndHasNoPassword(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte(strings.Repeat("no database ", 100)), 0o600))
	right := pgtest.DSN(t)

	type wrong struct{ dsn, says string }
	ofSQLite := map[string]wrong{
		"empty":               {"", "use sqlite: and the path"},
		"no path":             {"sqlite:", "use sqlite: and the path"},
		"memory":              {"sqlite::memory:", "use sqlite: and the path"},
		"options":             {"sqlite:tasks.db?mode=ro", "use sqlite: and the path"},
		"NUL":                 {"sqlite:tasks\x00.db", "use sqlite: and the path"},
		"Postgres":            {"postgres://shop:secret@db/shop", "use sqlite: and the path"},
		"no directory":        {"sqlite:/nonexistent/dir/tasks.db", "make its directory"},
		"a directory":         {"sqlite:" + dir, "make its directory"},
		"a file of text":      {"sqlite:" + text, "no SQLite database"},
		"a file as directory": {"sqlite:" + text + "/tasks.db", "make its directory"},
	}
	ofPostgres := map[string]wrong{
		"empty":       {"", "the DSN is empty: use one as postgres://"},
		"SQLite":      {"sqlite:tasks.db", `begins with "sqlite"`},
		"no URL":      {"postgres://shop:secret@[::1/shop", "use one as postgres://"},
		"bad port":    {"postgres://shop:secret@db:port/shop", "use one as postgres://"},
		"bad option":  {"postgres://shop:secret@db/shop?pool_max_conns=many", "use one as postgres://"},
		"NUL":         {"postgres://shop:secret@db/sh\x00op", "NUL byte"},
		"no server":   {"postgres://shop:secret@127.0.0.1:1/shop", "whether the server is up"},
		"no socket":   {"postgres://shop:secret@/shop?host=" + dir, "whether the server is up"},
		"no host":     {"postgres://shop:secret@db.invalid/shop", "the host and the port in the DSN"},
		"no database": {strings.Replace(right, "/test_", "/none_", 1), "make the database first"},
		"no user":     {strings.Replace(right, "postgres@", "none:secret@", 1), "look at the user"},
	}
	task := durable.Define("any", durable.Options{}, func(context.Context, int) error { return nil })
	for engine, all := range map[string]map[string]wrong{"sqlite": ofSQLite, "postgres": ofPostgres, "pgsql": ofPostgres} {
		for name, w := range all {
			t.Run(engine+"/"+name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				began := time.Now()
				_, err := engines[engine].open(ctx, w.dsn, store{t: t}.quiet(durable.Config{}), task)
				require.ErrorContains(t, err, w.says)
				require.NotContains(t, err.Error(), "secret")
				require.Less(t, len(err.Error()), 1500)
				require.Less(t, time.Since(began), patience/2)
			})
		}
	}
}

func TestAConfigurationThatCannotBeUsedIsAnErrorOfOpenThatNamesTheField(t *testing.T) {
	task := durable.Define("any", durable.Options{}, func(context.Context, int) error { return nil })
	for name, one := range map[string]struct {
		cfg   durable.Config
		tasks []durable.Definition
		says  []string
	}{
		"no task":        {durable.Config{}, nil, []string{"without a task", "EnqueueOnly"}},
		"nil task":       {durable.Config{}, []durable.Definition{nil}, []string{"nil task"}},
		"the same twice": {durable.Config{}, []durable.Definition{task, task}, []string{`two tasks have the name "any"`}},
		"wrong task":     {durable.Config{}, []durable.Definition{durable.Define[int]("x y", durable.Options{Priority: 9}, nil)}, []string{"x y", "Priority", "no function"}},
		"empty queues":   {durable.Config{Queues: map[string]int{}}, []durable.Definition{task}, []string{"Config.Queues is empty", "EnqueueOnly"}},
		"an observer of runners": {durable.Config{Observers: []runner.Observer{{Opened: func(*runner.Runner) error { return nil }}}}, []durable.Definition{task},
			[]string{"Config.Observers[0] has Opened", "package consoleview"}},
		"no worker":        {durable.Config{Queues: map[string]int{"a": 0}}, []durable.Definition{task}, []string{`Config.Queues["a"] is 0`}},
		"hostile queue":    {durable.Config{Queues: map[string]int{strings.Repeat("\x00", 1<<20): 1}}, []durable.Definition{task}, []string{"the queue's name"}},
		"short DeadAfter":  {durable.Config{DeadAfter: 1}, []durable.Definition{task}, []string{"Config.DeadAfter"}},
		"huge DeadAfter":   {durable.Config{DeadAfter: 1<<63 - 1}, []durable.Definition{task}, []string{"Config.DeadAfter"}},
		"negative Poll":    {durable.Config{Poll: -1}, []durable.Definition{task}, []string{"Config.Poll"}},
		"negative keeping": {durable.Config{Retention: durable.Retention{Done: -1}}, []durable.Definition{task}, []string{"Config.Retention.Done"}},
		"schema":           {durable.Config{Schema: "tasks"}, []durable.Definition{task}, []string{"Config.Schema", "SQLite"}},
		"hostile name":     {durable.Config{Name: "a\x00b"}, []durable.Definition{task}, []string{"Config.Name"}},
		"periodic":         {durable.Config{Periodic: []durable.Periodic{{ID: "x", Item: task.With(1), Every: -time.Hour}}}, []durable.Definition{task}, []string{"Every", "at least"}},
		"empty item":       {durable.Config{Periodic: []durable.Periodic{{ID: "x", Every: time.Hour}}}, []durable.Definition{task}, []string{"Item", "Task.With"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := enginetest.SQLite(t.Context(), sqliteDSN(t), store{t: t}.quiet(one.cfg), one.tasks...)
			require.Error(t, err)
			for _, text := range one.says {
				require.ErrorContains(t, err, text)
			}
			require.Less(t, len(err.Error()), 1500)
		})
	}
	t.Run("hostile schema", func(t *testing.T) {
		for _, schema := range []string{`a"; DROP TABLE x`, strings.Repeat("a", 100), "a\x00"} {
			_, err := enginetest.Postgres(t.Context(), pgtest.DSN(t), store{t: t}.quiet(durable.Config{Schema: schema}), task)
			require.ErrorContains(t, err, "Schema")
		}
		_, err := enginetest.Postgres(t.Context(), pgtest.DSN(t), store{t: t}.quiet(durable.Config{Schema: "none"}), task)
		require.ErrorContains(t, err, "make the schema first")
	})
}
