package lint

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// Dashboard says what is wrong with a dashboard's JSON. Recorded are the
// series that rules record, boards all dashboards that links may lead to.
func (c Catalog) Dashboard(text []byte, recorded []string, boards []Board) (found []string) {
	plugins.RegisterDefaultPlugins()
	var d dashboard.Dashboard
	if err := d.UnmarshalJSONStrict(text); err != nil {
		return []string{"not as the SDK knows dashboards: " + err.Error()}
	}
	var raw any
	if err := json.Unmarshal(text, &raw); err != nil {
		return []string{err.Error()}
	}
	report := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if d.Uid == nil || *d.Uid == "" {
		report("no uid")
	}
	words(raw, report)
	layout(d, report)
	variables(d, raw, report)
	links(d, raw, boards, report)
	sources(d, raw, report)
	for _, p := range d.Panels {
		if p.Panel != nil {
			c.panel(*p.Panel, recorded, report)
		}
	}
	for _, a := range d.Annotations.List {
		c.annotation(a, recorded, report)
	}
	return found
}

type reporter func(format string, args ...any)

// panel checks one panel by itself.
func (c Catalog) panel(p dashboard.Panel, recorded []string, report reporter) {
	title := "a panel"
	if p.Title == nil || *p.Title == "" {
		report("a panel has no title")
	} else {
		title = *p.Title
	}
	if p.Description == nil || len(*p.Description) < 20 {
		report("%s: no description", title)
	}
	if p.FieldConfig == nil || p.FieldConfig.Defaults.Unit == nil || *p.FieldConfig.Defaults.Unit == "" {
		report("%s: no unit", title)
	}
	if p.Datasource == nil || p.Datasource.Uid == nil || !strings.HasPrefix(*p.Datasource.Uid, "${") {
		report("%s: its data source is no variable", title)
	}
	of := func(format string, args ...any) { report("%s: "+format, append([]any{title}, args...)...) }
	colored(p, of)
	drawnAsGrafana(p, of)
	saysNothing(p, of)
	columnsFit(p, of)
	saturated(p, of)
	if len(p.Targets) == 0 {
		report("%s: no query", title)
	}
	refs := make(map[string]bool)
	for _, t := range p.Targets {
		q, ok := t.(*prometheus.Dataquery)
		if !ok {
			continue
		}
		if q.RefId == nil || refs[*q.RefId] {
			report("%s: two queries have one refId", title)
		} else {
			refs[*q.RefId] = true
		}
		if q.Datasource == nil || q.Datasource.Uid == nil || !strings.HasPrefix(*q.Datasource.Uid, "${") {
			report("%s: the data source of a query is no variable", title)
		}
		c.target(p, *q, recorded, of)
	}
}

func (c Catalog) target(p dashboard.Panel, q prometheus.Dataquery, recorded []string, report reporter) {
	instant := q.Instant != nil && *q.Instant
	for _, f := range c.PromQL(Query{Expr: q.Expr, Dashboard: true, Instant: instant}, recorded) {
		report("%s", f)
	}
	e, err := Parse(q.Expr)
	if err != nil {
		return // reported
	}
	placesTold(e, report)
	for _, ms := range Selectors(e) {
		if !slices.ContainsFunc(ms, func(m *matcher) bool { return m.Name == "job" }) {
			report("%v does not ask for the job", ms)
		}
	}
	legend := ""
	if q.LegendFormat != nil {
		legend = *q.LegendFormat
	}
	if p.Type == "stat" {
		if _, many := Labels(e); many {
			report("a stat of several series: %s", q.Expr)
		}
		if !instant {
			report("a stat of a range shows a value from before everything stopped")
		}
		return
	}
	if p.Type == "table" {
		rows(p, q, e, report)
		return
	}
	if s := Legend(e, legend); s != "" {
		report("%s", s)
	}
	placesInLegend(e, legend, recorded, report)
}

// layout checks places and ids.
func layout(d dashboard.Dashboard, report reporter) {
	const columns = 24
	ids := make(map[uint32]string)
	titles := make(map[string]bool)
	taken := make(map[[2]uint32]string)
	for _, p := range d.Panels {
		var id uint32
		var title string
		var at *dashboard.GridPos
		if p.Panel != nil {
			at, title = p.Panel.GridPos, *orNone(p.Panel.Title)
			if p.Panel.Id != nil {
				id = *p.Panel.Id
			}
		} else {
			at, title, id = p.RowPanel.GridPos, *orNone(p.RowPanel.Title), p.RowPanel.Id
		}
		if other, ok := ids[id]; ok || id == 0 {
			report("%s: id %d is also that of %q", title, id, other)
		}
		ids[id] = title
		if p.Panel != nil && titles[title] {
			report("two panels are called %s: a name leads to one", title)
		}
		titles[title] = titles[title] || p.Panel != nil
		if at == nil || at.W == 0 || at.H == 0 || at.X+at.W > columns {
			report("%s: is not within the grid", title)
			continue
		}
		overlaps := make(map[string]bool)
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				if other, ok := taken[[2]uint32{x, y}]; ok {
					overlaps[other] = true
				}
				taken[[2]uint32{x, y}] = title
			}
		}
		for other := range overlaps {
			report("%s overlaps %s", title, other)
		}
	}
}

func orNone(s *string) *string {
	if s == nil {
		none := "untitled"
		return &none
	}
	return s
}

// each visits the strings of JSON with their paths.
func each(v any, path []string, visit func(path []string, s string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			each(v[k], append(slices.Clip(path), k), visit)
		}
	case []any:
		for _, e := range v {
			each(e, append(slices.Clip(path), "[]"), visit)
		}
	case string:
		visit(path, v)
	}
}
