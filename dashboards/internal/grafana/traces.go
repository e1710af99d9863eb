package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/table"
)

// spans says which spans to search for: those of a callback, or of drains.
type spans struct {
	callback string // an expression of Grafana, such as ${callback}; "": drains of all runners
	failed   bool   // only those that ended in an error
	slower   string // only those that took longer than this expression says, if it is not empty
}

// traceStore searches what keeps the traces, in its own syntax.
type traceStore interface {
	source() source

	// search is the query of a panel.
	search(spans) variants.Dataquery

	// explore is that of a link to Explore, without its data source.
	explore(spans) map[string]any

	// columns are those of its answer that have a width of their own, or none.
	columns() []dashboard.DashboardFieldConfigSourceOverrides
}

// limit is how many traces are found at most.
const limit = 20

// traces lists spans, as a table that links to each. Their name is that of the panel.
func (b *board) traces(p panel, of spans) view {
	store := b.stores.traces
	if store == nil {
		return absent
	}
	p.unit = "none"
	p.overrides = append(p.overrides, store.columns()...)
	v := p.view("table", tableOptions("", false), &table.FieldConfig{Align: common.FieldTextAlignmentAuto}, nil)
	v.Datasource = ptr(store.source().ref(varTraces))
	v.Targets = []variants.Dataquery{store.search(of)}
	return v
}

// toTraces searches for spans. Nothing leads to traces that nobody keeps.
func (b *board) toTraces(of spans) []dashboard.DashboardLink {
	if b.stores.traces == nil {
		return nil
	}
	return []dashboard.DashboardLink{explore("Traces", varTraces, b.stores.traces.explore(of))}
}
