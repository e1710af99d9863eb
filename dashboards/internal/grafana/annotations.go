package grafana

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"

	"github.com/afterglow-go/afterglow/dashboards/internal/query"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// annotations mark on every panel what is known to change behavior, on whatever
// instance, when it began: what lasts would tint every panel for as long. Alerts
// are off at first, as panels of Overview have them. The expression is there
// twice: old versions read expr, new ones target.
func (b *board) annotations() {
	service := b.ofService()
	built := service.Series(names.MetricBuildInfo)
	b.annotation("Deploys", "blue",
		// A version or an instance that was not there before.
		"count by (version) ("+built+" unless "+built+" offset "+rateInterval+")", "new: version {{version}}", true)
	b.annotation("Restarts", "purple",
		"changes("+service.Foreign("process_start_time_seconds")+"["+rateInterval+"]) > 0", "restarted: {{instance}}"+ofInstance, true)
	b.annotation("Alerts", "red", b.firing()+" unless "+b.firing()+" offset "+rateInterval, "{{alertname}} {{runner}} {{callback}}"+ofPlace, false)
}

func (b *board) annotation(name, color, expr, legend string, on bool) {
	source := ref("prometheus", varMetrics)
	b.builder.Annotation(annotation{dashboard.AnnotationQuery{
		Name: name, Datasource: &source, Enable: on, Hide: ptr(false), IconColor: color,
		Expr: &expr,
		Target: prometheus.Dataquery{
			Expr: expr, Datasource: &source, LegendFormat: &legend, RefId: ptr("Anno"),
			Range: ptr(true), Instant: ptr(false),
		},
	}})
}

// annotation is built already.
type annotation struct{ dashboard.AnnotationQuery }

func (a annotation) Build() (dashboard.AnnotationQuery, error) { return a.AnnotationQuery, nil }

// firing are the alerts that fire now. Some have no job: it is what is absent.
func (b *board) firing(matchers ...string) string {
	return b.ofAlerts().With(`alertstate="firing"`).With(matchers...).Foreign("ALERTS")
}

// firingSince is when each of them became active, in seconds.
func (b *board) firingSince() string {
	return b.ofAlerts().Foreign("ALERTS_FOR_STATE") + " and ignoring (alertstate) " + b.firing()
}

func (b *board) ofAlerts() query.Scope {
	return b.config.In(rateInterval, `alertname=~"Afterglow.+"`, `alertname!="AfterglowWatchdog"`,
		`cluster=~"$cluster|"`, `namespace=~"$namespace|"`, `job=~"$job|"`)
}
