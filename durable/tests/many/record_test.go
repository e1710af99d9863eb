package many_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"sync"
)

// recorder connects to a database, and keeps the queries that are made.
type recorder struct {
	of  driver.Driver
	dsn string

	mu      sync.Mutex
	queries []query // guarded by mu
}

type query struct {
	text string
	args []any
}

func (r *recorder) Connect(context.Context) (driver.Conn, error) {
	conn, err := r.of.Open(r.dsn)
	return &recorded{conn, r}, err
}

func (r *recorder) Driver() driver.Driver { return r.of }

// take returns the queries of tasks since the last call.
func (r *recorder) take() (all []query) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, q := range r.queries {
		if strings.Contains(q.text, "river_job") {
			all = append(all, q)
		}
	}
	r.queries = nil
	return all
}

// recorded is a connection.
type recorded struct {
	driver.Conn

	recorder *recorder
}

func (c *recorded) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

func (c *recorded) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	made := query{text: text}
	for _, a := range args {
		if a.Name != "" {
			made.args = append(made.args, sql.Named(a.Name, a.Value))
		} else {
			made.args = append(made.args, a.Value)
		}
	}
	c.recorder.mu.Lock()
	c.recorder.queries = append(c.recorder.queries, made)
	c.recorder.mu.Unlock()
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, text, args)
}

func (c *recorded) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, text, args)
}

func (c *recorded) CheckNamedValue(v *driver.NamedValue) error {
	if checker, has := c.Conn.(driver.NamedValueChecker); has {
		return checker.CheckNamedValue(v)
	}
	return driver.ErrSkip
}
