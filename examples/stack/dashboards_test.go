package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// dashboard is what the tests read of one.
type dashboard struct {
	UID, Title  string
	Panels      []panel
	Annotations struct{ List []struct{ Name, Expr string } }
	Templating  struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
}

// panel is one of its panels, or a row.
type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource struct{ Type string }
	Targets    []struct{ Expr string }
	Panels     []panel // of a row that is folded
}

// dashboards reads all of them.
func dashboards(t *testing.T) []dashboard {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(repository, "dashboards", "grafana", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, found)
	var boards []dashboard
	for _, file := range found {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		var d dashboard
		require.NoError(t, json.Unmarshal(b, &d), file)
		boards = append(boards, d)
	}
	return boards
}
