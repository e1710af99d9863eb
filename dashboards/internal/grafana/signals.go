package grafana

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/logs"
	"github.com/grafana/grafana-foundation-sdk/go/loki"
	"github.com/grafana/grafana-foundation-sdk/go/table"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// failures are the messages of records about callbacks that did not do well.
var failures = []string{
	names.LogFailed, names.LogPanicked, names.LogTimedOut, names.LogCanceled,
	names.LogDropped, names.LogAbandoned, names.LogStuck, names.LogRejected,
}

// logsOf is LogQL for the failure records of the service's callbacks. The keys
// are fields of JSON lines, or structured metadata if the records came by OTLP:
// then there is no JSON, which is no error.
func logsOf(callback string) string {
	return `{service_name="${job}"} |~ "` + strings.Join(failures, "|") + `" | json | drop __error__, __error_details__ | ` +
		names.KeyCallback + `=~"` + callback + `"`
}

// records shows log records.
func (p panel) records(expr string) view {
	p.unit = "none"
	v := p.view("logs", &logs.Options{
		ShowTime: true, WrapLogMessage: true, EnableLogDetails: true,
		SortOrder: common.LogsSortOrderDescending, DedupStrategy: common.LogsDedupStrategyNone,
	}, nil, "")
	source := ref("loki", varLogs)
	v.Datasource = &source
	v.Targets = []variants.Dataquery{loki.Dataquery{
		Expr: expr, QueryType: ptr("range"), MaxLines: ptr(int64(100)), RefId: ptr("A"), Datasource: &source,
	}}
	return v
}

// JaegerQuery is a search as Grafana's Jaeger data source takes it; the SDK has
// no type for it.
type JaegerQuery struct {
	RefID      string                `json:"refId"`
	QueryType  string                `json:"queryType"`
	Service    string                `json:"service"`
	Operation  string                `json:"operation"`
	Tags       string                `json:"tags"`
	Limit      int                   `json:"limit"`
	Datasource *common.DataSourceRef `json:"datasource"`
}

// ImplementsDataqueryVariant marks a query for the SDK.
func (JaegerQuery) ImplementsDataqueryVariant() {}

// DataqueryType is the kind of its data source.
func (JaegerQuery) DataqueryType() string { return "jaeger" }

// Equals reports whether two queries are the same one.
func (q JaegerQuery) Equals(other variants.Dataquery) bool {
	o, ok := other.(JaegerQuery)
	return ok && o == q
}

// Validate finds nothing wrong.
func (JaegerQuery) Validate() error { return nil }

// traces lists spans by operation and tags, as a table that links to each.
func (p panel) traces(operation, tags string) view {
	p.unit = "none"
	options := table.NewOptions()
	options.Footer = nil
	v := p.view("table", options, &table.FieldConfig{}, "")
	source := ref("jaeger", varTraces)
	v.Datasource = &source
	v.Targets = []variants.Dataquery{JaegerQuery{
		RefID: "A", QueryType: "search", Service: "${job}", Operation: operation, Tags: tags, Limit: 20, Datasource: &source,
	}}
	return v
}
