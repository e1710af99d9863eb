package grafana

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// VictoriaQuery is a query as the data source of VictoriaLogs takes it, a plugin of
// Grafana. The SDK has no type for it.
type VictoriaQuery struct {
	RefID      string                `json:"refId"`
	Expr       string                `json:"expr"`
	QueryType  string                `json:"queryType"`
	MaxLines   int                   `json:"maxLines,omitempty"`
	Datasource *common.DataSourceRef `json:"datasource"`
}

// ImplementsDataqueryVariant marks a query for the SDK.
func (VictoriaQuery) ImplementsDataqueryVariant() {}

// DataqueryType is the kind of its data source.
func (VictoriaQuery) DataqueryType() string { return "victoriametrics-logs-datasource" }

// Equals reports whether two queries are the same one.
func (q VictoriaQuery) Equals(other variants.Dataquery) bool {
	o, ok := other.(VictoriaQuery)
	return ok && o == q
}

// Validate finds nothing wrong.
func (VictoriaQuery) Validate() error { return nil }

// victoriaStore asks VictoriaLogs, in LogsQL.
type victoriaStore struct{ selector, inLink string }

const victoriaSelector = `{"service.name"="${job}"}`

func (s victoriaStore) source() source {
	description := "VictoriaLogs that keeps the service's logs"
	if s.selector == victoriaSelector {
		description += ", with the stream field service.name"
	}
	return source{"victoriametrics-logs-datasource", "VictoriaLogs", description}
}

// quoted is the name of a field, which may have dots.
func quoted(field string) string { return fmt.Sprintf("%q", field) }

// among is a filter for the values of a variable of the dashboard. Grafana writes them as
// a regular expression, .* for all; nothing may unquote it, as it has backslashes.
func among(field, variable string) string {
	return quoted(field) + ":~`^(?:${" + variable + ":regex})$`"
}

var (
	logsQLText = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|` + "`[^`]*`")
	logsQLOr   = regexp.MustCompile(`(?i)\bor\b`)
)

// operand is a filter that others may follow. Filters that follow one another bind tighter
// than or: without parentheses they would hold for its last part only.
func operand(filter string) string {
	if logsQLOr.MatchString(logsQLText.ReplaceAllString(filter, `""`)) {
		return "(" + filter + ")"
	}
	return filter
}

// recordsOf is LogsQL for records with these messages.
func (s victoriaStore) recordsOf(messages ...string) string {
	return operand(s.selector) + ` _msg:~"^(` + strings.Join(messages, "|") + `)"`
}

var plainVariable = regexp.MustCompile(`^\$\{?(\w+)\}?$`)

// failuresOf is LogsQL for the failure records of the callbacks of a variable.
func (s victoriaStore) failuresOf(callback string) string {
	m := plainVariable.FindStringSubmatch(callback)
	if m == nil {
		panic(callback + " is no variable")
	}
	return s.recordsOf(failures...) + " " + among(names.KeyCallback, m[1])
}

// appended are pipes that add fields to the message of a record, if it has them.
func appended(format string, fields ...string) string {
	var pipes strings.Builder
	for _, field := range fields {
		fmt.Fprintf(&pipes, " | format if (%s:*) \"<_msg>%s\" as _msg", quoted(field), strings.ReplaceAll(format, "?", "<"+field+">"))
	}
	return pipes.String()
}

// topOf adds the file and line of the first frame of a stack.
func topOf(stack string) string {
	const frame = "`(?s)^[^\\n]*\\n\\s*(?:[^\\n]*/)?(?P<frame>[^/\\s]+:[0-9]+)`"
	return " | extract_regexp " + frame + " from " + quoted(stack) + appended(" · at ?", "frame") + " | delete frame"
}

// rounded adds a number of seconds, to the millisecond.
func rounded(format, field string) string {
	return " | math round(" + quoted(field) + ", 0.001) as seconds" +
		fmt.Sprintf(" | format if (%s:*) \"<_msg>%s\" as _msg", quoted(field), strings.ReplaceAll(format, "?", "<seconds>")) + " | delete seconds"
}

// without removes a word from the beginning of the message.
func without(word string) string { return fmt.Sprintf(` | replace_regexp ("^%s ", "") at _msg`, word) }

// victoriaFailureLine are pipes that make the message say what went wrong.
var victoriaFailureLine = without("callback") +
	appended(": ?", names.KeyExceptionMessage, names.KeyError) + appended(" · ?", names.KeyReason) +
	topOf(names.KeyExceptionStacktrace) + topOf(names.KeyStack) + appended(" · in ?", names.KeyFunction) + appended(" · ref ?", names.KeyRef) +
	appended(" · attempt ?", names.KeyAttempt) + rounded(" · after ? s", names.KeyDuration) + appended(" · on ?", "http.route") +
	appended(" · ? more left out", names.KeySuppressed)

func (s victoriaStore) failureLines(callback string, ofRunner bool) variants.Dataquery {
	expr := s.failuresOf(callback)
	if ofRunner {
		expr += " " + among(names.KeyRunner, varRunner)
	}
	return s.lines(expr + victoriaFailureLine)
}

// explore asks for one callback by its name: Grafana would not escape a regular expression
// as the address of a link needs it.
func (s victoriaStore) explore(callback string) map[string]any {
	s.selector = s.inLink
	expr := s.recordsOf(failures...) + " " + quoted(names.KeyCallback) + `:="` + callback + `"` + victoriaFailureLine
	return map[string]any{"expr": expr, "queryType": "instant"}
}

func (s victoriaStore) drainLines() variants.Dataquery {
	return s.lines(s.recordsOf(names.LogDrainStarted, names.LogDrainFinished) + " " + among(names.KeyRunner, varRunner) + without("drain") +
		appended(" · runner ?", names.KeyRunner) + appended(" · pending ?", names.KeyPending) + appended(" · completed ?", names.KeyCompleted) +
		appended(" · lost ?", names.KeyLost) + appended(": ?", names.KeyLostNames) + appended(" · refs ?", names.KeyLostRefs) +
		rounded(" · took ? s", names.KeyDuration) + appended(" · version ?", "service.version"))
}

func (s victoriaStore) lines(expr string) variants.Dataquery {
	return VictoriaQuery{RefID: "A", Expr: expr, QueryType: "instant", MaxLines: 100, Datasource: ptr(s.source().ref(varLogs))}
}

// victoriaColumns are the fields that errors computes, in the order of the columns.
var victoriaColumns = []string{"records", "first", "last"}

// errors is one query for all columns. The plugin answers with records whose fields are
// in one column, as texts.
func (s victoriaStore) errors(callback string, keys []key, columns []column) ([]variants.Dataquery, []dashboard.DataTransformerConfig) {
	list := func(fields ...string) string { return strings.Join(fields, ", ") }
	expr := s.failuresOf(callback) + without("callback") +
		" | coalesce(" + list(quoted(names.KeyErrorType), quoted(names.KeyExceptionType), names.KeyOutcome, names.KeyReason) + ") as type" +
		" | coalesce(" + list(quoted(names.KeyExceptionMessage), names.KeyError, names.KeyReason, "_msg") + ") as what" +
		` | replace_regexp ("[0-9]+", "#") at what | replace_regexp ("(?s)^(.{160}).+$", "$1") at what` +
		" | stats by (callback, type, what) count() as records, min(_time) as first, max(_time) as last" +
		" | sort by (records desc) limit 10"
	order, titles := map[string]any{}, map[string]any{}
	for i, k := range keys {
		order[k.label] = i
		if k.title != "" {
			titles[k.label] = k.title
		}
	}
	for i, c := range columns {
		order[victoriaColumns[i]], titles[victoriaColumns[i]] = len(keys)+i, c.title
	}
	var conversions []any
	for i, kind := range []string{"number", "time", "time"} {
		conversions = append(conversions, map[string]any{"targetField": victoriaColumns[i], "destinationType": kind})
	}
	query := VictoriaQuery{RefID: "A", Expr: expr, QueryType: "instant", Datasource: ptr(s.source().ref(varLogs))}
	return []variants.Dataquery{query}, []dashboard.DataTransformerConfig{
		{Id: "extractFields", Options: map[string]any{"source": "labels", "format": "json", "replace": true, "keepTime": false}},
		{Id: "convertFieldType", Options: map[string]any{"conversions": conversions, "fields": map[string]any{}}},
		{Id: "organize", Options: map[string]any{"excludeByName": map[string]any{}, "indexByName": order, "renameByName": titles}},
	}
}
