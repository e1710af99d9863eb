package many_test

import (
	"context"
	"database/sql"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	internal "github.com/afterglow-go/afterglow/durable/internal/engine"
	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/telemetry"
)

const (
	million   = 1_000_000
	maxTime   = time.Second // with a million, of one look
	maxMemory = 64 << 20    // that one look allocates
)

// database is one with many tasks.
type database struct {
	name   string
	engine engine
	plain  *sql.DB
	record *recorder
	queue  *durable.Queue
	metric *prometheus.Registry
}

func newDatabase(t *testing.T, name string, e engine) *database {
	t.Helper()
	dsn := e.dsn(t)
	makes, err := e.open(t.Context(), dsn, durable.Config{Role: durable.EnqueueOnly})
	require.NoError(t, err)
	_, err = makes.Shutdown(t.Context())
	require.NoError(t, err)
	d := &database{name: name, engine: e}
	d.plain, err = e.openDB(dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.plain.Close()) })
	d.fill(t)

	d.metric = prometheus.NewPedanticRegistry()
	tel, err := telemetry.New(telemetry.Config{Registerer: d.metric})
	require.NoError(t, err)
	cfg := durable.Config{Role: durable.EnqueueOnly, SkipMigrations: true, Telemetry: tel}
	d.record = &recorder{of: d.plain.Driver(), dsn: strings.TrimPrefix(dsn, sqlite.Scheme)}
	db := sql.OpenDB(d.record)
	q, err := durable.New(t.Context(), internal.Engine[*sql.Tx]{Driver: riverdatabasesql.New(db)}, cfg)
	if name == "sqlite" {
		q, err = durable.New(t.Context(), internal.Engine[*sql.Tx]{Driver: riversqlite.New(db)}, cfg)
	}
	require.NoError(t, err)
	d.queue = q.Queue
	t.Cleanup(func() {
		_, err := q.Shutdown(context.Background())
		require.NoError(t, err)
		require.NoError(t, db.Close())
	})
	return d
}

// fill adds dead letters first, and then half as many tasks that are done, and a tenth that wait.
func (d *database) fill(t *testing.T) {
	t.Helper()
	d.engine.insert(t, d.plain, "discarded", *dead)
	d.engine.insert(t, d.plain, "completed", *dead/2)
	d.engine.insert(t, d.plain, "available", *dead/10)
	_, err := d.plain.ExecContext(t.Context(), "INSERT INTO river_queue (name, updated_at, created_at, metadata) VALUES ('default0', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, '{}')")
	require.NoError(t, err)
	if d.name == "postgres" { // as its autovacuum does. Nobody does that for SQLite
		_, err = d.plain.ExecContext(t.Context(), "VACUUM ANALYZE river_job")
		require.NoError(t, err)
	}
	if *dead >= million {
		d.sizes(t)
	}
}

// look is one call, and what it may read.
type look struct {
	name    string
	bound   float64 // rows on Postgres
	inOrder bool    // finds the tasks in the order of the page
	call    func(ctx context.Context) (int, error)
	wants   int
}

func (d *database) looks() []look {
	page := func(name string, wants int, f durable.Filter) look {
		return look{"List " + name, 4 * 1000, len(f.States) == 0 || f.States[0] == durable.StateDead, func(ctx context.Context) (int, error) {
			p, err := d.queue.List(ctx, f)
			return len(p.Tasks), err
		}, wants}
	}
	failures := func(name string, wants int, f durable.Filter) look {
		return look{"Failures " + name, durable.MaxFailures + 1, true, func(ctx context.Context) (int, error) {
			groups, err := d.queue.Failures(ctx, f)
			return groups.Looked, err
		}, wants}
	}
	deadOnes := []durable.State{durable.StateDead}
	return []look{
		page("all", 100, durable.Filter{}),
		page("dead", 1000, durable.Filter{States: deadOnes, Limit: durable.MaxPage}),
		page("dead, a later page", 100, durable.Filter{States: deadOnes, After: "10000"}),
		page("dead of a name", 100, durable.Filter{States: deadOnes, Names: []string{"mail.3"}}),
		page("dead of a rare name", 1, durable.Filter{States: deadOnes, Names: []string{rare}}),
		page("dead of no name", 0, durable.Filter{States: deadOnes, Names: []string{"none"}}),
		page("dead of a rare queue", 1, durable.Filter{States: deadOnes, Queues: []string{rare}}),
		page("of a group", 100, durable.Filter{Group: "group3"}),
		page("of a rare group", 1, durable.Filter{Group: rare}),
		page("of no group", 0, durable.Filter{Group: "none"}),
		page("of a rare name", 1, durable.Filter{Names: []string{rare}}),
		page("running", 0, durable.Filter{States: []durable.State{durable.StateRunning}}),
		page("due of a rare queue", 0, durable.Filter{States: []durable.State{durable.StateDue}, Queues: []string{rare}}),
		{"List done", 100 + float64(*dead/10) + 4*100, true, func(ctx context.Context) (int, error) { // those that wait are newer
			p, err := d.queue.List(ctx, durable.Filter{States: []durable.State{durable.StateDone}})
			return len(p.Tasks), err
		}, 100},
		failures("all", durable.MaxFailures, durable.Filter{}),
		{"Failures of a name", maxRead, true, func(ctx context.Context) (int, error) {
			groups, err := d.queue.Failures(ctx, durable.Filter{Names: []string{"mail.3"}})
			return groups.Looked, err
		}, min(*dead/10, durable.MaxFailures)},
		failures("of a rare name", 1, durable.Filter{Names: []string{rare}}),
		failures("of a rare queue", 1, durable.Filter{Queues: []string{rare}}),
		{"Stats", durable.MaxCount, true, func(ctx context.Context) (int, error) {
			s, err := d.queue.Stats(ctx)
			return s.Queues[0].Tasks[durable.StateDead], err
		}, min(*dead-1, durable.MaxCount)},
		{"scrape", durable.MaxCount, true, func(context.Context) (int, error) {
			families, err := d.metric.Gather()
			found := 0
			for _, f := range families {
				if strings.Contains(f.GetName(), "durable") {
					found = 1
				}
			}
			return found, err
		}, 1},
	}
}

func TestALookAtMillionsOfTasksReadsFewOfThem(t *testing.T) {
	for name, e := range engines {
		t.Run(name, func(t *testing.T) {
			d := newDatabase(t, name, e)
			for _, l := range d.looks() {
				t.Run(l.name, func(t *testing.T) { d.check(t, l) })
			}
		})
	}
}

func (d *database) check(t *testing.T, l look) {
	t.Helper()
	d.record.take()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	n, err := l.call(t.Context())
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	require.Equal(t, l.wants, n)
	allocated := after.TotalAlloc - before.TotalAlloc
	require.Less(t, allocated, uint64(maxMemory))
	queries := d.record.take()
	require.NotEmpty(t, queries)
	for _, q := range queries {
		if d.name == "sqlite" {
			requireIndexOnSQLite(t, d.plain, q, l.inOrder)
		} else {
			requireFewRowsOnPostgres(t, d.plain, q, l.bound)
		}
	}
	if *dead >= million {
		_, _ = fmt.Printf("%s\t%-28s\t%v\t%d KB\n", d.name, l.name, took.Round(100*time.Microsecond), allocated>>10)
		require.Less(t, took, maxTime)
	}
}
