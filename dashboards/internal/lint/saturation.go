package lint

import (
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// Of an instance, what fills up and what it fills. Without the prefix, which
// can be another.
var (
	filling = bare(names.MetricQueueDepth, names.MetricQueueHighWater, names.MetricQueuePlaces, names.MetricWorkersBusy, names.MetricWorkerBusyTime)
	limits  = bare(names.MetricQueueCapacity, names.MetricQueuePlacesLimit, names.MetricWorkers)
)

func bare(metrics ...string) []string {
	for i, m := range metrics {
		metrics[i] = strings.TrimPrefix(m, "afterglow")
	}
	return metrics
}

// saturated checks that no panel shows how full all instances are together: it
// looks well while one of them is full.
func saturated(p dashboard.Panel, report reporter) {
	together := make(map[string]bool) // what is drawn of all instances
	for _, q := range queriesOf(p) {
		e, err := Parse(q.Expr)
		if err != nil {
			continue // reported
		}
		parser.Inspect(e, func(n parser.Node, path []parser.Node) error {
			switch n := n.(type) {
			case *parser.VectorSelector:
				if strings.Contains(n.Name, "_workers_busy:") {
					report("%s is a mean of instances: it hides the one that is full", n.Name)
				}
			case *parser.AggregateExpr:
				if n.Op != parser.SUM && n.Op != parser.AVG || n.Without || slices.Contains(n.Grouping, "instance") {
					return nil
				}
				fills, limit := has(n, filling), has(n, limits)
				together["fills"] = together["fills"] || fills && len(path) == 0
				together["limit"] = together["limit"] || limit && len(path) == 0
				share := slices.ContainsFunc(path, func(n parser.Node) bool {
					b, ok := n.(*parser.BinaryExpr)
					return ok && b.Op == parser.DIV && has(b.LHS, filling) && has(b.RHS, limits)
				})
				if fills && (n.Op == parser.AVG || limit || share) {
					report("%s of instances hides the one that is full: take the greatest of each", n.Op)
				}
			}
			return nil
		})
	}
	if together["fills"] && together["limit"] {
		report("the sum of instances beside the sum of their limits hides the one that is full")
	}
}

// has reports whether a query selects one of these metrics.
func has(e parser.Node, metrics []string) bool {
	found := false
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			found = found || slices.ContainsFunc(metrics, func(m string) bool { return strings.HasSuffix(s.Name, m) })
		}
		return nil
	})
	return found
}
