package durable

import (
	"fmt"
	"strings"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/afterglow-go/afterglow/durable/internal/engine"
)

// firstWithLine is River's version from which its migrations have a line.
const firstWithLine = 5

// schemaMark is where River's migrations have the schema.
const schemaMark = "/* TEMPLATE: schema */"

// PrintMigrations returns what an operator has to run on an empty database for [Config].SkipMigrations. Each version is a
// transaction of its own, because Postgres wants a new value of an enum to be committed before it is used. The packages of the drivers
// call it: use their Migrations.
func PrintMigrations[Tx any](e engine.Engine[Tx], schema string) (string, error) {
	if schema != "" { // River's rules for the name
		if _, err := river.NewClient(e.Driver, &river.Config{Schema: schema}); err != nil {
			return "", fmt.Errorf("durable: %w", err)
		}
	}
	m, err := rivermigrate.New(e.Driver, &rivermigrate.Config{Schema: schema})
	if err != nil {
		return "", fmt.Errorf("durable: %w", err)
	}
	d := &database{isSQLite: e.Driver.DatabaseName() == riverdriver.DatabaseNameSQLite, schema: schema}
	var b strings.Builder
	version := func(title string, statements ...string) {
		fmt.Fprintf(&b, "-- %s\nBEGIN;\n", title)
		for _, s := range statements {
			fmt.Fprintf(&b, "%s;\n", strings.TrimSuffix(strings.TrimSpace(s), ";"))
		}
		b.WriteString("COMMIT;\n\n")
	}
	for _, v := range m.AllVersions() {
		done := fmt.Sprintf("INSERT INTO %s (version) VALUES (%d)", d.table("river_migration"), v.Version)
		if v.Version >= firstWithLine {
			done = fmt.Sprintf("INSERT INTO %s (line, version) VALUES ('main', %d)", d.table("river_migration"), v.Version)
		}
		version(fmt.Sprintf("River %03d: %s", v.Version, v.Name), strings.ReplaceAll(v.SQLUp, schemaMark, d.table("")), done)
	}
	statements := []string{d.sql(sqlVersions)}
	for i, text := range ours {
		statements = append(statements, d.sql(text), fmt.Sprintf(d.sql("INSERT INTO {version} (version, created_at) VALUES (%d, "+sqlNow+")"), i+1))
	}
	version("Afterglow", statements...)
	return b.String(), nil
}
