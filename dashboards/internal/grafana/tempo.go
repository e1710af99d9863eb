package grafana

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/tempo"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// tempoStore asks Tempo, in TraceQL.
type tempoStore struct{}

func (tempoStore) source() source {
	return source{"tempo", "Tempo", "Tempo that keeps the service's traces"}
}

// of is TraceQL for spans.
func (tempoStore) of(s spans) string {
	all := []string{`resource.service.name = "${job}"`}
	if s.callback == "" {
		all = append(all, `kind = internal`, `name =~ "`+names.SpanDrain+` .*"`)
	} else {
		all = append(all, `name = "`+names.SpanProcess+" "+s.callback+`"`)
	}
	if s.failed {
		all = append(all, `status = error`)
	}
	if s.slower != "" {
		all = append(all, `duration > `+s.slower)
	}
	return "{ " + strings.Join(all, " && ") + " }"
}

// search asks for a row a span: a row a trace would have the duration of the trace.
func (t tempoStore) search(s spans) variants.Dataquery {
	return tempo.TempoQuery{
		RefId: ptr("A"), QueryType: ptr("traceql"), Query: ptr(t.of(s)), Limit: ptr(int64(limit)),
		TableType: ptr(tempo.SearchTableTypeSpans), Filters: []tempo.TraceqlFilter{}, Datasource: ptr(t.source().ref(varTraces)),
	}
}

func (t tempoStore) explore(s spans) map[string]any {
	return map[string]any{"queryType": "traceql", "query": t.of(s), "limit": limit, "tableType": "spans", "filters": []any{}}
}

func (tempoStore) columns() []dashboard.DashboardFieldConfigSourceOverrides {
	var all []dashboard.DashboardFieldConfigSourceOverrides
	for _, name := range []string{"Trace Service", "Trace Name", "Name"} {
		all = append(all, override(name, property("custom.hidden", true)))
	}
	return append(all,
		override("Start time", property("custom.width", 190)),
		override("Duration", property("custom.width", 110)))
}
