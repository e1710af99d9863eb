package main

import (
	"strings"

	"github.com/stretchr/testify/require"
)

// follow follows the links of all panels where one callback is in trouble, from what is
// about that one.
func (c *coverage) follow(ts *testStack, scenario string) {
	ts.t.Helper()
	if scenario != trouble {
		return
	}
	followed := 0
	for _, board := range c.boards {
		p := c.page(ts.t, board, culprit(scenario))
		each(board.Panels, func(v panel) {
			for _, l := range v.links(ts.t) {
				labels, found := ts.labels(p, v, l, culprit(scenario))
				if !found {
					continue // of a panel that another scenario fills
				}
				followed++
				switch address := p.fill(l.URL, labels); {
				case strings.HasPrefix(address, "/d/"):
					_, err := openPage(ts.t, c.boards, address)
					require.NoError(ts.t, err, "%s: %s: %s", board.UID, v.Title, l.Title)
				case strings.HasPrefix(address, "/explore?"):
					tg := p.explore(l.URL, labels)
					source := "loki"
					if tg.QueryType == "search" {
						source = "jaeger"
					}
					ts.eventually(func() bool {
						n, _ := ts.asks(source, tg)
						return n > 0
					}, "%s: %s: %s leads to something: %v", board.UID, v.Title, l.Title, tg)
				}
			}
		})
	}
	require.Greater(ts.t, followed, 20, "links are found at all")
	c.followStored(ts, culprit(scenario))
}

// followStored follows the links to VictoriaLogs, and compares what its panels say.
func (c *coverage) followStored(ts *testStack, callback string) {
	ts.t.Helper()
	followed := 0
	for _, board := range c.stored {
		p := c.pageOf(ts.t, c.stored, board, callback)
		each(board.Panels, func(v panel) {
			for _, l := range v.links(ts.t) {
				labels, found := ts.labels(p, v, l, callback)
				if !found || l.Title != "Logs" {
					continue
				}
				followed++
				tg := p.explore(l.URL, labels)
				ts.eventually(func() bool { return len(ts.victoria(tg)) > 0 }, "%s: %s: leads to something: %v", board.UID, v.Title, tg)
			}
		})
	}
	require.Greater(ts.t, followed, 5, "links are found at all")
	c.saysTheSame(ts, "afterglow-callback", panelLogs, callback)
	c.sameErrors(ts, callback)
}

// labels are those of the first series of a panel that has what a link needs, and is
// about the callback if the panel tells callbacks apart.
func (ts *testStack) labels(p page, v panel, l link, callback string) (map[string]string, bool) {
	ts.t.Helper()
	needs := ofSeries.FindAllStringSubmatch(l.URL, -1)
	if len(needs) == 0 {
		return nil, true
	}
	if v.Datasource.Type != "prometheus" {
		return nil, false
	}
	for _, s := range ts.query(p.filled(v.Targets[0]).Expr) {
		name, has := s.Metric["callback"]
		has = !has || name == callback
		for _, m := range needs {
			has = has && s.Metric[strings.ToLower(m[1])] != ""
		}
		if has {
			return s.Metric, true
		}
	}
	return nil, false
}
