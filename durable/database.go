package durable

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river/riverdriver"
)

// database runs the statements that River has not.
type database struct {
	exec     riverdriver.Executor
	beats    riverdriver.Executor // on a connection of its own
	reads    riverdriver.Executor // for pages and figures
	isSQLite bool
	schema   string // empty: the first of the search_path
}

// table returns the name of a table in its schema.
func (d *database) table(name string) string {
	if d.schema == "" {
		return name
	}
	return `"` + d.schema + `".` + name
}

// sql replaces what differs between databases: {job} and {process} are the tables, and
// a | b between double braces is a on SQLite and b on Postgres.
func (d *database) sql(s string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, "{{")
		out.WriteString(before)
		if !found {
			break
		}
		choice, after, _ := strings.Cut(rest, "}}")
		sqlite, postgres, _ := strings.Cut(choice, "|")
		if d.isSQLite {
			out.WriteString(strings.TrimSpace(sqlite))
		} else {
			out.WriteString(strings.TrimSpace(postgres))
		}
		s = after
	}
	return strings.NewReplacer("{job}", d.table("river_job"), "{process}", d.table("afterglow_process"), "{queue}", d.table("river_queue"),
		"{leader}", d.table("river_leader"), "{version}", d.table("afterglow_version"), "{migration}", d.table("river_migration"),
		"{reader}", d.table("afterglow_reader")).Replace(out.String())
}

// now is the database's clock: Postgres's own, and this machine's for SQLite.
const sqlNow = "{{datetime('now', 'subsec') | now()}}"

// row reads one row. It returns false if there is none.
func (d *database) row(ctx context.Context, on riverdriver.Executor, query string, args []any, into ...any) (bool, error) {
	err := on.QueryRow(ctx, d.sql(query), args...).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// all reads all rows of a query, which makes one JSON value of them, named r.
func (d *database) all(ctx context.Context, on riverdriver.Executor, query string, args []any, into any) error {
	var text string
	whole := "SELECT {{coalesce(json_group_array(json(r)), '[]') | coalesce(json_agg(r), '[]')::text}} FROM (" + query + ") AS rows"
	if err := on.QueryRow(ctx, d.sql(whole), args...).Scan(&text); err != nil {
		return err
	}
	return json.Unmarshal([]byte(text), into)
}

// object makes a JSON object in SQL, for all.
func object(pairs ...string) string {
	return "{{json_object | json_build_object}}(" + strings.Join(pairs, ", ") + ") AS r"
}

// clock is a time as SQL has it in JSON.
type clock time.Time

// UnmarshalJSON implements [json.Unmarshaler].
func (c *clock) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil || s == "" {
		return err
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999-07"} {
		if t, err := time.Parse(layout, s); err == nil {
			*c = clock(t.UTC())
			return nil
		}
	}
	return fmt.Errorf("durable: the database has a time that is not one: %q", s)
}

// within runs f in a transaction.
func within(ctx context.Context, on riverdriver.Executor, f func(tx riverdriver.ExecutorTx) error) error {
	tx, err := on.Begin(ctx)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
	}
	return tx.Commit(ctx)
}

// clock returns the database's time.
func (d *database) clock(ctx context.Context, on riverdriver.Executor) (time.Time, error) {
	var text string
	if err := on.QueryRow(ctx, d.sql("SELECT {{json_quote("+"datetime('now', 'subsec')"+") | to_json(clock_timestamp())::text}}")).Scan(&text); err != nil {
		return time.Time{}, err
	}
	var c clock
	err := json.Unmarshal([]byte(text), &c)
	return time.Time(c), err
}

// time returns a time as a parameter.
func (d *database) time(t time.Time) any {
	if d.isSQLite { // River's format, which SQLite's functions compare
		return t.UTC().Round(time.Millisecond).Format("2006-01-02 15:04:05.000")
	}
	return t
}

// keep notes on a dead letter what tells it from others.
func (d *database) keep(ctx context.Context, on riverdriver.Executor, id int64, k kept) error {
	text, err := json.Marshal(map[string]kept{keptKey: k})
	if err != nil {
		return err
	}
	_, err = on.JobUpdate(ctx, &riverdriver.JobUpdateParams{ID: id, MetadataDoMerge: true, Metadata: text, Schema: d.schema})
	return err
}

// driverOn is a driver with another executor.
type driverOn[Tx any] struct {
	riverdriver.Driver[Tx]

	exec riverdriver.Executor
}

// GetExecutor implements [riverdriver.Driver].
func (d driverOn[Tx]) GetExecutor() riverdriver.Executor { return d.exec }
