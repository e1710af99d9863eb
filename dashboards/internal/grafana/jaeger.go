package grafana

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// jaegerStore asks Jaeger: a service, an operation, and tags in logfmt.
type jaegerStore struct{}

func (jaegerStore) source() source {
	return source{"jaeger", "Jaeger", "Jaeger that keeps the service's traces"}
}

// of are the operation and the tags. Drains are found by the kind of their spans: no
// other span of this scope is internal, and a search takes one runner's name at most.
func (jaegerStore) of(s spans) (operation, tags string) {
	var all []string
	if s.callback == "" {
		all = append(all, "otel.scope.name="+names.ScopeName, "span.kind=internal")
	} else {
		operation = names.SpanProcess + " " + s.callback
	}
	if s.failed {
		all = append(all, "error=true")
	}
	return operation, strings.Join(all, " ")
}

func (j jaegerStore) search(s spans) variants.Dataquery {
	operation, tags := j.of(s)
	return JaegerQuery{
		RefID: "A", QueryType: "search", Service: "${job}", Operation: operation, Tags: tags,
		MinDuration: s.slower, Limit: limit, Datasource: ptr(j.source().ref(varTraces)),
	}
}

func (j jaegerStore) explore(s spans) map[string]any {
	operation, tags := j.of(s)
	return map[string]any{"queryType": "search", "service": "${job}", "operation": operation, "tags": tags, "limit": limit}
}

func (jaegerStore) columns() []dashboard.DashboardFieldConfigSourceOverrides {
	return []dashboard.DashboardFieldConfigSourceOverrides{
		override("Trace name", property("custom.hidden", true)),
		override("Start time", property("custom.width", 190)),
		override("Duration", property("custom.width", 110)),
	}
}

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
