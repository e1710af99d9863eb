package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
)

// JaegerQuery is a search as Grafana's Jaeger data source takes it; the SDK has
// no type for it.
type JaegerQuery struct {
	RefID       string                `json:"refId"`
	QueryType   string                `json:"queryType"`
	Service     string                `json:"service"`
	Operation   string                `json:"operation,omitempty"`
	Tags        string                `json:"tags"`
	MinDuration string                `json:"minDuration,omitempty"`
	Limit       int                   `json:"limit"`
	Datasource  *common.DataSourceRef `json:"datasource"`
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
