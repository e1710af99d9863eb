package grafana

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/loki"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// lokiStore asks Loki, in LogQL.
type lokiStore struct{ selector, inLink string }

const lokiSelector = `{service_name="${job}"}`

func (s lokiStore) source() source {
	description := "Loki that keeps the service's logs"
	if s.selector == lokiSelector {
		description += ", under the label service_name"
	}
	return source{"loki", "Loki", description}
}

// field is a key of a record as Loki has it.
func field(key string) string { return "." + strings.ReplaceAll(key, ".", "_") }

// message is the record's message in a template of Loki: records are lines of
// JSON with the key msg, or came by OTLP, whose line is the message.
const message = "or .msg __line__"

// recordsOf is LogQL for records with these messages, at the beginning of a line or
// of a value of JSON: an error can have the same words. The keys are fields of JSON
// lines, or structured metadata if the records came by OTLP: then there is no
// JSON, which is no error.
func (s lokiStore) recordsOf(messages ...string) string {
	return s.selector + ` |~ ` + "`" + `(^|": ?")(` + strings.Join(messages, "|") + ")`" + ` | json | drop __error__, __error_details__`
}

// failuresOf is LogQL for the failure records of the service's callbacks.
func (s lokiStore) failuresOf(callback string) string {
	return s.recordsOf(failures...) + ` | ` + names.KeyCallback + `=~"` + callback + `"`
}

// after writes a field after a text, if the record has it.
func after(text, key string) string { return between(text, key, "") }

// between writes a field between two texts, if the record has it.
func between(before, key, behind string) string {
	return "{{ with " + field(key) + " }}" + before + "{{ . }}" + behind + "{{ end }}"
}

// seconds writes a number of seconds after a text, to the millisecond.
func seconds(before, key string) string {
	return "{{ with " + field(key) + " }}" + before + "{{ round . 3 }} s{{ end }}"
}

// failureLines has each record as a line that says what went wrong. What a
// line says of its message does not match what was asked for: Grafana would
// highlight all of it.
func (s lokiStore) failureLines(callback string, ofRunner bool) variants.Dataquery {
	expr := s.failuresOf(callback)
	if ofRunner {
		expr += ` | ` + names.KeyRunner + `=~"$runner"`
	}
	return s.lines(expr + " | line_format `" + failureLine + "`")
}

func (s lokiStore) explore(callback string) map[string]any {
	s.selector = s.inLink
	return map[string]any{"expr": s.failuresOf(callback) + " | line_format `" + failureLine + "`", "queryType": "range"}
}

// top writes the file and line of the first frame of a stack after a text.
func top(text, key string) string {
	const frame = `"(?s)^[^\\n]*\\n\\s*(?:[^\\n]*/)?([^/\\s]+:[0-9]+).*"`
	return "{{ with " + field(key) + " }}" + text + "{{ regexReplaceAll " + frame + " . \"$1\" }}{{ end }}"
}

var failureLine = `{{ trimPrefix "callback " (` + message + `) }}` +
	after(": ", names.KeyExceptionMessage) + after(": ", names.KeyError) + after(" · ", names.KeyReason) +
	top(" · at ", names.KeyExceptionStacktrace) + top(" · at ", names.KeyStack) + after(" · in ", names.KeyFunction) + after(" · ref ", names.KeyRef) + after(" · attempt ", names.KeyAttempt) +
	seconds(" · after ", names.KeyDuration) + after(" · on ", "http.route") +
	between(" · ", names.KeySuppressed, " more left out")

// drainLines are of the runners that are chosen.
func (s lokiStore) drainLines() variants.Dataquery {
	return s.lines(s.recordsOf(names.LogDrainStarted, names.LogDrainFinished) + ` | ` + names.KeyRunner + `=~"$runner" | line_format ` + "`" +
		`{{ trimPrefix "drain " (` + message + `) }}` + after(" · runner ", names.KeyRunner) +
		after(" · pending ", names.KeyPending) + after(" · completed ", names.KeyCompleted) + after(" · lost ", names.KeyLost) +
		after(": ", names.KeyLostNames) + after(" · refs ", names.KeyLostRefs) + seconds(" · took ", names.KeyDuration) +
		after(" · version ", "service.version") + "`")
}

// errors are LogQL that count the failure records of callbacks by what went
// wrong, the ten most frequent, and say when the first and the last was written,
// in milliseconds. Numbers in texts are left out: an id would make each error
// another one.
func (s lokiStore) errors(callback string, keys []key, columns []column) ([]variants.Dataquery, []dashboard.DataTransformerConfig) {
	const by = " by (callback, type, what)"
	what := "or " + field(names.KeyExceptionMessage) + " " + field(names.KeyError) + " " + field(names.KeyReason) +
		` (trimPrefix "callback " (` + message + `))`
	of := s.failuresOf(callback) + " | label_format type=`{{ or " + field(names.KeyErrorType) + " " + field(names.KeyExceptionType) +
		" " + field(names.KeyOutcome) + " " + field(names.KeyReason) + " }}`" +
		", what=`{{ trunc 160 (regexReplaceAll \"[0-9]+\" (" + what + ") \"#\") }}`" +
		", at=`{{ __timestamp__ | unixEpoch }}`"
	count := "topk(10, sum" + by + " (count_over_time(" + of + " [$__range])))"
	seen := func(function string) string {
		return "(" + function + "_over_time(" + of + " | unwrap at [$__range])" + by + " * 1000) and " + count
	}
	var queries []variants.Dataquery
	for i, expr := range []string{count, seen("min"), seen("max")} {
		queries = append(queries, loki.Dataquery{
			Expr: expr, QueryType: ptr("instant"), RefId: ptr(refID(i)), Datasource: ptr(s.source().ref(varLogs)),
		})
	}
	return queries, arrange(keys, columns)
}

// lines asks for records.
func (s lokiStore) lines(expr string) variants.Dataquery {
	return loki.Dataquery{
		Expr: expr, QueryType: ptr("range"), MaxLines: ptr(int64(100)), RefId: ptr("A"), Datasource: ptr(s.source().ref(varLogs)),
	}
}
