package lint

import (
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
)

// What a unit of Grafana's grid has on a screen 1440 pixels wide, and what the
// column needs that has no width of its own.
const (
	unitPixels = 58
	restPixels = 120
)

// traceColumns are those of a search, by the kind of data source.
var traceColumns = map[string][]string{
	"jaeger": {"Trace ID", "Trace name", "Start time", "Duration"},
	"tempo":  {"Trace Service", "Trace Name", "Span ID", "Start time", "Name", "Duration"},
}

// columnsFit checks that no column of a table is cut: each has a width or is
// hidden, but one, which has what the others leave.
func columnsFit(p dashboard.Panel, report reporter) {
	if p.Type != "table" {
		return
	}
	var columns []string
	if p.Datasource != nil && p.Datasource.Type != nil {
		columns = traceColumns[*p.Datasource.Type]
	}
	if len(p.Transformations) > 0 {
		columns, _ = arranged(p)
	}
	var without []string
	taken := 0.
	for _, c := range columns {
		width, hidden := 0., false
		for _, o := range p.FieldConfig.Overrides {
			if o.Matcher.Options != c {
				continue
			}
			for _, property := range o.Properties {
				switch v := property.Value.(type) {
				case float64:
					if property.Id == "custom.width" {
						width = v
					}
				case bool:
					hidden = hidden || property.Id == "custom.hidden" && v
				}
			}
		}
		if !hidden && width == 0 {
			without = append(without, c)
		}
		if !hidden {
			taken += width
		}
	}
	if len(without) > 1 {
		report("columns are cut: no width for %v", without)
	}
	if room := float64(p.GridPos.W)*unitPixels - restPixels; taken > room {
		report("columns are cut: they take %v pixels of %v", taken, room)
	}
}

// arranged are the columns of a table in the order of its transformation, by the
// names they are shown with, and those of them that are labels.
func arranged(p dashboard.Panel) (shown, labels []string) {
	for _, t := range p.Transformations {
		options, _ := t.Options.(map[string]any)
		order, _ := options["indexByName"].(map[string]any)
		names, _ := options["renameByName"].(map[string]any)
		for field := range order {
			name := field
			if renamed, ok := names[field].(string); ok {
				name = renamed
			}
			shown = append(shown, name)
			if field != "Value" && (len(field) < 7 || field[:7] != "Value #") {
				labels = append(labels, field)
			}
		}
	}
	slices.Sort(shown)
	slices.Sort(labels)
	return shown, labels
}

// rows checks that all queries of a table have its labels: with others, each row
// would be there once for each query.
func rows(p dashboard.Panel, q prometheus.Dataquery, e parser.Expr, report reporter) {
	if q.Format == nil || *q.Format != prometheus.PromQueryFormatTable || q.Instant == nil || !*q.Instant {
		report("a table wants one value a row: instant, as a table")
	}
	has, _ := Labels(e)
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if call, ok := n.(*parser.Call); ok && call.Func.Name == "label_replace" {
			if to, ok := call.Args[1].(*parser.StringLiteral); ok {
				has = append(has, to.Val)
			}
		}
		return nil
	})
	has = slices.Clone(has)
	slices.Sort(has)
	has = slices.Compact(has)
	if _, want := arranged(p); !slices.Equal(has, want) {
		report("a row is of %v, and a query has %v", want, has)
	}
}
