package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// dashboard is what the tests read of one.
type dashboard struct {
	UID, Title  string
	Panels      []panel
	Annotations struct{ List []struct{ Name, Expr string } }
	Templating  struct{ List []variable }
	Links       []struct {
		URL         string
		IncludeVars bool
	}
}

// variable is one of its variables.
type variable struct {
	Name, Type string
	Query      any
	IncludeAll bool
	Current    struct{ Value any }
}

// panel is one of its panels, or a row.
type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource struct{ Type string }
	Targets    []target
	Panels     []panel // of a row that is folded

	FieldConfig struct {
		Defaults struct {
			NoValue string
			Links   []link
		}
		Overrides []struct {
			Properties []struct {
				ID    string
				Value json.RawMessage
			}
		}
	}
}

// link is one that a point, a line or a cell of a panel has.
type link struct{ Title, URL string }

// links are those of a panel, of its columns too.
func (p panel) links(t *testing.T) []link {
	t.Helper()
	found := slices.Clone(p.FieldConfig.Defaults.Links)
	for _, o := range p.FieldConfig.Overrides {
		require.NotNil(t, o.Properties, "%s: Grafana draws no panel with an override of nothing", p.Title)
		for _, property := range o.Properties {
			if property.ID == "links" {
				var links []link
				require.NoError(t, json.Unmarshal(property.Value, &links))
				found = append(found, links...)
			}
		}
	}
	return found
}

// target is what a panel asks its data source.
type target struct {
	Expr     string // of Prometheus, Loki or VictoriaLogs
	MaxLines int    // of VictoriaLogs
	Exemplar bool

	// Of Jaeger.
	QueryType, Service, Operation, Tags string
	MinDuration                         string
	Limit                               int
}

// targetOf returns the only one of the panel with this title, with the variables
// of its dashboard as they are for one callback of the shop.
func targetOf(t *testing.T, uid, title, callback string) target {
	t.Helper()
	var found []target
	for _, board := range dashboards(t) {
		each(board.Panels, func(p panel) {
			if board.UID == uid && p.Title == title {
				found = append(found, p.Targets...)
			}
		})
	}
	require.Len(t, found, 1, "%s: %s", uid, title)
	variables := strings.NewReplacer("${job}", "afterglow-shop", "${callback}", callback)
	tg := found[0]
	for _, text := range []*string{&tg.Expr, &tg.Service, &tg.Operation, &tg.Tags} {
		*text = variables.Replace(*text)
		require.NotContains(t, *text, "$", title)
	}
	return tg
}

// dashboards reads all of them.
func dashboards(t *testing.T) []dashboard {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repository, "dashboards", "grafana", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	return readDashboards(t, found)
}

func readDashboards(t *testing.T, found []string) (boards []dashboard) {
	t.Helper()
	for _, file := range found {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(b, &d), file)
		boards = append(boards, d)
	}
	return boards
}
