package grafana

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/table"
)

// key is a column of a table that a label fills. All queries of a table have the
// same labels: a row is what they say of one set of values.
type key struct {
	label, title string
	width        int // 0: what the others leave
	links        []dashboard.DashboardLink
	words        []dashboard.ValueMapping // with colors
	hidden       bool                     // it is there for links
}

// column is one that a query fills.
type column struct {
	title, unit string
	width       int
	expr        string
	steps       []step // none: no color
	decimals    *float64
}

// Labels that links take the place of a row from.
const (
	inCluster   = "in_" + varCluster
	inNamespace = "in_" + varPlace
)

// placeOfRow are the hidden columns of these labels.
var placeOfRow = []key{{label: inCluster, hidden: true}, {label: inNamespace, hidden: true}}

// inPlace gives each row the place that its links lead to. A row without a cluster has
// no cell for it, and a link would pass the name of the cell; so it says All there.
func inPlace(expr string) string {
	for _, l := range []string{varCluster, varPlace} {
		expr = fmt.Sprintf(`label_replace(label_replace(%s, "in_%[2]s", "All", "%[2]s", ""), "in_%[2]s", "$1", "%[2]s", "(.+)")`, expr, l)
	}
	return expr
}

// inPlaces is the same for all columns.
func inPlaces(columns []column) []column {
	for i := range columns {
		columns[i].expr = inPlace(columns[i].expr)
	}
	return columns
}

// table has a row for each set of the keys' values, in the order of one column.
func (p panel) table(keys []key, columns []column, sortBy string, descending bool) view {
	for _, c := range columns {
		p.targets = append(p.targets, target{expr: c.expr, instant: true, table: true})
	}
	p.unit = "short"
	p.mappings = append(p.mappings, nothing("–", "transparent"))
	p.overrides = append(p.overrides, columnsOf(keys, columns)...)
	v := p.view("table", tableOptions(sortBy, descending), &table.FieldConfig{
		Align: common.FieldTextAlignmentAuto,
	}, byThresholds())
	v.Transformations = arrange(keys, columns)
	return v
}

func tableOptions(sortBy string, descending bool) *table.Options {
	options := table.NewOptions()
	options.Footer = nil
	if sortBy != "" {
		options.SortBy = []common.TableSortByFieldState{{DisplayName: sortBy, Desc: &descending}}
	}
	return options
}

// arrange makes one table of the answers of all queries, and names its columns.
func arrange(keys []key, columns []column) []dashboard.DataTransformerConfig {
	order, names := map[string]any{}, map[string]any{}
	for i, k := range keys {
		order[k.label] = i
		if k.title != "" {
			names[k.label] = k.title
		}
	}
	for i, c := range columns {
		value := "Value #" + refID(i)
		if len(columns) == 1 {
			value = "Value" // of one query only
		}
		order[value], names[value] = len(keys)+i, c.title
	}
	return []dashboard.DataTransformerConfig{
		{Id: "merge", Options: map[string]any{}},
		{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]any{"Time": true}, "indexByName": order, "renameByName": names,
		}},
	}
}

func columnsOf(keys []key, columns []column) []dashboard.DashboardFieldConfigSourceOverrides {
	var all []dashboard.DashboardFieldConfigSourceOverrides
	for _, k := range keys {
		var properties []dashboard.DynamicConfigValue
		if k.width > 0 {
			properties = append(properties, property("custom.width", k.width))
		}
		if k.hidden {
			properties = append(properties, property("custom.hidden", true))
		}
		if len(k.links) > 0 {
			properties = append(properties, property("links", k.links))
		}
		if len(k.words) > 0 {
			properties = append(properties, property("mappings", k.words))
			if !k.hidden {
				properties = append(properties, property("custom.cellOptions", filled()))
			}
		}
		if len(properties) > 0 { // Grafana's frontend reads the list, which must not be null
			all = append(all, override(cmp.Or(k.title, k.label), properties...))
		}
	}
	for _, c := range columns {
		properties := []dashboard.DynamicConfigValue{property("unit", c.unit), property("custom.width", c.width)}
		if c.decimals != nil {
			properties = append(properties, property("decimals", *c.decimals))
		}
		if len(c.steps) > 0 {
			properties = append(properties, property("thresholds", thresholds(onlyWrong(c.steps))), property("custom.cellOptions", filled()))
		}
		all = append(all, override(c.title, properties...))
	}
	return all
}

// onlyWrong leaves what is well without a color: a table of green hides the one
// cell that is not.
func onlyWrong(steps []step) []step {
	all := slices.Clone(steps)
	for i, s := range all {
		if s.color == green {
			all[i].color = "transparent"
		}
	}
	return all
}

// filled are cells that have the color of their value.
func filled() map[string]any {
	return map[string]any{"type": "color-background", "mode": "basic"}
}
