package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/scanner"

	"github.com/stretchr/testify/require"
)

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

// whole is a query of records, or of what is computed over them.
func (p *logQL) whole() {
	p.operand()
	for {
		switch {
		case p.takes('*'), p.takes('>'):
			p.expect(scanner.Int)
		case p.takesWord("and"): // the same groups, if some are in both
			first, and := p.query, p.and
			p.query, p.and = logQuery{}, nil
			p.operand()
			if !slices.Equal(first.by, p.query.by) {
				panic("groups by others")
			}
			p.query, p.and = first, and
		default:
			return
		}
	}
}

func (p *logQL) operand() {
	if p.token == '{' {
		p.records()
		return
	}
	if p.takes('(') {
		p.whole()
		p.expect(')')
		return
	}
	switch function := p.expect(scanner.Ident); function {
	case "topk":
		p.expect('(')
		p.expect(scanner.Int)
		p.expect(',')
		p.whole()
	case "sum":
		p.groups()
		p.expect('(')
		p.whole()
	case "count_over_time", "rate", "min_over_time", "max_over_time":
		p.query.groups = true
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
	p.groups()
}

// groups is what is computed for each of some labels.
func (p *logQL) groups() {
	if p.takesWord("by") {
		p.expect('(')
		p.query.by = p.list()
		p.expect(')')
	}
}

// takesWord reads a word if it comes next.
func (p *logQL) takesWord(word string) bool {
	if p.token != scanner.Ident || p.TokenText() != word {
		return false
	}
	p.next()
	return true
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
		case p.takesWord("json"), p.takesWord("logfmt"): // OTLP's attributes are fields already
		case p.takesWord("drop"), p.takesWord("keep"), p.takesWord("unwrap"):
			p.list()
		case p.takesWord("line_format"):
			p.query.format = p.text()
		case p.takesWord("label_format"):
			for {
				label := p.expect(scanner.Ident)
				p.expect('=')
				p.query.sets = append(p.query.sets, assigned{label, p.text()})
				if !p.takes(',') {
					break
				}
			}
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
		switch {
		case p.takesWord("and"), p.takes(','):
			all += " AND "
		case p.takesWord("or"):
			all += " OR "
		default:
			return all
		}
	}
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
		`topk(10, sum by (callback, what) (count_over_time({service_name="shop"} | outcome!="success" | label_format what=` + "`{{ .error }}`" + ` [5m])))`: {
			filter: `{"service.name"="shop"} (!"outcome":="success")`, groups: true, by: []string{"callback", "what"},
			sets: []assigned{{"what", "{{ .error }}"}},
		},
		`(min_over_time({service_name="shop"} | unwrap at [5m]) by (ref) * 1000) and sum by (ref) (rate({a="b"}[5m]) > 0)`: {
			filter: `{"service.name"="shop"}`, groups: true, by: []string{"ref"},
		},
	} {
		q, err := translate(expr)
		require.NoError(t, err)
		require.Equal(t, want, q, expr)
	}
	for _, expr := range []string{
		``, `{}`, `{a="b"`, `{a="b"} | pattern "<_>"`, `quantile_over_time(0.5, {a="b"} | unwrap c [5m])`, `{a="b"} | c > 5`, `{a=b}`, `{a="b"} {c="d"}`,
		`sum by (a) (rate({a="b"}[5m])) and sum by (b) (rate({a="b"}[5m]))`,
	} {
		_, err := translate(expr)
		require.Error(t, err, expr)
	}
}
