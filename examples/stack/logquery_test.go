package main

import (
	"fmt"
	"strings"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// logQuery is a query of Loki in the words of VictoriaLogs. The dashboards ask Loki,
// and no test runs one. So a test that finds a record shows that the query selects the
// right records by their fields, and that its templates have what they print. It does
// not show that Loki parses the query, or how Loki takes JSON lines apart. Of what Loki
// computes over time, it shows which groups there are, and how many records each has.
type logQuery struct {
	filter string     // LogsQL
	sets   []assigned // labels that are made of others, in order
	format string     // of a line, as a template; "": the message
	groups bool       // of records, and not the records
	by     []string   // labels that groups are by
}

// assigned is a label that a query makes by a template.
type assigned struct{ label, format string }

// dotted are the fields whose names have dots, as Loki calls them: it has underscores
// instead.
var dotted = func() map[string]string {
	fields := make(map[string]string)
	for _, field := range []string{
		names.KeyErrorType, names.KeyExceptionType, names.KeyExceptionMessage, names.KeyExceptionStacktrace, names.KeyRequestTraceID,
		"service.name", "service.version", "service.instance.id", "host.name", "process.pid",
	} {
		fields[underscored(field)] = field
	}
	return fields
}()

func underscored(field string) string { return strings.ReplaceAll(field, ".", "_") }

// fieldOf is what VictoriaLogs calls a label of Loki's.
func fieldOf(label string) string {
	if field, ok := dotted[label]; ok {
		return field
	}
	return label
}

// filter is one of LogsQL. Without an operator, it asks for any value.
func filter(field, operator, value string, not bool) string {
	f := fmt.Sprintf("%q:*", field)
	if operator != "" {
		f = fmt.Sprintf("%q:%s%q", field, operator, value)
	}
	if not {
		return "!" + f
	}
	return f
}
