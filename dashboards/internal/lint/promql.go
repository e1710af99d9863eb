package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// rateInterval stands for $__rate_interval, and for nothing else.
const rateInterval = 7*time.Minute + 13*time.Second

// durations replaces Grafana's variables where PromQL wants a duration.
var durations = strings.NewReplacer("$__rate_interval", "7m13s", "$__range", "7h13s")

// Query is PromQL and what is known of where it stands.
type Query struct {
	Expr      string
	Dashboard bool // its rates are over $__rate_interval
	Instant   bool // it gives one value; counting over a fixed window is cheap
}

// Parse parses a query, with Grafana's variables.
func Parse(expr string) (parser.Expr, error) {
	return parser.NewParser(parser.Options{}).ParseExpr(durations.Replace(expr))
}

// Metrics lists the names of the series that a query selects.
func Metrics(e parser.Expr) []string {
	var names []string
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			names = append(names, s.Name)
		}
		return nil
	})
	return names
}

// Selectors lists what a query selects.
func Selectors(e parser.Expr) [][]*labels.Matcher {
	return parser.ExtractSelectors(e)
}

// PromQL says what is wrong with a query.
func (c Catalog) PromQL(q Query, recorded []string) (found []string) {
	e, err := Parse(q.Expr)
	if err != nil {
		return []string{err.Error()}
	}
	report := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			if _, _, ok := c.family(n.Name); !ok && !slices.Contains(recorded, n.Name) {
				report("%s: nothing exposes or records it", n.Name)
			}
			for _, m := range n.LabelMatchers {
				if m.Type == labels.MatchEqual && (m.Name == "le" || m.Name == "quantile") && whole.MatchString(m.Value) {
					report("%v finds nothing in Prometheus 3, which writes %s.0", m, m.Value)
				}
			}
		case *parser.Call:
			c.call(q, n, report)
		}
		return nil
	})
	return found
}

var whole = regexp.MustCompile(`^\d+$`)

var (
	ofCounters = []string{"rate", "irate", "increase", "resets"}
	ofGauges   = []string{"delta", "idelta", "deriv", "predict_linear", "changes", "double_exponential_smoothing"}
)

// call checks that a function is given what it is for.
func (c Catalog) call(q Query, call *parser.Call, report func(string, ...any)) {
	name := call.Func.Name
	if name == "histogram_quantile" {
		c.quantile(call, report)
		return
	}
	for _, arg := range call.Args {
		m, ok := arg.(*parser.MatrixSelector)
		if !ok {
			continue
		}
		series := m.VectorSelector.(*parser.VectorSelector).Name
		_, counter, known := c.family(series)
		switch {
		case !known:
		case slices.Contains(ofCounters, name) && !counter:
			report("%s of %s, which is not a counter", name, series)
		case slices.Contains(ofGauges, name) && counter:
			report("%s of %s, which is a counter", name, series)
		}
		if !q.Dashboard || !slices.Contains(ofCounters, name) || m.Range == rateInterval {
			continue
		}
		// A count over a day is asked for once, at the end of the time range.
		atEnd := m.VectorSelector.(*parser.VectorSelector).StartOrEnd == parser.END
		if name != "increase" || !q.Instant && !atEnd {
			report("%s of %s is over %v, not over $__rate_interval", name, series, m.Range)
		}
	}
}

// quantile checks that there are buckets to take a quantile of.
func (c Catalog) quantile(call *parser.Call, report func(string, ...any)) {
	a, ok := call.Args[1].(*parser.AggregateExpr)
	if ok && !slices.Contains(a.Grouping, "le") {
		report("histogram_quantile of %s, which has lost le", a)
	}
	for _, name := range Metrics(call.Args[1]) {
		if !strings.HasSuffix(name, "_bucket") {
			report("histogram_quantile of %s, which is not a histogram's buckets", name)
		}
	}
}

// Labels are those that tell the series of a query's result apart; many is
// whether there can be more than one.
func Labels(e parser.Expr) (names []string, many bool) {
	switch e := e.(type) {
	case *parser.AggregateExpr:
		if e.Op == parser.TOPK || e.Op == parser.BOTTOMK {
			return Labels(e.Expr)
		}
		return e.Grouping, e.Without || len(e.Grouping) > 0
	case *parser.ParenExpr:
		return Labels(e.Expr)
	case *parser.BinaryExpr:
		left, lm := Labels(e.LHS)
		right, rm := Labels(e.RHS)
		return append(left, right...), lm || rm
	case *parser.Call:
		for _, arg := range e.Args {
			n, m := Labels(arg)
			if e.Func.Name == "histogram_quantile" && m {
				n = slices.DeleteFunc(slices.Clone(n), func(name string) bool { return name == "le" })
				m = len(n) > 0
			}
			if m {
				return n, m
			}
		}
		return nil, false
	case *parser.MatrixSelector, *parser.VectorSelector, *parser.SubqueryExpr:
		return nil, true
	default:
		return nil, false
	}
}

var placeholder = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// Legend says what is wrong with the legend of a query that draws lines.
func Legend(e parser.Expr, legend string) string {
	names, many := Labels(e)
	if legend == "" {
		return "has no legend"
	}
	used := placeholder.FindAllStringSubmatch(legend, -1)
	if many && len(used) == 0 {
		return fmt.Sprintf("has several series and one legend, %q", legend)
	}
	for _, m := range used {
		if len(names) > 0 && !slices.Contains(names, m[1]) {
			return fmt.Sprintf("has the legend %q, and no label %s", legend, m[1])
		}
	}
	return ""
}
