package grafana

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// The dashboards' uids. Alerts link to them.
const (
	uidOverview = "afterglow-overview"
	uidCallback = "afterglow-callback"
	uidSLO      = "afterglow-slo"
	uidRuntime  = "afterglow-runtime"
)

const same = "${datasource:queryparam}&${job:queryparam}&${runner:queryparam}&${__url_time_range}"

// dataLink is followed from a point or a series.
func dataLink(title, to string, newTab bool) dashboard.DashboardLink {
	return dashboard.DashboardLink{
		Title: title, Url: &to, TargetBlank: newTab, Type: dashboard.DashboardLinkTypeLink, Tags: []string{},
	}
}

// toCallback leads from a series that has the label callback to its dashboard.
func toCallback() dashboard.DashboardLink {
	return dataLink("Callback ${__field.labels.callback}",
		"/d/"+uidCallback+"?var-callback=${__field.labels.callback}&"+same, false)
}

// toRuntime leads to the processes.
func toRuntime() dashboard.DashboardLink {
	return dataLink("Runner and runtime, by instance", "/d/"+uidRuntime+"?"+same, false)
}

// toSLO leads to what the budget is made of.
func toSLO() dashboard.DashboardLink { return dataLink("SLO", "/d/"+uidSLO+"?"+same, false) }

// toTraces searches Jaeger for the spans of a callback, which is an expression
// such as ${callback}; tags are in logfmt.
func toTraces(callback, tags string) dashboard.DashboardLink {
	return explore("Traces", varTraces, map[string]any{
		"queryType": "search", "service": "${job}", "operation": names.SpanProcess + " " + callback, "tags": tags, "limit": 20,
	})
}

// toLogs searches Loki for the records of a callback.
func toLogs(callback string) dashboard.DashboardLink {
	return explore("Logs", varLogs, map[string]any{
		"expr": logsOf(callback), "queryType": "range",
	})
}

// explore opens Grafana's Explore with a query, over the dashboard's time.
func explore(title, variable string, q map[string]any) dashboard.DashboardLink {
	source := "${" + variable + "}"
	q["refId"] = "A"
	q["datasource"] = map[string]string{"uid": source}
	panes, err := json.Marshal(map[string]any{"a": map[string]any{
		"datasource": source,
		"queries":    []any{q},
		"range":      map[string]string{"from": "${__from}", "to": "${__to}"},
	}})
	if err != nil {
		panic(err) // strings and numbers can be marshaled
	}
	// Grafana has to see its variables, so they stay as they are.
	escaped := strings.NewReplacer("%24%7B", "${", "%7D", "}", "+", "%20").Replace(url.QueryEscape(string(panes)))
	return dataLink(title, "/explore?schemaVersion=1&orgId=1&panes="+closeBraces(escaped), true)
}

// closeBraces escapes each closing brace that does not end a variable.
func closeBraces(s string) string {
	var b strings.Builder
	open := false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '$' && i+1 < len(s) && s[i+1] == '{':
			open = true
			b.WriteByte(c)
		case c == '}' && !open:
			b.WriteString("%7D")
		default:
			if c == '}' {
				open = false
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}
