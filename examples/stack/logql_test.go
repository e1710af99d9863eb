package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/scanner"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// logQuery is a query of Loki in the words of VictoriaLogs. The dashboards ask Loki,
// and no test runs one. So a test that finds a record shows that the query selects the
// right records by their fields, and that a line's template has what it prints. It
// does not show that Loki parses the query, how it takes JSON lines apart, or how it
// counts over time: a count here is over the whole time.
type logQuery struct {
	filter string   // LogsQL
	count  bool     // of records, and not the records
	by     []string // what the count is by, as Loki calls the labels
	format string   // of a line; "": the message
}

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

// logQL reads LogQL from left to right.
type logQL struct {
	scanner.Scanner
	token rune
	query logQuery
	and   []string // filters of LogsQL
}

// translate says a query of Loki in LogsQL. What it does not know is an error.
func translate(expr string) (q logQuery, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v: %s", r, expr)
		}
	}()
	p := &logQL{}
	p.Init(strings.NewReader(expr))
	p.Mode = scanner.ScanIdents | scanner.ScanInts | scanner.ScanFloats | scanner.ScanStrings | scanner.ScanRawStrings
	p.Error = func(_ *scanner.Scanner, message string) { panic(message) }
	p.next()
	p.whole()
	p.expect(scanner.EOF)
	p.query.filter = strings.Join(p.and, " ")
	return p.query, nil
}

func (p *logQL) next() string {
	text := p.TokenText()
	p.token = p.Scan()
	return text
}

func (p *logQL) expect(token rune) string {
	if p.token != token {
		panic(fmt.Sprintf("%q where %s is expected", p.TokenText(), scanner.TokenString(token)))
	}
	return p.next()
}

// takes reads a token if it comes next.
func (p *logQL) takes(token rune) bool {
	if p.token != token {
		return false
	}
	p.next()
	return true
}

// text is a string that comes next.
func (p *logQL) text() string {
	if p.token == scanner.RawString {
		return strings.Trim(p.next(), "`")
	}
	text, err := strconv.Unquote(p.expect(scanner.String))
	if err != nil {
		panic(err)
	}
	return text
}

// whole is a query of records, or of their counts.
func (p *logQL) whole() {
	if p.token == '{' {
		p.records()
		return
	}
	switch function := p.expect(scanner.Ident); function {
	case "topk":
		p.expect('(')
		p.expect(scanner.Int)
		p.expect(',')
		p.whole()
	case "sum":
		if p.TokenText() == "by" {
			p.next()
			p.expect('(')
			p.query.by = p.list()
			p.expect(')')
		}
		p.expect('(')
		p.whole()
	case "count_over_time", "rate":
		p.query.count = true
		p.expect('(')
		p.records()
		p.expect('[')
		for p.token != ']' && p.token != scanner.EOF {
			p.next()
		}
		p.expect(']')
	default:
		panic("unknown function " + function)
	}
	p.expect(')')
}

// list is names with commas between them.
func (p *logQL) list() (found []string) {
	for {
		found = append(found, p.expect(scanner.Ident))
		if !p.takes(',') {
			return found
		}
	}
}

// records is a selector and what follows it.
func (p *logQL) records() {
	p.expect('{')
	var streams []string
	for {
		label, operator, value := p.condition()
		streams = append(streams, fmt.Sprintf("%q%s%q", fieldOf(label), operator, value))
		if !p.takes(',') {
			break
		}
	}
	p.expect('}')
	p.and = append(p.and, "{"+strings.Join(streams, ",")+"}")
	for p.token == '|' || p.token == '!' {
		not := p.next() == "!"
		switch {
		case p.takes('='):
			p.line(not, regexp.QuoteMeta(p.text()))
		case p.takes('~'):
			p.line(not, p.text())
		case p.TokenText() == "json", p.TokenText() == "logfmt":
			p.next() // OTLP's attributes are fields already
		case p.TokenText() == "drop", p.TokenText() == "keep":
			p.next()
			p.list()
		case p.TokenText() == "line_format":
			p.next()
			p.query.format = p.text()
		default:
			p.and = append(p.and, "("+p.labels()+")")
		}
	}
}

func (p *logQL) line(not bool, pattern string) {
	p.and = append(p.and, filter("_msg", "~", pattern, not))
}

// labels is a condition on labels.
func (p *logQL) labels() string {
	var all string
	for {
		if p.takes('(') {
			all += "(" + p.labels() + ")"
			p.expect(')')
		} else {
			label, operator, value := p.condition()
			switch {
			case value == "": // Loki has no difference between a label without a value and none
				all += filter(fieldOf(label), "", "", operator == "=")
			case strings.HasSuffix(operator, "~"):
				all += filter(fieldOf(label), "~", "^(?:"+value+")$", operator == "!~")
			default:
				all += filter(fieldOf(label), "=", value, operator == "!=")
			}
		}
		switch p.TokenText() {
		case "and", ",":
			all += " AND "
		case "or":
			all += " OR "
		default:
			return all
		}
		p.next()
	}
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

// condition is of one label.
func (p *logQL) condition() (label, operator, value string) {
	label = p.expect(scanner.Ident)
	for p.token == '=' || p.token == '!' || p.token == '~' {
		operator += p.next()
	}
	if !slices.Contains([]string{"=", "!=", "=~", "!~"}, operator) {
		panic("unknown operator " + operator)
	}
	return label, operator, p.text()
}

// print is the line that Loki makes of a record.
func (q logQuery) print(t *testing.T, r record) string {
	t.Helper()
	if q.format == "" {
		return r["_msg"]
	}
	labels := make(map[string]string)
	for field, value := range r {
		labels[underscored(field)] = value
	}
	line, err := template.New("").Option("missingkey=zero").Funcs(template.FuncMap{
		"__line__": func() string { return r["_msg"] },
	}).Parse(q.format)
	require.NoError(t, err)
	var b strings.Builder
	require.NoError(t, line.Execute(&b, labels))
	return b.String()
}

func TestLogQLIsSaidInLogsQL(t *testing.T) {
	for expr, want := range map[string]logQuery{
		`{service_name="shop"}`: {filter: `{"service.name"="shop"}`},
		`{service_name="shop"} |~ "failed|late" | json | drop __error__, __error_details__ | callback=~"order.+"`: {
			filter: `{"service.name"="shop"} "_msg":~"failed|late" ("callback":~"^(?:order.+)$")`,
		},
		`{service_name="shop", host_name=~"a|b"} |= "a.b" != "c" !~ "d"`: {
			filter: `{"service.name"="shop","host.name"=~"a|b"} "_msg":~"a\\.b" !"_msg":~"c" !"_msg":~"d"`,
		},
		`{service_name="shop"} | (trace_id="1" or request_trace_id="1") and error_type!="" and ref=""` + " | line_format `{{.error}}`": {
			filter: `{"service.name"="shop"} (("trace_id":="1" OR "request.trace_id":="1") AND "error.type":* AND !"ref":*)`,
			format: "{{.error}}",
		},
		`topk(10, sum by (callback, error_type) (count_over_time({service_name="shop"} | outcome!="success" [5m])))`: {
			filter: `{"service.name"="shop"} (!"outcome":="success")`, count: true, by: []string{"callback", "error_type"},
		},
	} {
		q, err := translate(expr)
		require.NoError(t, err)
		require.Equal(t, want, q, expr)
	}
	for _, expr := range []string{
		``, `{}`, `{a="b"`, `{a="b"} | pattern "<_>"`, `quantile_over_time(0.5, {a="b"} | unwrap c [5m])`, `{a="b"} | c > 5`, `{a=b}`, `{a="b"} {c="d"}`,
	} {
		_, err := translate(expr)
		require.Error(t, err, expr)
	}
}

func TestALineIsPrintedOfItsFields(t *testing.T) {
	q := logQuery{format: "{{ __line__ }}: {{ .error_type }}{{ .missing }}"}
	require.Equal(t, "failed: timeout", q.print(t, record{"_msg": "failed", "error.type": "timeout"}))
	require.Equal(t, "failed", logQuery{}.print(t, record{"_msg": "failed"}))
}
