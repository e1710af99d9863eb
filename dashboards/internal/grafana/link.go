package grafana

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The dashboards' uids. Alerts link to them.
const (
	uidOverview = "afterglow-overview"
	uidCallback = "afterglow-callback"
	uidSLO      = "afterglow-slo"
	uidRuntime  = "afterglow-runtime"
	uidDurable  = "afterglow-durable"
)

// dataLink is followed from a point or a series.
func dataLink(title, to string, newTab bool) dashboard.DashboardLink {
	return dashboard.DashboardLink{
		Title: title, Url: &to, TargetBlank: newTab, Type: dashboard.DashboardLinkTypeLink, Tags: []string{},
	}
}

// What a link takes from what it is followed from: from a series one of its
// labels, from a row of a table one of its cells.
func ofSeries(label string) string { return "${__field.labels." + label + "}" }
func ofRow(label string) string    { return "${__data.fields." + label + "}" }

// to leads to a dashboard, with the variables of this one, except those that are
// given as name and value.
func (b *board) to(uid, title string, given ...string) dashboard.DashboardLink {
	passed := b.shared(uid)
	var own []string
	for i := 0; i < len(given); i += 2 {
		passed = strings.Trim(strings.Replace("&"+passed+"&", "&${"+given[i]+":queryparam}&", "&", 1), "&")
		own = append(own, "var-"+given[i]+"="+given[i+1])
	}
	return dataLink(title, "/d/"+uid+"?"+strings.Join(append(own, passed, "${__url_time_range}"), "&"), false)
}

// ofPlaceOfRow are the variables of where a row's process runs; see [inPlace].
var ofPlaceOfRow = []string{varCluster, ofRow(inCluster), varPlace, ofRow(inNamespace)}

// toCallback leads from a series that has the label callback to its dashboard.
func (b *board) toCallback() dashboard.DashboardLink {
	return b.to(uidCallback, "Callback "+ofSeries(varCallback), varCallback, ofSeries(varCallback))
}

// toCallbackAndSignals leads from such a series to its dashboard, its traces and its logs.
func (b *board) toCallbackAndSignals(failed bool) []dashboard.DashboardLink {
	of := ofSeries(varCallback)
	return slices.Concat([]dashboard.DashboardLink{b.toCallback()}, b.toTraces(spans{callback: of, failed: failed}), b.toLogs(of))
}

// toCallbackOfRow leads there from a row of a table.
func (b *board) toCallbackOfRow() dashboard.DashboardLink {
	return b.to(uidCallback, "Callback "+ofRow(varCallback), slices.Concat(ofPlaceOfRow, []string{varCallback, ofRow(varCallback), varRunner, ofRow(varRunner)})...)
}

// toRuntime leads to the processes.
func (b *board) toRuntime() dashboard.DashboardLink {
	return b.to(uidRuntime, "Runner and runtime, by instance")
}

// toInstance leads from a series that has the label instance to that process.
func (b *board) toInstance() dashboard.DashboardLink {
	return b.to(uidRuntime, "Instance "+ofSeries(varInstance), varInstance, ofSeries(varInstance))
}

// toInstanceOfRow leads there from a row of a table.
func (b *board) toInstanceOfRow() dashboard.DashboardLink {
	return b.to(uidRuntime, "Instance "+ofRow(varInstance), slices.Concat(ofPlaceOfRow, []string{varInstance, ofRow(varInstance)})...)
}

// toSLO leads to what the budget is made of.
func (b *board) toSLO() dashboard.DashboardLink { return b.to(uidSLO, "SLO") }

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
	escaped = formatted.ReplaceAllString(escaped, "$${$1:")
	return dataLink(title, "/explore?schemaVersion=1&orgId=1&panes="+closeBraces(escaped), true)
}

// formatted is a variable that says how its values are written.
var formatted = regexp.MustCompile(`\$\{(\w+)%3A`)

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
