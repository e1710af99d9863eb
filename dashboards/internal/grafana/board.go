package grafana

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

// columns is the width of Grafana's grid.
const columns = 24

// board is a dashboard in the making. Panels are placed from left to right.
type board struct {
	uid     string
	builder *dashboard.DashboardBuilder
	config  query.Config
	options Options
	stores  stores
	pending string // title of a row that has no panel yet
	err     error  // of the first panel that could not be built

	panels []dashboard.PanelOrRowPanel
	x, y   uint32 // where the next panel goes
	height uint32 // of the line it goes into
}

func newBoard(q query.Config, o Options, uid, title, description string) *board {
	d := dashboard.NewDashboardBuilder(title).Uid(uid).Description(description).
		Tags([]string{"afterglow"}).
		Timezone("browser").
		Time("now-3h", "now").
		Refresh("30s").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Editable()
	b := &board{uid: uid, builder: d, config: q, options: o}
	b.stores, b.err = newStores(o)
	for _, to := range places {
		if to.uid == uid {
			b.variables(to.variables...)
			continue
		}
		d.Link(b.navigation(to))
	}
	b.annotations()
	return b
}

// place is a dashboard as links know it.
type place struct {
	uid, title string
	variables  []string
}

// places are all dashboards, in the order of the questions that they answer.
var places = []place{
	{uidOverview, "Overview", []string{varMetrics, varTraces, varLogs, varCluster, varPlace, varJob, varPod, varInstance, varRunner, varCallback}},
	{uidCallback, "Callback", []string{varMetrics, varTraces, varLogs, varCluster, varPlace, varJob, varPod, varInstance, varRunner, varCallback, varSlow}},
	{uidSLO, "SLO", []string{varMetrics, varCluster, varPlace, varJob, varRunner}},
	{uidRuntime, "Runner and runtime", []string{varMetrics, varTraces, varLogs, varCluster, varPlace, varJob, varPod, varInstance, varRunner}},
	{uidDurable, "Durable", []string{varMetrics, varTraces, varLogs, varCluster, varPlace, varJob, varPod, varInstance, varRunner, varCallback, varQueue}},
}

// shared are the variables that a link from one dashboard to another passes, as
// a part of its URL: those that both have. The callback is not among them.
// Callback has one at a time, and would be asked for one that is called All;
// the others would show one callback where a reader wants to see the runner.
func (b *board) shared(to string) string {
	var passed []string
	has := make(map[string]bool)
	for _, p := range places {
		if p.uid == b.uid {
			for _, name := range p.variables {
				has[name] = name != varCallback && name != varSlow && b.stores.has(name)
			}
		}
	}
	for _, p := range places {
		for _, name := range p.variables {
			if p.uid == to && has[name] {
				passed = append(passed, "${"+name+":queryparam}")
			}
		}
	}
	return strings.Join(passed, "&")
}

// navigation leads from this dashboard to another one.
func (b *board) navigation(to place) link {
	return link{dashboard.DashboardLink{
		Title: to.title, Type: dashboard.DashboardLinkTypeLink, Icon: "dashboard",
		Tooltip: "The same time range and variables", Url: ptr("/d/" + to.uid + "?" + b.shared(to.uid)),
		Tags: []string{}, KeepTime: true,
	}}
}

// link is built already. The SDK's builder would put it into a menu that only
// the newest Grafana has.
type link struct{ dashboard.DashboardLink }

func (l link) Build() (dashboard.DashboardLink, error) { return l.DashboardLink, nil }

// row begins a new row, with the first panel that is added.
func (b *board) row(title string) { b.pending = title }

func (b *board) beginRow() {
	title := b.pending
	if title == "" {
		return
	}
	b.pending = ""
	b.wrap()
	b.panels = append(b.panels, dashboard.PanelOrRowPanel{RowPanel: &dashboard.RowPanel{
		Type: "row", Id: query.PanelID("row: " + title), Title: &title,
		GridPos: &dashboard.GridPos{H: 1, W: columns, X: 0, Y: b.y},
		Panels:  []dashboard.Panel{},
	}})
	b.y++
}

// add places panels of one height. The first takes the place of those that are absent.
func (b *board) add(height uint32, panels ...cog.Builder[dashboard.Panel]) {
	present := slices.DeleteFunc(slices.Clone(panels), func(p cog.Builder[dashboard.Panel]) bool {
		v, ok := p.(view)
		return ok && v.absent
	})
	if len(present) == 0 {
		return
	}
	b.beginRow()
	wider := len(present) < len(panels)
	for i, builder := range present {
		p, err := builder.Build()
		if err != nil {
			if b.err == nil {
				b.err = fmt.Errorf("panel %d: %w", len(b.panels)+1, err)
			}
			return
		}
		width := p.GridPos.W
		if i == 0 && wider {
			width = columns
			for _, other := range present[1:] {
				if o, err := other.Build(); err == nil { // otherwise its turn comes
					width -= o.GridPos.W
				}
			}
		}
		if b.x+width > columns {
			b.wrap()
		}
		p.Id = ptr(query.PanelID(*p.Title))
		p.GridPos = &dashboard.GridPos{H: height, W: width, X: b.x, Y: b.y}
		b.panels = append(b.panels, dashboard.PanelOrRowPanel{Panel: &p})
		b.x += width
		b.height = max(b.height, height)
	}
}

// wrap begins a new line, unless it has begun already.
func (b *board) wrap() {
	b.y += b.height
	b.x, b.height = 0, 0
}

func (b *board) build() (dashboard.Dashboard, error) {
	d, err := b.builder.Build()
	if err != nil {
		return d, err
	}
	d.Panels = b.panels
	return d, b.err
}

// ref is a data source that a variable chooses.
func ref(kind, variable string) common.DataSourceRef {
	uid := "${" + variable + "}"
	return common.DataSourceRef{Type: &kind, Uid: &uid}
}

func ptr[T any](v T) *T { return &v }
