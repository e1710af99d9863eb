package durable

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"
)

// sqlGroup is the group of a dead letter.
const sqlGroup = `{{json_extract(metadata, '$."` + keptKey + `".group') | (metadata -> '` + keptKey + `' ->> 'group')}}`

// ours are the migrations of our own tables, by version from 1. They come after River's. The indexes find dead letters, of which there may
// be many, in the order of List and of Failures. They cost nothing until a task is one.
var ours = []string{`CREATE TABLE {process} (
	id text PRIMARY KEY,
	host text NOT NULL,
	pid bigint NOT NULL,
	name text NOT NULL,
	queues text NOT NULL,
	beat bigint NOT NULL,
	dead_after_ms bigint NOT NULL,
	started_at {{timestamp | timestamptz}} NOT NULL,
	beat_at {{timestamp | timestamptz}} NOT NULL
)`, `CREATE TABLE {reader} (
	id bigint PRIMARY KEY,
	holder text NOT NULL,
	until {{timestamp | timestamptz}} NOT NULL
)`,
	`CREATE INDEX afterglow_dead ON {job} (id) WHERE state = 'discarded'`,
	`CREATE INDEX afterglow_dead_group ON {job} (` + sqlGroup + `, id) WHERE state = 'discarded'`,
	`CREATE INDEX afterglow_dead_name ON {job} (kind, id) WHERE state = 'discarded'`,
	`CREATE INDEX afterglow_dead_queue ON {job} (queue, id) WHERE state = 'discarded'`,
	`CREATE INDEX afterglow_dead_name_ended ON {job} (kind, finalized_at) WHERE state = 'discarded'`,
	`CREATE INDEX afterglow_dead_queue_ended ON {job} (queue, finalized_at) WHERE state = 'discarded'`,
}

// openPatience is how long Open waits for the database, and for another process that migrates.
const openPatience = 30 * time.Second

// migrate brings the tables to this version. Several processes may do that at once: each waits for its turn, for
// openPatience at the most, and then has the time that it needs.
func (e *engineOf[Tx]) migrate(ctx context.Context) error {
	turn, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := e.migrateAlone(ctx, turn)
		if err == nil {
			return nil
		}
		if !isContended(err) {
			return fmt.Errorf("durable: making the tables: %w", err)
		}
		select {
		case <-turn.Done():
			return fmt.Errorf("durable: making the tables: %w", err)
		case <-ticker.C:
		}
	}
}

// isContended reports whether an error of a migration says that the database was in use.
func isContended(err error) bool {
	text := strings.ToLower(err.Error())
	for _, s := range []string{"locked", "busy", "deadlock"} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}

// migrationLock is the key of the advisory lock that a process has while it migrates on Postgres.
const migrationLock = 0x6166746572676c6f // "afterglo"

// migrateAlone migrates while no other process does. It waits for that until the turn's end.
func (e *engineOf[Tx]) migrateAlone(ctx, turn context.Context) error {
	if err := e.validate(turn); err == nil || !errors.Is(err, ErrSchema) {
		return err // most processes find the tables
	}
	if e.core.db.isSQLite { // while the transaction lasts, nobody else can write
		return within(ctx, e.core.db.exec, func(tx riverdriver.ExecutorTx) error {
			return e.migrateOn(ctx, driverOn[Tx]{e.Driver, tx})
		})
	}
	// The lock has a connection of its own: the pool may have no second one.
	return within(ctx, e.core.db.beats, func(tx riverdriver.ExecutorTx) error {
		if _, err := tx.PGAdvisoryXactLock(turn, migrationLock); err != nil {
			return err
		}
		// Not in this transaction: a new value of an enum can only be used after the commit.
		return e.migrateOn(ctx, e.Driver)
	})
}

// migrateOn migrates River's tables, and then ours.
func (e *engineOf[Tx]) migrateOn(ctx context.Context, driver riverdriver.Driver[Tx]) error {
	m, err := e.migrator(driver)
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	if err := e.knowsRiver(ctx, m, driver.GetExecutor()); err != nil {
		return err
	}
	return e.core.db.migrate(ctx, driver.GetExecutor())
}

const sqlRiver = `SELECT coalesce(max(version), 0) FROM {migration} WHERE line = 'main'`

// knowsRiver returns ErrSchema if a later version of River has made its tables.
func (e *engineOf[Tx]) knowsRiver(ctx context.Context, m *rivermigrate.Migrator[Tx], on riverdriver.Executor) error {
	var has int
	if _, err := e.core.db.row(ctx, on, sqlRiver, nil, &has); err != nil {
		return fmt.Errorf("durable: looking at the tables: %w", err)
	}
	all := m.AllVersions()
	return isNewer("River's", has, all[len(all)-1].Version)
}

// isNewer returns ErrSchema if a later version has made tables.
func isNewer(whose string, has, known int) error {
	if has <= known {
		return nil
	}
	return fmt.Errorf("%w: %s tables have version %d, and this program knows %d: run the program's version that made them, or a later one", ErrSchema, whose, has, known)
}

const olderHint = "open it once without Config.SkipMigrations, or run what is missing of what Migrations prints"

func (e *engineOf[Tx]) migrator(driver riverdriver.Driver[Tx]) (*rivermigrate.Migrator[Tx], error) {
	return rivermigrate.New(driver, &rivermigrate.Config{Logger: e.core.riverLogger(), Schema: e.core.cfg.Schema})
}

// validate returns ErrSchema if the tables are not those of this version.
func (e *engineOf[Tx]) validate(ctx context.Context) error {
	m, err := e.migrator(e.Driver)
	if err != nil {
		return err
	}
	v, err := m.Validate(ctx, nil)
	if err != nil {
		return fmt.Errorf("durable: looking at the tables: %w", err)
	}
	if !v.OK {
		return fmt.Errorf("%w: River's tables: %s: %s", ErrSchema, strings.Join(v.Messages, "; "), olderHint)
	}
	if err := e.knowsRiver(ctx, m, e.core.db.exec); err != nil {
		return err
	}
	has, err := e.core.db.version(ctx, e.core.db.exec)
	if err != nil {
		return fmt.Errorf("durable: looking at the tables: %w", err)
	}
	if has < len(ours) {
		return fmt.Errorf("%w: Afterglow's tables have version %d, not %d: %s", ErrSchema, has, len(ours), olderHint)
	}
	return isNewer("Afterglow's", has, len(ours))
}

const (
	sqlVersions = `CREATE TABLE IF NOT EXISTS {version} (version bigint PRIMARY KEY, created_at {{timestamp | timestamptz}} NOT NULL)`
	sqlVersion  = `SELECT coalesce(max(version), 0) FROM {version}`
	sqlMigrated = `INSERT INTO {version} (version, created_at) VALUES ($1, ` + sqlNow + `)`
)

// version returns the version of our own tables; 0: there are none.
func (d *database) version(ctx context.Context, on riverdriver.Executor) (has int, err error) {
	there, err := on.TableExists(ctx, &riverdriver.TableExistsParams{Schema: d.schema, Table: "afterglow_version"})
	if err != nil || !there {
		return 0, err
	}
	_, err = d.row(ctx, on, sqlVersion, nil, &has)
	return has, err
}

// migrate brings our own tables to this version.
func (d *database) migrate(ctx context.Context, on riverdriver.Executor) error {
	if has, err := d.version(ctx, on); err != nil || has >= len(ours) {
		return errors.Join(err, isNewer("Afterglow's", has, len(ours)))
	}
	return within(ctx, on, func(tx riverdriver.ExecutorTx) error {
		if err := tx.Exec(ctx, d.sql(sqlVersions)); err != nil {
			return err
		}
		has, err := d.version(ctx, tx)
		if err != nil {
			return err
		}
		for v := has; v < len(ours); v++ {
			if err := tx.Exec(ctx, d.sql(ours[v])); err != nil {
				return err
			}
			if err := tx.Exec(ctx, d.sql(sqlMigrated), v+1); err != nil {
				return err
			}
		}
		return nil
	})
}
