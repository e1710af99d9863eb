package main

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
)

// printer fills the templates of queries in. Its functions are those that dashboards use.
type printer struct {
	t      *testing.T
	record record
	labels map[string]string
}

// newPrinter has the labels that Loki would have: those of the record, and what the
// query makes of them.
func (q logQuery) newPrinter(t *testing.T, r record) printer {
	p := printer{t, r, make(map[string]string)}
	for field, value := range r {
		p.labels[underscored(field)] = value
	}
	for _, s := range q.sets {
		p.labels[s.label] = p.fill(s.format)
	}
	return p
}

func (p printer) fill(format string) string {
	p.t.Helper()
	parsed, err := template.New("").Option("missingkey=zero").Funcs(template.FuncMap{
		"__line__":      func() string { return p.record["_msg"] },
		"__timestamp__": func() string { return p.record["_time"] },
		"unixEpoch": func(at string) (string, error) {
			t, err := time.Parse(time.RFC3339Nano, at)
			return strconv.FormatInt(t.Unix(), 10), err
		},
		"round": func(v string, places int) (string, error) {
			f, err := strconv.ParseFloat(v, 64)
			rounded := strconv.FormatFloat(f, 'f', places, 64)
			if strings.Contains(rounded, ".") { // a number, as Loki has it
				rounded = strings.TrimRight(strings.TrimRight(rounded, "0"), ".")
			}
			return rounded, err
		},
		"trimPrefix":      func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
		"trunc":           func(n int, s string) string { return s[:min(n, len(s))] },
		"regexReplaceAll": func(expr, s, by string) string { return regexp.MustCompile(expr).ReplaceAllString(s, by) },
	}).Parse(format)
	require.NoError(p.t, err, format)
	var b strings.Builder
	require.NoError(p.t, parsed.Execute(&b, p.labels), format)
	return b.String()
}

// line is what Loki makes of a record.
func (q logQuery) line(t *testing.T, r record) string {
	t.Helper()
	if q.format == "" {
		return r["_msg"]
	}
	return q.newPrinter(t, r).fill(q.format)
}

func TestALineIsPrintedOfItsFields(t *testing.T) {
	q := logQuery{
		sets:   []assigned{{"what", `{{ trunc 9 (regexReplaceAll "[0-9]+" (or .missing .error) "#") }}`}, {"at", "{{ __timestamp__ | unixEpoch }}"}},
		format: `{{ trimPrefix "callback " __line__ }}: {{ .error_type }}{{ .missing }}{{ with .what }} · {{ . }}{{ end }} at {{ .at }} after {{ round .age_seconds 1 }}`,
	}
	r := record{"_msg": "callback failed", "_time": "1970-01-01T00:01:00.5Z", "error.type": "timeout", "error": "order 17 is late", "age_seconds": "0.26"}
	require.Equal(t, "failed: timeout · order # i at 60 after 0.3", q.line(t, r))
	require.Equal(t, "callback failed", logQuery{}.line(t, r))
}
