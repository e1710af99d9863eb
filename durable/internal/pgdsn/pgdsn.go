// Package pgdsn reads the DSNs of Postgres, and says what to do about the errors of a connection.
package pgdsn

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const example = "use one as postgres://user:password@host:5432/database"

// Parse reads a DSN. Its errors have no password.
func Parse(dsn string) (*pgxpool.Config, error) {
	switch {
	case dsn == "":
		return nil, errors.New("the DSN is empty: " + example)
	case strings.ContainsRune(dsn, 0):
		return nil, errors.New("the DSN has a NUL byte: " + example)
	case !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") && !strings.Contains(dsn, "="):
		scheme, _, _ := strings.Cut(dsn, ":")
		return nil, fmt.Errorf("the DSN begins with %.20q, which is not Postgres: %s", scheme, example)
	}
	of, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("the DSN cannot be read: %w: %s", err, example)
	}
	return of, nil
}

// The codes of Postgres that an operator can act on.
const (
	readOnly        = "25006"
	diskFull        = "53100"
	noPrivilege     = "42501"
	noSchema        = "3F000"
	tooManyClients  = "53300"
	badPassword     = "28P01"
	noSuchDatabase  = "3D000"
	noAuthorization = "28000"
)

var hints = map[string]string{
	readOnly:        "the database is read-only: connect to the primary",
	diskFull:        "the server's disk is full: make room, the tasks that are in it go on then",
	noPrivilege:     "the user may not do that: grant it, or have an operator run what Migrations prints and set Config.SkipMigrations",
	noSchema:        "make the schema first, or set the search_path",
	tooManyClients:  "the server has no connection left: raise max_connections, or lower pool_max_conns",
	badPassword:     "look at the user and the password in the DSN",
	noSuchDatabase:  "make the database first, or look at its name in the DSN",
	noAuthorization: "look at the user in the DSN, and at pg_hba.conf",
}

// Explain adds to an error what to do about it, if that is known.
func Explain(err error) error {
	var refused *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && hints[refused.Code] != "":
		return fmt.Errorf("%w: %s", err, hints[refused.Code])
	case errors.As(err, &connect):
		return fmt.Errorf("%w: look at the host and the port in the DSN, and whether the server is up", err)
	default:
		return err
	}
}
