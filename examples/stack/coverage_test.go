package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// coverage counts the series that each query of each dashboard returned in each
// scenario.
type coverage struct {
	boards []dashboard

	mu    sync.Mutex
	count map[query]map[string]int // by scenario; guarded by mu
}

func newCoverage(t *testing.T) *coverage {
	return &coverage{boards: dashboards(t), count: make(map[query]map[string]int)}
}

// substitute fills a dashboard's variables in.
var substitute = strings.NewReplacer(
	"$__rate_interval", "10s", "$__interval", "1s", "$__range", "1m",
	"${job}", "afterglow-shop", "$job", "afterglow-shop",
	"$instance", ".*", "$runner", ".*", "$callback", ".*",
)

// query is one of a panel or of an annotation.
type query struct{ where, title, expr string }

// queries calls do with each query of the dashboards that Prometheus answers.
func (c *coverage) queries(do func(query)) {
	for _, board := range c.boards {
		each(board.Panels, func(p panel) {
			for i, target := range p.Targets {
				if p.Datasource.Type == "prometheus" {
					do(query{fmt.Sprintf("%s, panel %d.%d", board.UID, p.ID, i+1), p.Title, substitute.Replace(target.Expr)})
				}
			}
		})
		for _, a := range board.Annotations.List {
			// Over the hours of a dashboard, this is more than of a panel's minutes.
			expr := strings.ReplaceAll(a.Expr, "$__rate_interval", "2m")
			do(query{board.UID + ", annotation", a.Name, substitute.Replace(expr)})
		}
	}
}

func each(panels []panel, do func(panel)) {
	for _, p := range panels {
		do(p)
		each(p.Panels, do)
	}
}

// measure asks all queries of a stack. Those that the scenario should fill are
// given the time of some scrapes.
func (c *coverage) measure(ts *testStack, scenario string) {
	c.queries(func(q query) {
		n := 0
		ts.eventually(func() bool {
			n = 0
			for _, s := range ts.queryRange(q.expr) {
				if slices.ContainsFunc(s.Values, func(v [2]any) bool { return v[1] != "NaN" }) {
					n++
				}
			}
			return n > 0 || q.filledBy() != scenario
		}, "%s: %s is filled by: %s", q.where, q.title, q.expr)
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.count[q] == nil {
			c.count[q] = make(map[string]int)
		}
		c.count[q][scenario] = n
	})
}

// fills says which scenario fills the panels and annotations that have nothing
// to show while all is well.
var fills = map[string]string{
	"Alerts":                   "panic storm",
	"Callbacks that fail most": "panic storm",
	"Who spends the budget":    "panic storm",
	"Longest drain":            "drain with work left",
	"Last drain":               "drain with work left",
	"Restarts":                 "scrape lost",
}

// filledBy is the scenario that a query must return something in.
func (q query) filledBy() string {
	if scenario, ok := fills[q.title]; ok {
		return scenario
	}
	return "healthy"
}

// check prints all counts, and fails for each query that returned nothing in
// the scenario that should fill it, if that was among those that were run.
func (c *coverage) check(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return // some scenarios have not come so far
	}
	var table strings.Builder
	fmt.Fprintln(&table, "series by scenario and query:")
	for i, sc := range scenarios {
		fmt.Fprintf(&table, "%3d: %s\n", i+1, sc.name)
	}
	for i := range scenarios {
		fmt.Fprintf(&table, "%3d ", i+1)
	}
	c.queries(func(q query) {
		table.WriteString("\n")
		for _, sc := range scenarios {
			fmt.Fprintf(&table, "%3d ", c.count[q][sc.name])
		}
		fmt.Fprintf(&table, " %s: %s", q.where, q.title)
		scenario := q.filledBy()
		if n, run := c.count[q][scenario]; run && n == 0 {
			t.Errorf("%s: %s: not filled by the scenario %q: %s", q.where, q.title, scenario, q.expr)
		}
	})
	t.Log(table.String())
}
