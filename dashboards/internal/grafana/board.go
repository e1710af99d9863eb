package grafana

import (
	"fmt"

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
	err     error // of the first panel that could not be built

	panels []dashboard.PanelOrRowPanel
	nextID uint32
	x, y   uint32 // where the next panel goes
	height uint32 // of the line it goes into
}

func newBoard(q query.Config, o Options, uid, title, description string) *board {
	b := dashboard.NewDashboardBuilder(title).Uid(uid).Description(description).
		Tags([]string{"afterglow"}).
		Timezone("browser").
		Time("now-3h", "now").
		Refresh("30s").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Editable()
	for _, l := range navigation(uid) {
		b.Link(l)
	}
	return &board{uid: uid, builder: b, config: q, options: o}
}

// navigation leads from a dashboard to the others, with time and variables.
func navigation(from string) []cog.Builder[dashboard.DashboardLink] {
	var links []cog.Builder[dashboard.DashboardLink]
	for _, to := range []struct{ uid, title string }{
		{uidOverview, "Overview"}, {uidCallback, "Callback"}, {uidSLO, "SLO"}, {uidRuntime, "Runner and runtime"},
	} {
		if to.uid != from {
			links = append(links, link{dashboard.DashboardLink{
				Title: to.title, Type: dashboard.DashboardLinkTypeLink, Icon: "dashboard",
				Tooltip: "The same time range and variables", Url: ptr("/d/" + to.uid),
				Tags: []string{}, IncludeVars: true, KeepTime: true,
			}})
		}
	}
	return links
}

// link is built already. The SDK's builder would put it into a menu that only
// the newest Grafana has.
type link struct{ dashboard.DashboardLink }

func (l link) Build() (dashboard.DashboardLink, error) { return l.DashboardLink, nil }

// row begins a new row.
func (b *board) row(title string) {
	b.wrap()
	b.nextID++
	b.panels = append(b.panels, dashboard.PanelOrRowPanel{RowPanel: &dashboard.RowPanel{
		Type: "row", Id: b.nextID, Title: &title,
		GridPos: &dashboard.GridPos{H: 1, W: columns, X: 0, Y: b.y},
		Panels:  []dashboard.Panel{},
	}})
	b.y++
}

// add places panels of one height.
func (b *board) add(height uint32, panels ...cog.Builder[dashboard.Panel]) {
	for _, builder := range panels {
		p, err := builder.Build()
		if err != nil {
			if b.err == nil {
				b.err = fmt.Errorf("panel %d: %w", b.nextID+1, err)
			}
			return
		}
		width := p.GridPos.W
		if b.x+width > columns {
			b.wrap()
		}
		b.nextID++
		id := b.nextID
		p.Id = &id
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
