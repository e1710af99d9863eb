package rules

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/afterglow-go/afterglow/dashboards/internal/grafana"
	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

// boards are the dashboards that alerts link to, by uid, as they are generated. So
// a link has the number that a panel has now, and passes only variables that its
// dashboard has.
type boards map[string]board

type board struct {
	panels    map[string]int // ids by title, of the first panel that has it
	variables map[string]bool
}

func readBoards(q query.Config, o grafana.Options) (boards, error) {
	files, err := grafana.Files(q, o)
	if err != nil {
		return nil, err
	}
	found := make(boards)
	for name, text := range files {
		if !strings.HasSuffix(name, ".json") {
			continue // of the provisioning
		}
		var d struct {
			UID    string
			Panels []struct {
				ID    int
				Title string
			}
			Templating struct{ List []struct{ Name string } }
		}
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		b := board{panels: make(map[string]int), variables: make(map[string]bool)}
		for _, p := range d.Panels {
			if _, known := b.panels[p.Title]; !known {
				b.panels[p.Title] = p.ID
			}
		}
		for _, v := range d.Templating.List {
			b.variables[v.Name] = true
		}
		found[d.UID] = b
	}
	return found, nil
}
