package lint

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/loki"
	"github.com/grafana/grafana-foundation-sdk/go/tempo"
)

// sources checks that each data source is one that the dashboard has a variable for, of
// the variable's kind; and that each query, of a panel or of a link to Explore, is in the
// syntax of its kind.
func sources(d dashboard.Dashboard, raw any, report reporter) {
	kinds := make(map[string]string) // by variable
	for _, v := range d.Templating.List {
		if v.Type == "datasource" && v.Query != nil && v.Query.String != nil {
			kinds["${"+v.Name+"}"] = *v.Query.String
		}
	}
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["datasource"].(map[string]any); ok && ref["type"] != nil && kinds[text(ref["uid"])] != text(ref["type"]) {
				report("data source %v is of the kind %v, and its variable of %q", ref["uid"], ref["type"], kinds[text(ref["uid"])])
			}
			for _, of := range v {
				visit(of)
			}
		case []any:
			for _, of := range v {
				visit(of)
			}
		}
	}
	visit(raw)
	for _, p := range d.Panels {
		if p.Panel == nil || p.Panel.Datasource == nil || p.Panel.Datasource.Type == nil {
			continue
		}
		for _, t := range p.Panel.Targets {
			if !speaks(*p.Panel.Datasource.Type, fields(t)) {
				report("%s: a query that %s does not know: %v", *orNone(p.Panel.Title), *p.Panel.Datasource.Type, fields(t))
			}
		}
	}
	each(raw, nil, func(path []string, s string) {
		if to, ok := strings.CutPrefix(s, "/explore?"); ok && path[len(path)-1] == "url" {
			for variable, q := range explored(to) {
				if !speaks(kinds[variable], q) {
					report("a link asks %s (%q) what it does not know: %v", variable, kinds[variable], q)
				}
			}
		}
	})
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// fields are those of a query, whatever the SDK makes of it.
func fields(t variants.Dataquery) map[string]any {
	b, err := json.Marshal(t)
	if err != nil {
		return nil
	}
	var found map[string]any
	if json.Unmarshal(b, &found) != nil {
		return nil
	}
	return found
}

// explored are the queries of a link to Explore, by the variable of their data source.
func explored(to string) map[string]map[string]any {
	values, err := url.ParseQuery(strings.NewReplacer("${", "%24%7B").Replace(to))
	if err != nil {
		return nil
	}
	var panes map[string]struct{ Queries []map[string]any }
	if json.Unmarshal([]byte(values.Get("panes")), &panes) != nil {
		return nil
	}
	found := make(map[string]map[string]any)
	for _, p := range panes {
		for _, q := range p.Queries {
			ref, _ := q["datasource"].(map[string]any)
			found[text(ref["uid"])] = q
		}
	}
	return found
}

// speaks reports whether a query is one of a kind of data source, as far as its fields and
// the signs of its language say.
func speaks(kind string, q map[string]any) bool {
	expr, query := text(q["expr"]), text(q["query"])
	switch kind {
	case "prometheus":
		return expr != ""
	case "jaeger":
		return q["queryType"] == "search" && q["service"] != nil && expr+query == ""
	case "tempo":
		return q["queryType"] == "traceql" && expr == "" && q["tableType"] == string(tempo.SearchTableTypeSpans) &&
			strings.HasPrefix(query, "{ ") && strings.HasSuffix(query, " }") && strings.Contains(query, "resource.service.name")
	case "loki":
		return slices.Contains([]any{string(loki.LokiQueryTypeRange), string(loki.LokiQueryTypeInstant)}, q["queryType"]) && strings.Contains(expr, "{") &&
			strings.Contains(expr, "|~ ") && !strings.Contains(expr, "_msg")
	case "victoriametrics-logs-datasource":
		return q["queryType"] == "instant" && strings.Contains(expr, ` _msg:~"`) && !strings.Contains(expr, "|~ ") && !strings.Contains(expr, "line_format")
	}
	return false
}
