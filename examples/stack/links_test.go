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
				labels, found := ts.labels(p, v, culprit(scenario))
				if !found && strings.Contains(l.URL, "${__") {
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
}

// labels are those of the first series of a panel, of one about the callback if the
// panel tells callbacks apart.
func (ts *testStack) labels(p page, v panel, callback string) (map[string]string, bool) {
	ts.t.Helper()
	if v.Datasource.Type != "prometheus" || len(v.Targets) == 0 {
		return nil, false
	}
	for _, s := range ts.query(p.filled(v.Targets[0]).Expr) {
		if name, has := s.Metric["callback"]; !has || name == callback {
			return s.Metric, true
		}
	}
	return nil, false
}
