package grafana

import (
	"strconv"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
)

// budgetWindow is what the budgets are for.
const budgetWindow = "30d"

// slo is about the two promises: that callbacks end well, and that they start
// within a second. It is drawn from the recorded series.
func slo(q query.Config, o Options) (dashboard.Dashboard, error) {
	b := newBoard(q, o, uidSLO, "Afterglow / SLO",
		"Is the promise kept, and how long does its error budget last? Needs the recording rules. Made for Grafana 10.4 and later.")
	b.builder.Time("now-24h", "now")

	b.row("Callbacks end well: " + percent(q.SLO()) + " in 30 days")
	b.add(4, b.budgetLeft("Budget left, 30 d", 4), b.burnStat("5m"), b.burnStat("30m"), b.burnStat("1h"), b.burnStat("6h"), b.burnStat("3d"))
	b.add(8,
		b.burnPair("Burns fast: critical at 14.4", "1h", "5m", burnFast, red),
		b.burnPair("Burns: critical at 6", "6h", "30m", burnHigh, orange),
		b.burnPair("Burns slowly: warning at 1", "3d", "6h", burnSlow, yellow))
	b.add(8, b.errorShare(), b.whoSpends(), b.budgetLine("Error budget left", b.errorBudgetLeft()))

	b.row("Callbacks start within a second: " + percent(q.LatencySLO()) + " in 30 days")
	b.add(4, b.latencyBudgetLeft(), b.latencyBurnStat("5m"), b.latencyBurnStat("30m"), b.latencyBurnStat("1h"), b.latencyBurnStat("6h"), b.latencyBurnStat("3d"))
	b.add(8, b.startedInTime(), b.latencyBurns(), b.budgetLine("Latency budget left", b.latencyBudgetLeftExpr()))
	return b.build()
}

// percent writes a share as people say it.
func percent(share float64) string {
	return strconv.FormatFloat(share*100, 'g', 6, 64) + " %"
}

func (b *board) errorBudgetLeft() string {
	return b.recorded().Over(budgetWindow).BudgetLeft(b.config.RecordedBad(), b.config.RecordedCounted(), b.config.ErrorBudget())
}

func (b *board) latencyBudgetLeftExpr() string {
	return b.recorded().Over(budgetWindow).BudgetLeft(b.config.RecordedLate(), b.config.RecordedStarts(), b.config.LatencyBudget())
}

func (b *board) burnStat(window string) view {
	return panel{
		title: "Burn rate, " + window, unit: "suffix:x", width: 4,
		description: "How many times too fast the error budget was spent in the last " + window + ", by the worst runner.",
		targets:     []target{{expr: "max(" + b.recorded().Foreign(b.config.RecordedBurn(window)) + " >= 0)"}},
		steps:       burnSteps(), decimals: ptr(1.), noValue: "no traffic or data",
	}.stat()
}

// burnPair are the two windows that an alert wants above its limit at once: the
// long one says that it matters, the short one that it still goes on.
func (b *board) burnPair(title, long, short string, limit float64, color string) view {
	s := b.recorded()
	return panel{
		title: title, unit: "suffix:x", width: 8,
		description: "The alert fires while both windows are above the dashed line: the long one says that it matters, the short one that it goes on.",
		targets: []target{
			{expr: "max(" + s.Foreign(b.config.RecordedBurn(long)) + ")", legend: long},
			{expr: "max(" + s.Foreign(b.config.RecordedBurn(short)) + ")", legend: short},
		},
		colors: palette{{long, blue}, {short, "light-blue"}},
		steps:  []step{{color: green}, {limit, color}}, showSteps: true,
	}.lines()
}

func (b *board) errorShare() view {
	s := b.recorded()
	return panel{
		title: "Share that ends badly, by runner", unit: "percentunit", width: 8, softMax: 2 * (1 - b.config.SLO()),
		description: "Of the callbacks of the last 5 minutes. Dashed: what the objective allows.",
		targets: []target{{
			expr:   s.Foreign(b.config.RecordedBad()) + " / " + s.Foreign(b.config.RecordedCounted()),
			legend: "{{runner}}" + ofPlace,
		}},
		steps: []step{{color: green}, {1 - b.config.SLO(), red}}, showSteps: true,
	}.lines()
}

func (b *board) whoSpends() view {
	return panel{
		title: "Who spends the budget", unit: "ops", width: 8,
		description: "The five callbacks and outcomes with most bad ends. Follow a series to its callback.",
		targets: []target{{
			expr: "topk(5, sum by (callback, outcome) (" + b.recorded().With(query.BadOutcomes()).Foreign(b.config.RecordedOutcomes()) +
				") > 0)",
			legend: "{{callback}}: {{outcome}}",
		}},
		noValue: "nobody",
		links:   []dashboard.DashboardLink{b.toCallback()},
	}.lines()
}

// budgetLine looks far back at each point, so it has few of them.
func (b *board) budgetLine(title, expr string) view {
	return panel{
		title: title + ", 30 d", unit: "percentunit", width: 8, noValue: "no traffic or data",
		description: "What was left of the budget of the 30 days before. Where it falls, it was spent.",
		targets:     []target{{expr: expr, legend: "left"}},
		colors:      palette{{"left", blue}},
		steps:       []step{{color: red}, {0.1, green}}, showSteps: true, max: ptr(1.), signed: true, interval: "30m",
	}.lines()
}

func (b *board) latencyBudgetLeft() view {
	return panel{
		title: "Latency budget left, now", unit: "percentunit", width: 4,
		description: "Of the late starts that an objective of " + percent(b.config.LatencySLO()) + " allows in 30 days, the share not yet spent.",
		targets:     []target{{expr: b.latencyBudgetLeftExpr()}},
		steps:       falling(0.1, 0.5), max: ptr(1.), signed: true, noValue: "no traffic or data", decimals: ptr(0.),
	}.stat()
}

func (b *board) latencyBurnStat(window string) view {
	return panel{
		title: "Latency burn rate, " + window, unit: "suffix:x", width: 4,
		description: "How many times too fast the budget for late starts was spent in the last " + window + ", by the worst runner.",
		targets:     []target{{expr: "max(" + b.recorded().Foreign(b.config.RecordedLatencyBurn(window)) + " >= 0)"}},
		steps:       burnSteps(), decimals: ptr(1.), noValue: "no traffic or data",
	}.stat()
}

func (b *board) startedInTime() view {
	s := b.recorded()
	return panel{
		title: "Share started within a second, by runner", unit: "percentunit", width: 8,
		description: "Of the callbacks started in the last 5 minutes. Dashed: the objective.",
		targets: []target{{
			expr:   "1 - " + s.Foreign(b.config.RecordedLate()) + " / " + s.Foreign(b.config.RecordedStarts()),
			legend: "{{runner}}" + ofPlace,
		}},
		steps: []step{{color: red}, {b.config.LatencySLO(), green}}, showSteps: true, max: ptr(1.),
	}.lines()
}

func (b *board) latencyBurns() view {
	s := b.recorded()
	var targets []target
	for _, w := range query.BurnWindows() {
		targets = append(targets, target{expr: "max(" + s.Foreign(b.config.RecordedLatencyBurn(w)) + ")", legend: w})
	}
	return panel{
		title: "Latency budget burn rates", unit: "suffix:x", width: 8,
		description: "How many times too fast the budget for late starts is spent, by the worst runner. Dashed: 1, 6 and 14.4.",
		targets:     targets, steps: burnSteps(), showSteps: true,
	}.lines()
}
