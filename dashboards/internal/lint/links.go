package lint

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Board is a dashboard as links to it know it.
type Board struct {
	UID string
	All map[string]bool // by variable, whether it can stand for all values
}

// NewBoard reads it from a dashboard's JSON.
func NewBoard(text []byte) (Board, error) {
	var d dashboard.Dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		return Board{}, err
	}
	return boardOf(d), nil
}

func boardOf(d dashboard.Dashboard) Board {
	b := Board{All: make(map[string]bool)}
	if d.Uid != nil {
		b.UID = *d.Uid
	}
	for _, v := range d.Templating.List {
		b.All[v.Name] = v.IncludeAll != nil && *v.IncludeAll
	}
	return b
}

// variable is one of Grafana's, as it may be written.
var variable = regexp.MustCompile(`\$(?:\{([A-Za-z_]\w*)[^}]*\}|([A-Za-z_]\w*))`)

// variables checks that each is used and that none is missing. A definition
// that uses a variable does not count for that variable itself.
func variables(d dashboard.Dashboard, raw any, report reporter) {
	defined := make(map[string]bool)
	for _, v := range d.Templating.List {
		defined[v.Name] = false
	}
	used := make(map[string]bool)
	each(raw, nil, func(path []string, s string) {
		// A link that passes a variable on does not use it.
		if path[len(path)-1] == "url" && strings.HasPrefix(s, "/d/") {
			s = passed.ReplaceAllString(s, "")
		}
		for _, m := range variable.FindAllStringSubmatch(s, -1) {
			name := m[1] + m[2]
			if !strings.HasPrefix(name, "__") {
				used[name] = true
			}
		}
	})
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if _, ok := defined[name]; !ok {
			report("variable %s is used and not defined", name)
		}
	}
	for name := range defined {
		if !used[name] {
			report("variable %s is not used", name)
		}
	}
}

var (
	// passed is a variable that a link passes on, as it is.
	passed = regexp.MustCompile(`\$\{([A-Za-z_]\w*):queryparam\}`)
	// given is one that it gives a value.
	given = regexp.MustCompile(`[?&]var-([A-Za-z_]\w*)=`)
)

// links checks that those to dashboards lead to one that can take the variables,
// and that Explore can read those to it.
func links(d dashboard.Dashboard, raw any, boards []Board, report reporter) {
	from := boardOf(d)
	for _, l := range d.Links {
		if to, ok := find(boards, l.Url); ok && l.IncludeVars {
			for _, name := range slices.Sorted(maps.Keys(from.All)) {
				from.passes(name, to, report)
			}
		}
	}
	each(raw, nil, func(path []string, s string) {
		if path[len(path)-1] != "url" {
			return
		}
		if to, ok := strings.CutPrefix(s, "/explore?"); ok && !readable(to) {
			report("Explore cannot read the link %s", s)
		}
		if !strings.HasPrefix(s, "/d/") {
			return
		}
		to, ok := find(boards, &s)
		if !ok {
			report("a link leads to dashboard %s, which does not exist", to.UID)
			return
		}
		for _, m := range passed.FindAllStringSubmatch(s, -1) {
			from.passes(m[1], to, report)
		}
		for _, m := range given.FindAllStringSubmatch(s, -1) {
			if _, has := to.All[m[1]]; !has {
				report("a link passes %s to %s, which has no such variable", m[1], to.UID)
			}
		}
	})
}

// find returns the dashboard that a link leads to, at least its uid.
func find(boards []Board, url *string) (Board, bool) {
	if url == nil {
		return Board{}, false
	}
	uid, _, _ := strings.Cut(strings.TrimPrefix(*url, "/d/"), "?")
	for _, b := range boards {
		if b.UID == uid {
			return b, true
		}
	}
	return Board{UID: uid}, false
}

// passes checks that a variable's value can be that of another dashboard. One
// without All asks for what is called All, and finds nothing.
func (b Board) passes(name string, to Board, report reporter) {
	all, has := to.All[name]
	switch {
	case !has:
		report("a link passes %s to %s, which has no such variable", name, to.UID)
	case b.All[name] && !all:
		report("a link passes %s to %s, which has no All for it", name, to.UID)
	}
}

// readable reports whether what Explore is given has a query for a data source.
func readable(to string) bool {
	values, err := url.ParseQuery(variable.ReplaceAllString(to, "x"))
	if err != nil {
		return false
	}
	var panes map[string]struct {
		Datasource string
		Queries    []struct {
			RefID      string
			Datasource struct{ UID string }
		}
		Range struct{ From, To string }
	}
	if json.Unmarshal([]byte(values.Get("panes")), &panes) != nil || len(panes) == 0 {
		return false
	}
	for _, p := range panes {
		if p.Datasource == "" || len(p.Queries) == 0 || p.Queries[0].RefID == "" || p.Queries[0].Datasource.UID == "" || p.Range.From == "" {
			return false
		}
	}
	return true
}
