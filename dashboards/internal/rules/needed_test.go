package rules_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// ruleName finds the names of alerts and of what is recorded.
var ruleName = regexp.MustCompile(`Afterglow\w+|runner\w*:\w+:\w+`)

// needed keeps the rules that are named, and what they read of other rules.
// promtool evaluates a rule at each minute of a test, whether or not anything reads it.
func needed(groups []rules.Group, names []string) []rules.Group {
	byName := make(map[string]rules.Rule)
	for _, g := range groups {
		for _, r := range g.Rules {
			byName[r.Name()] = r
		}
	}
	keep := make(map[string]bool)
	for len(names) > 0 {
		name := names[len(names)-1]
		names = names[:len(names)-1]
		if r, known := byName[name]; known && !keep[name] {
			keep[name] = true
			names = append(names, ruleName.FindAllString(r.Expr, -1)...)
			for _, text := range r.Annotations {
				names = append(names, ruleName.FindAllString(text, -1)...)
			}
		}
	}
	kept := slices.Clone(groups)
	for i, g := range kept {
		kept[i].Rules = slices.DeleteFunc(slices.Clone(g.Rules), func(r rules.Rule) bool { return !keep[r.Name()] })
	}
	return kept
}

// withoutTexts takes the texts out, for which Prometheus asks queries while an alert fires.
func withoutTexts(groups []rules.Group) []rules.Group {
	for _, g := range groups {
		for i := range g.Rules {
			g.Rules[i].Annotations = nil
		}
	}
	return groups
}

// readRules reads a file of rules.
func readRules(t *testing.T, text []byte) []rules.Group {
	t.Helper()
	var content struct{ Groups []rules.Group }
	require.NoError(t, yaml.Unmarshal(text, &content))
	return content.Groups
}

// writeRules writes a file of rules, each expression on one line: the YAML package
// cannot read what it writes of a text whose first line is indented.
func writeRules(t *testing.T, groups []rules.Group, path ...string) {
	t.Helper()
	for _, g := range groups {
		for i, r := range g.Rules {
			g.Rules[i].Expr = strings.Join(strings.Fields(r.Expr), " ")
		}
	}
	text, err := yaml.Marshal(map[string]any{"groups": groups})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(path...), text, 0o600))
}

func TestWhatAnAlertNeedsIsKeptWithIt(t *testing.T) {
	groups := []rules.Group{
		{Name: "recorded", Rules: []rules.Rule{
			{Record: "runner:starts:rate5m", Expr: "rate(starts[5m])"},
			{Record: "runner:burn:rate5m", Expr: "runner:starts:rate5m / 2"},
			{Record: "runner:starts:rate50m", Expr: "rate(starts[50m])"},
		}},
		{Name: "alerts", Rules: []rules.Rule{{Alert: "AfterglowBurn", Expr: "runner:burn:rate5m > 1"}, {Alert: "AfterglowBurnSlow", Expr: "runner:starts:rate50m > 1"}}},
	}
	kept := needed(groups, []string{"AfterglowBurn", "AfterglowNobody"})
	require.Equal(t, []rules.Group{
		{Name: "recorded", Rules: groups[0].Rules[:2]},
		{Name: "alerts", Rules: groups[1].Rules[:1]},
	}, kept)
	require.Len(t, groups[0].Rules, 3, "what was given is left as it was")
}
