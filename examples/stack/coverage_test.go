package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// coverage counts what each query of each dashboard returned in each scenario: series,
// records or traces.
type coverage struct {
	boards []dashboard
	stored []dashboard // those whose logs are in VictoriaLogs, in its own syntax

	mu    sync.Mutex
	count map[query]map[string]int // by scenario; guarded by mu
}

func newCoverage(t *testing.T) *coverage {
	return &coverage{boards: dashboards(t), stored: victoriaBoards(t), count: make(map[query]map[string]int)}
}

// query is one of a panel or of an annotation.
type query struct {
	where, title string
	kind         string // of the panel
	source       string // the type of what it asks
	target       target
	none         string // what the panel says if the query returns nothing
}

// page opens a dashboard for all there is, or for one callback if it is about one.
func (c *coverage) page(t *testing.T, board dashboard, callback string) page {
	t.Helper()
	return c.pageOf(t, c.boards, board, callback)
}

// pageOf is the same of other dashboards.
func (c *coverage) pageOf(t *testing.T, boards []dashboard, board dashboard, callback string) page {
	t.Helper()
	address := "/d/" + board.UID
	for _, v := range board.Templating.List {
		if v.Name == "callback" && !v.IncludeAll {
			address += "?var-callback=" + callback
		}
	}
	p, err := openPage(t, boards, address)
	require.NoError(t, err)
	return p
}

// queries calls do with each query of the dashboards, and with the page that it is on.
func (c *coverage) queries(t *testing.T, callback string, do func(query, page)) {
	t.Helper()
	for _, board := range c.boards {
		if board.UID == durableBoard {
			continue // it has a test of its own
		}
		p := c.page(t, board, callback)
		each(board.Panels, func(v panel) {
			for i, tg := range v.Targets {
				do(query{
					fmt.Sprintf("%s, panel %d.%d", board.UID, v.ID, i+1), v.Title, v.Type, v.Datasource.Type, tg, v.FieldConfig.Defaults.NoValue,
				}, p)
			}
		})
		for _, a := range board.Annotations.List {
			// Over the hours of a dashboard, this is more than of a panel's minutes.
			expr := strings.ReplaceAll(a.Expr, "$__rate_interval", "2m")
			do(query{board.UID + ", annotation", a.Name, "annotation", "prometheus", target{Expr: expr}, ""}, p)
		}
	}
	for _, board := range c.stored {
		if board.UID == durableBoard {
			continue
		}
		p := c.pageOf(t, c.stored, board, callback)
		each(board.Panels, func(v panel) {
			if v.Datasource.Type == victoriaLogs { // the others are asked already
				for i, tg := range v.Targets {
					do(query{
						fmt.Sprintf("%s of VictoriaLogs, panel %d.%d", board.UID, v.ID, i+1), v.Title, v.Type, victoriaLogs, tg, v.FieldConfig.Defaults.NoValue,
					}, p)
				}
			}
		})
	}
}

func each(panels []panel, do func(panel)) {
	for _, p := range panels {
		do(p)
		each(p.Panels, do)
	}
}

// asks counts what a query returns. It returns false if the stack has nothing to ask.
func (ts *testStack) asks(source string, tg target) (n int, asked bool) {
	ts.t.Helper()
	switch source {
	case "prometheus":
		for _, s := range ts.queryRange(tg.Expr) {
			if slices.ContainsFunc(s.Values, func(v [2]any) bool { return v[1] != "NaN" }) {
				n++
			}
		}
		return n, true
	case "loki":
		if ts.victoriaLogsURL == "" {
			return 0, false
		}
		q, found := ts.records(tg.Expr)
		if len(found) > 0 && !q.groups {
			require.NotEmpty(ts.t, q.line(ts.t, found[0]), "a line of %s", tg.Expr)
		}
		return len(found), true
	case victoriaLogs:
		if ts.victoriaLogsURL == "" {
			return 0, false
		}
		return len(ts.victoria(tg)), true
	case "jaeger":
		if ts.jaegerURL == "" {
			return 0, false
		}
		return len(ts.search(tg)), true
	}
	require.Fail(ts.t, "unknown source", source)
	return 0, false
}

// measure asks all queries of a stack. Those that the scenario should fill are
// given the time of some scrapes; check says which of them were not.
func (c *coverage) measure(ts *testStack, scenario string) {
	type filled struct {
		query
		with target
	}
	var pending []filled
	c.queries(ts.t, culprit(scenario), func(q query, p page) { pending = append(pending, filled{q, p.filled(q.target)}) })
	for deadline := time.Now().Add(patience); len(pending) > 0 && time.Now().Before(deadline); {
		pending = slices.DeleteFunc(pending, func(f filled) bool {
			n, asked := ts.asks(f.source, f.with)
			if asked {
				c.note(f.query, scenario, n)
			}
			return n > 0 || !asked || f.filledBy() != scenario
		})
	}
}

func (c *coverage) note(q query, scenario string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count[q] == nil {
		c.count[q] = make(map[string]int)
	}
	c.count[q][scenario] = n
}

// nowhere is the scenario of what no scenario fills.
const nowhere = "none"

// fills says which scenario fills the panels and annotations that have nothing
// to show while all is well.
var fills = map[string]string{
	"Alerts":                                  trouble,
	"Callbacks that fail most":                trouble,
	"Firing now":                              trouble,
	"Its failed traces":                       trouble,
	"Its failures' logs":                      trouble,
	"What fails, by error":                    trouble,
	"Who spends the budget":                   trouble,
	"Its slow traces":                         "slow dependency",
	"Drains, and what they lost":              deploy,
	"Last drain":                              deploy,
	"Longest drain":                           deploy,
	"Lost after it was accepted, by callback": deploy,
	"Traces of drains":                        deploy,
	"Restarts":                                "scrape lost",
}

// filledBy is the scenario that a query must return something in.
func (q query) filledBy() string {
	if strings.Contains(q.target.Expr, "offset 1w") {
		return nowhere // a stack is minutes old: a test of dashboards/internal/grafana has a week
	}
	if scenario, ok := fills[q.title]; ok {
		return scenario
	}
	return healthy
}

// check prints all counts, and fails for each query that returned nothing in
// the scenario that should fill it, if that was among those that were run. A panel
// that is empty while all is well must say so in words of its own.
func (c *coverage) check(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return // some scenarios have not come so far
	}
	var table strings.Builder
	fmt.Fprintln(&table, "what each query returned, by scenario:")
	for i, sc := range scenarios {
		fmt.Fprintf(&table, "%3d: %s\n", i+1, sc.name)
	}
	for i := range scenarios {
		fmt.Fprintf(&table, "%3d ", i+1)
	}
	c.queries(t, "order.webhook", func(q query, _ page) {
		table.WriteString("\n")
		for _, sc := range scenarios {
			n, run := c.count[q][sc.name]
			if !run {
				table.WriteString("  - ")
				continue
			}
			fmt.Fprintf(&table, "%3d ", n)
		}
		fmt.Fprintf(&table, " %s: %s", q.where, q.title)
		scenario := q.filledBy()
		if n, run := c.count[q][scenario]; run && n == 0 {
			t.Errorf("%s: %s: not filled by the scenario %q: %v", q.where, q.title, scenario, q.target)
		}
		if n, run := c.count[q][healthy]; run && n == 0 && scenario != nowhere && !q.saysNone() {
			t.Errorf("%s: %s: says that there is no data while all is well", q.where, q.title)
		}
	})
	t.Log(table.String())
}

// saysNone reports whether a panel says something better than "No data" if this query
// returns nothing. A state timeline does not heed what it is to say.
func (q query) saysNone() bool {
	return q.kind == "annotation" || q.none != "" && q.kind != "state-timeline"
}
