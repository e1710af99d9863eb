package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/logs"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// failures are the messages of records about callbacks that did not do well.
var failures = []string{
	names.LogFailed, names.LogPanicked, names.LogTimedOut, names.LogCanceled,
	names.LogDropped, names.LogAbandoned, names.LogStuck, names.LogRejected,
}

// logStore asks what keeps the logs, in its own language. A callback is an expression of
// Grafana, such as ${callback}.
type logStore interface {
	source() source

	// failureLines asks for the failure records of callbacks, each as a line that says what went
	// wrong; of the runners that are chosen, or of all.
	failureLines(callback string, ofRunner bool) variants.Dataquery

	// explore is the same for a link to Explore about one callback, without its data source.
	explore(callback string) map[string]any

	// drainLines asks for the records of shutdowns, with what each lost.
	drainLines() variants.Dataquery

	// errors counts the failure records by the callback, the type and what went wrong, the ten
	// most frequent. The columns are how many there are, the first one and the last one. The
	// transformations make the table of the answer.
	errors(callback string, keys []key, columns []column) ([]variants.Dataquery, []dashboard.DataTransformerConfig)
}

// records shows log records.
func (b *board) records(p panel, ask func(logStore) variants.Dataquery) view {
	store := b.stores.logs
	if store == nil {
		return absent
	}
	p.unit = "none"
	v := p.view("logs", &logs.Options{
		ShowTime: true, WrapLogMessage: true, EnableLogDetails: true,
		SortOrder: common.LogsSortOrderDescending, DedupStrategy: common.LogsDedupStrategyNone,
	}, nil, nil)
	v.Datasource = ptr(store.source().ref(varLogs))
	v.Targets = []variants.Dataquery{ask(store)}
	return v
}

// toLogs asks for the failure records of a callback. Nothing leads to logs that nobody keeps.
func (b *board) toLogs(callback string) []dashboard.DashboardLink {
	if b.stores.logs == nil {
		return nil
	}
	return []dashboard.DashboardLink{explore("Logs", varLogs, b.stores.logs.explore(callback))}
}

// errorTable has a row for each thing that goes wrong.
func (b *board) errorTable(p panel, callback string, keys []key, columns []column) view {
	store := b.stores.logs
	if store == nil {
		return absent
	}
	v := p.table(keys, columns, columns[0].title, true)
	v.Datasource = ptr(store.source().ref(varLogs))
	v.Targets, v.Transformations = store.errors(callback, keys, columns)
	return v
}
