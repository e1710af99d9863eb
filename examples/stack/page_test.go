package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// page is a dashboard that is open, with a value for each of its variables.
type page struct {
	t      *testing.T
	board  dashboard
	values map[string]string
	panel  string // the id of the one that is shown alone, if any
}

// everything is the value of a variable that stands for all.
const everything = "$__all"

// openPage follows a link to a dashboard. A link that has a variable which the dashboard
// has not, or leaves one open that the dashboard cannot do without, is an error.
func openPage(t *testing.T, boards []dashboard, address string) (p page, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return p, err
	}
	i := slices.IndexFunc(boards, func(d dashboard) bool { return u.Path == "/d/"+d.UID })
	if i < 0 {
		return p, fmt.Errorf("no dashboard is at %s", address)
	}
	p = page{t: t, board: boards[i], values: make(map[string]string), panel: u.Query().Get("viewPanel")}
	given := make(map[string]string)
	for name, values := range u.Query() {
		if name, found := strings.CutPrefix(name, "var-"); found {
			given[name] = strings.Join(values, "|")
		}
	}
	for _, v := range p.board.Templating.List {
		value, found := given[v.Name]
		delete(given, v.Name)
		switch all := value == everything || value == "All"; {
		case v.Type == "datasource":
			value = fmt.Sprint(v.Query)
		case v.Type == "custom" && !found:
			value = fmt.Sprint(v.Current.Value)
		case v.IncludeAll && (!found || all):
			value = everything
		case !found && v.Name == "job":
			value = shopJob // the only one, so the first of those that Grafana finds
		case !found, all, value == "" && v.Name == "callback": // a label that is empty is a value, too
			return p, fmt.Errorf("%s needs one %s, and has no page for all: %s", p.board.UID, v.Name, address)
		}
		p.values[v.Name] = value
	}
	if len(given) > 0 {
		return p, fmt.Errorf("%s has no such variables: %v: %s", p.board.UID, given, address)
	}
	return p, nil
}

// shopJob is what Prometheus, Jaeger and Loki call the shop.
const shopJob = "afterglow-shop"

// windows are the lengths of time that Grafana fills in.
var windows = map[string]string{"__rate_interval": "10s", "__interval": "1s", "__range": "2m"}

// reference is one to a variable. $1 is none: PromQL has it for a part of a match.
var reference = regexp.MustCompile(`\$\{([^}:]+)(?::(\w+))?\}|\$([A-Za-z_]\w*)`)

// ofSeries is a reference to a label of the series, or to a cell of the row, that a link
// belongs to.
var ofSeries = regexp.MustCompile(`\$\{__(?:field\.labels|data\.fields)\.(\w+)\}`)

// fill puts values in the place of variables. Each label of labels is that of the series,
// or the cell of the row, that a link belongs to.
func (p page) fill(text string, labels map[string]string) string {
	p.t.Helper()
	return reference.ReplaceAllStringFunc(text, func(match string) string {
		m := reference.FindStringSubmatch(match)
		name, format := m[1]+m[3], m[2]
		if m := ofSeries.FindStringSubmatch(match); m != nil {
			value, has := labels[strings.ToLower(m[1])] // a column begins with a capital
			require.True(p.t, has, "%s: there is no %s among %v", text, m[1], labels)
			return url.QueryEscape(value)
		}
		switch name {
		case "__url_time_range":
			return "from=now-15m&to=now"
		case "__from", "__to":
			return "0"
		}
		value, found := windows[name]
		if !found {
			value, found = p.values[name]
			require.True(p.t, found, "%s has no variable %s: %s", p.board.UID, name, text)
		}
		switch {
		case format == "queryparam":
			return "var-" + name + "=" + url.QueryEscape(value)
		case value == everything:
			return ".*"
		case format == "regex":
			return regexp.QuoteMeta(value)
		}
		return value
	})
}

// variablesOf are the variables that another dashboard has, too, as Grafana hands them on.
func (p page) variablesOf(boards []dashboard, uid string) string {
	handed := make(url.Values)
	for _, board := range boards {
		for _, v := range board.Templating.List {
			if value, has := p.values[v.Name]; has && board.UID == uid {
				handed.Set("var-"+v.Name, value)
			}
		}
	}
	return handed.Encode()
}

// find returns the panel with a title.
func (p page) find(title string) panel {
	p.t.Helper()
	var found []panel
	each(p.board.Panels, func(q panel) {
		if q.Title == title && q.Type != "row" {
			found = append(found, q)
		}
	})
	require.Len(p.t, found, 1, "%s: the panel %q", p.board.UID, title)
	return found[0]
}

// filled is what a panel asks, with the variables' values.
func (p page) filled(tg target) target {
	p.t.Helper()
	for _, text := range []*string{&tg.Expr, &tg.Service, &tg.Operation, &tg.Tags, &tg.MinDuration} {
		*text = p.fill(*text, nil)
	}
	return tg
}

// explore says what a link to Grafana's Explore asks.
func (p page) explore(address string, labels map[string]string) target {
	p.t.Helper()
	u, err := url.Parse(p.fill(address, labels))
	require.NoError(p.t, err)
	require.Equal(p.t, "/explore", u.Path)
	var panes map[string]struct{ Queries []target }
	require.NoError(p.t, json.Unmarshal([]byte(u.Query().Get("panes")), &panes), address)
	require.Len(p.t, panes, 1)
	for _, pane := range panes {
		require.Len(p.t, pane.Queries, 1)
		return pane.Queries[0]
	}
	return target{}
}

func TestALinkLeadsOnlyWhereItCanBeFollowed(t *testing.T) {
	boards := []dashboard{{UID: "one"}, {UID: "all"}}
	boards[0].Templating.List = []variable{{Name: "metrics", Type: "datasource", Query: "prometheus"}, {Name: "job"}, {Name: "callback"}}
	boards[1].Templating.List = []variable{{Name: "callback", IncludeAll: true}}

	p, err := openPage(t, boards, "http://localhost:3000/d/one?var-callback=order.email&viewPanel=3&from=now-1h")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"metrics": "prometheus", "job": shopJob, "callback": "order.email"}, p.values)
	require.Equal(t, "3", p.panel)
	require.Equal(t, `a{callback="order.email"}[10s] var-callback=order.email x+y`,
		p.fill(`a{callback="$callback"}[$__rate_interval] ${callback:queryparam} ${__field.labels.name}`, map[string]string{"name": "x y"}))
	for _, address := range []string{"/d/all", "/d/all?var-callback=All", "/d/all?var-callback=$__all"} {
		p, err = openPage(t, boards, address)
		require.NoError(t, err)
		require.Equal(t, ".*", p.fill("${callback}", nil))
	}
	for address, says := range map[string]string{
		"/d/two":                  "no dashboard",
		"/d/all?var-job=shop":     "no such variables",
		"/d/one":                  "no page for all",
		"/d/one?var-callback=":    "no page for all",
		"/d/one?var-callback=All": "no page for all",
	} {
		_, err := openPage(t, boards, address)
		require.ErrorContains(t, err, says, address)
	}
}
