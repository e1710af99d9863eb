// Package sqlite keeps durable tasks in a SQLite file: there is no server to install, and
// nothing is linked but modernc.org/sqlite, which is Go.
//
// The file is on a local disk. Several processes of one machine may use it at once; for more than one machine
// see package postgres. One process writes at a time, and the lock is not fair: others that wait look for it every
// tenth of a second, so one that writes without a pause may keep them waiting. Enqueue many tasks with EnqueueAll. If the system stops a process in the middle of a write, as
// SIGSTOP or a debugger does, the others can write when that process goes on, or is killed.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/riverqueue/river/riverdriver/riversqlite"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/engine"
)

// Queue is a queue in a SQLite file, with the transactions of database/sql.
type Queue = durable.TxQueue[*sql.Tx]

// Scheme begins a DSN of this package, as in sqlite:/var/lib/shop/tasks.db.
const Scheme = "sqlite:"

// settings make the database safe and shareable. A write that was acknowledged survives a power cut
// (synchronous FULL), readers do not stop the writer (WAL), a transaction takes the lock when it begins and not
// in the middle, and waits ten seconds for it.
const settings = "_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate"

// Open opens a file, which it makes if there is none, and makes the tables in it. The DSN is sqlite: and the path, as in
// sqlite:/var/lib/shop/tasks.db or sqlite:shop.db. Shutdown closes the file.
//
// To enqueue in a transaction, open the same file with [OpenDB] for the application's own tables.
func Open(ctx context.Context, dsn string, cfg durable.Config, tasks ...durable.Definition) (*Queue, error) {
	db, err := OpenDB(dsn)
	if err != nil {
		return nil, err
	}
	beats, err := OpenDB(dsn)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	reads, err := openDB(dsn, "&_pragma=query_only(true)")
	if err != nil {
		return nil, errors.Join(err, db.Close(), beats.Close())
	}
	reads.SetMaxOpenConns(maxReads)
	q, err := durable.New(ctx, engine.Engine[*sql.Tx]{
		Driver: riversqlite.New(db), Beats: riversqlite.New(beats).GetExecutor(), Reads: riversqlite.New(reads).GetExecutor(),
		Close: func(context.Context) error { return errors.Join(reads.Close(), beats.Close(), db.Close()) },
	}, cfg, tasks...)
	return q, explain(dsn, err)
}

// maxReads bounds the pages and figures that are read at once.
const maxReads = 4

// OpenDB opens a file with the settings that [Open] uses, for an application that has its own
// tables in it: WAL, synchronous FULL, one connection, and transactions that lock the database as they begin.
func OpenDB(dsn string) (*sql.DB, error) { return openDB(dsn, "") }

func openDB(dsn, more string) (*sql.DB, error) {
	path, found := strings.CutPrefix(dsn, Scheme)
	path = strings.TrimPrefix(path, "//")
	if !found || path == "" || strings.Contains(path, ":memory:") || strings.ContainsAny(path, "?\x00") {
		if !found {
			dsn, _, _ = strings.Cut(dsn, ":") // the rest may have a password
		}
		return nil, fmt.Errorf("sqlite: the DSN is %.100q: use sqlite: and the path of a file, as in sqlite:/var/lib/shop/tasks.db", dsn)
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+settings+more)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// Migrations returns what an operator has to run on an empty database for [durable.Config].SkipMigrations: with sqlite3 -bail
// of version 3.45 or later, or as one statement of database/sql. Each version is a transaction of its own.
func Migrations() (string, error) {
	return durable.PrintMigrations(engine.Engine[*sql.Tx]{Driver: riversqlite.New(nil)}, "")
}
