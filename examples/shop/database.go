package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/durable/pgsql"
	"github.com/afterglow-go/afterglow/durable/sqlite"
)

// schema is what SQLite and Postgres both understand, apart from what forPostgres
// replaces.
//
// The table sales is kept along with the orders, so that the best sellers cost
// the same however many orders there are. The table mails has a row for each order
// whose mail is a durable task: the task, and when the mail was sent; 0: not yet.
const schema = `
CREATE TABLE IF NOT EXISTS orders (
	id TEXT PRIMARY KEY, placed INTEGER NOT NULL, mode TEXT NOT NULL,
	name TEXT NOT NULL, email TEXT NOT NULL,
	product TEXT NOT NULL, quantity INTEGER NOT NULL, total INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS mails (order_id TEXT PRIMARY KEY, task INTEGER NOT NULL, sent INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sales (product TEXT PRIMARY KEY, quantity INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS signups (email TEXT PRIMARY KEY, name TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS analytics (
	at INTEGER NOT NULL, event TEXT NOT NULL, order_id TEXT NOT NULL, product TEXT NOT NULL,
	total INTEGER NOT NULL, language TEXT NOT NULL, referer TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS activity (
	at INTEGER NOT NULL, order_id TEXT NOT NULL, session TEXT NOT NULL, user_agent TEXT NOT NULL,
	remote TEXT NOT NULL, route TEXT NOT NULL, status INTEGER NOT NULL, took_us INTEGER NOT NULL
) STRICT;`

// forPostgres replaces what Postgres calls otherwise. All its tables are strict.
var forPostgres = strings.NewReplacer("INTEGER", "BIGINT", ") STRICT", ")")

// isPostgres reports whether a DSN is one of Postgres. Others are of SQLite.
func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// withoutPassword returns a DSN as the shop may show it.
func withoutPassword(dsn string) string {
	if u, err := url.Parse(dsn); err == nil && isPostgres(dsn) {
		return u.Redacted()
	}
	return dsn
}

// openTimeout bounds how long the shop waits for a Postgres at its start.
const openTimeout = 10 * time.Second

// openStore opens the shop's own database: the file of -db, or the database that
// -durable has the tasks in. Its errors say what to do.
func openStore(ctx context.Context, cfg config, tracer trace.Tracer) (*store, error) {
	s := &store{tracer: tracer, system: semconv.DBSystemNameSQLite}
	var err error
	switch {
	case isPostgres(cfg.durable):
		s.system = semconv.DBSystemNamePostgreSQL
		if err = s.openPostgres(ctx, cfg.durable); err != nil {
			err = fmt.Errorf("cannot use the database %s: %w: name one with -durable", withoutPassword(cfg.durable), err)
		}
	case cfg.durable != "":
		if err = s.openFile(ctx, strings.TrimPrefix(cfg.durable, sqlite.Scheme), openShared); err != nil {
			err = fmt.Errorf("cannot use the database %s: %w: name a writable file with -durable", cfg.durable, err)
		}
	default:
		if err = s.openFile(ctx, cfg.db, openOwn); err != nil {
			err = fmt.Errorf("cannot use the database %s: %w: name a writable file with -db", cfg.db, err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openPostgres makes the tables. A lock keeps several processes that start at once from
// making the same one.
func (s *store) openPostgres(ctx context.Context, dsn string) (err error) {
	if s.write, err = pgsql.OpenDB(dsn); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(maxPostgresConns)
	s.write.SetMaxIdleConns(maxPostgresConns)
	s.read = s.write
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtext('afterglow shop'))`); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, forPostgres.Replace(schema))
		return err
	})
}

const maxPostgresConns = 16

// openFile opens or creates a SQLite file, by a function that opens one pool of connections.
func (s *store) openFile(ctx context.Context, file string, open func(abs string) (*sql.DB, error)) error {
	abs, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(abs), 0o700); err != nil {
		return err
	}
	// SQLite reports both of these as one vague error, the system does not.
	f, err := os.OpenFile(abs, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if s.write, err = open(abs); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = open(abs); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(4)
	s.read.SetMaxIdleConns(4)
	_, err = s.write.ExecContext(ctx, schema)
	return err
}

// openShared opens a file with the settings that the tasks in it need.
func openShared(abs string) (*sql.DB, error) { return sqlite.OpenDB(sqlite.Scheme + abs) }

// openOwn opens a file that nothing else is in. A power cut may cost the last orders, as it costs
// their mails.
func openOwn(abs string) (*sql.DB, error) {
	return sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(abs), RawQuery: url.Values{"_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(NORMAL)",
	}, "_txlock": {"immediate"}}.Encode()}).String())
}

func (s *store) close() error {
	var errs []error
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	return errors.Join(errs...)
}
