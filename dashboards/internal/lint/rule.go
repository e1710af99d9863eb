package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/afterglow-go/afterglow/dashboards/internal/rules"
)

// Links are what alerts may lead to.
type Links struct {
	Anchors []string // of the runbook
	UIDs    []string // of dashboards
}

var (
	severities = []string{rules.Critical, rules.Warning, rules.None}
	annotated  = []string{"summary", "description", "runbook_url", "dashboard_url"}

	recordName   = regexp.MustCompile(`^[a-z_]+:[a-z0-9_]+:[a-z0-9_]+$`)
	labelUsed    = regexp.MustCompile(`\$labels\.(\w+)`)
	valueUsed    = regexp.MustCompile(`\{\{ \$value(?: \| (\w+))? \}\}`)
	dashboardURL = regexp.MustCompile(`/d/([^?]+)`)
)

// Rules says what is wrong with rules that are loaded together.
func (c Catalog) Rules(groups []rules.Group, links Links) (found []string) {
	var recorded []string
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Record != "" {
				recorded = append(recorded, r.Record)
			}
		}
	}
	seen := make(map[string]bool)
	for _, g := range groups {
		for _, r := range g.Rules {
			report := func(format string, args ...any) {
				found = append(found, r.Name()+": "+fmt.Sprintf(format, args...))
			}
			if seen[r.Name()] {
				report("is there twice")
			}
			seen[r.Name()] = true
			for _, f := range c.PromQL(Query{Expr: r.Expr}, recorded) {
				report("%s", f)
			}
			e, err := Parse(r.Expr)
			if err != nil {
				continue // reported
			}
			c.bareCounters(e, report)
			if r.Record != "" && !recordName.MatchString(r.Record) {
				report("is not named level:metric:operation")
			}
			if r.Alert != "" {
				alert(r, e, links, report)
			}
		}
	}
	return found
}

// bareCounters finds counters whose value is used: it is that of the time since
// a start, which says nothing.
func (c Catalog) bareCounters(e parser.Expr, report reporter) {
	parser.Inspect(e, func(n parser.Node, path []parser.Node) error {
		s, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		if _, counter, _ := c.family(s.Name); !counter {
			return nil
		}
		if len(path) >= 2 {
			if call, ok := path[len(path)-2].(*parser.Call); ok && slices.Contains(ofCounters, call.Func.Name) {
				return nil
			}
		}
		report("%s is a counter, and not in rate or increase", s.Name)
		return nil
	})
}

func alert(r rules.Rule, e parser.Expr, links Links, report reporter) {
	if !slices.Contains(severities, r.Labels["severity"]) {
		report("has the severity %q", r.Labels["severity"])
	}
	for _, name := range annotated {
		if strings.TrimSpace(r.Annotations[name]) == "" {
			report("has no %s", name)
		}
	}
	_, anchor, _ := strings.Cut(r.Annotations["runbook_url"], "#")
	if !slices.Contains(links.Anchors, anchor) {
		report("the runbook has no #%s", anchor)
	}
	if m := dashboardURL.FindStringSubmatch(r.Annotations["dashboard_url"]); m == nil || !slices.Contains(links.UIDs, m[1]) {
		report("no dashboard is at %s", r.Annotations["dashboard_url"])
	}
	if labels, _ := Labels(e); len(labels) > 0 {
		for _, text := range r.Annotations {
			for _, m := range labelUsed.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(labels, m[1]) {
					report("speaks of the label %s, which its expression has not", m[1])
				}
			}
		}
	}
	for _, m := range valueUsed.FindAllStringSubmatch(r.Annotations["description"], -1) {
		if !strings.HasPrefix(m[1], "humanize") {
			report("its value is not humanized")
		}
	}
}
