package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// hints say what to do about an error of a file.
var hints = map[int]string{
	lib.SQLITE_CANTOPEN: "make its directory, and let this process write there",
	lib.SQLITE_READONLY: "let this process write to the file and to its directory",
	lib.SQLITE_PERM:     "let this process write to the file and to its directory",
	lib.SQLITE_FULL:     "the disk is full: make room, the tasks that are in the file go on then",
	lib.SQLITE_NOTADB:   "the file is no SQLite database: use the path of another file",
	lib.SQLITE_CORRUPT:  "the file is damaged: restore it from a backup",
	lib.SQLITE_BUSY:     "another program keeps the file locked: look for a transaction that does not end",
}

// primaryCode is the part of an error's code that says its kind.
const primaryCode = 0xff

// explain adds to an error of Open what to do about it, if that is known.
func explain(dsn string, err error) error {
	var of *sqlite.Error
	if !errors.As(err, &of) || hints[of.Code()&primaryCode] == "" {
		return err
	}
	return fmt.Errorf("%w: %s: %s", err, dsn, hints[of.Code()&primaryCode])
}
