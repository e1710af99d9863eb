package rules

import (
	"fmt"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// telemetryAlerts tell that the others may not be believed.
func (w writer) telemetryAlerts() []alert {
	return []alert{
		{
			name: "AfterglowTelemetryAbsent", severity: Critical,
			expr:    fmt.Sprintf("absent(%s)", w.gauge(names.MetricBuildInfo)),
			hold:    "5m", // a restart of the only instance
			summary: "Nothing that runs callbacks is seen any more",
			description: "Prometheus has had no metrics of Afterglow for five minutes, whichever target it asked. " +
				"Either every process is down, or none is scraped. No other alert can fire meanwhile.",
			dashboard: overview,
		},
		{
			name: "AfterglowJobAbsent", severity: Critical,
			// Only a job that had our metrics within the day is missed.
			expr: fmt.Sprintf("max by (%[1]s) (present_over_time(%[2]s[%[3]s])) unless on (%[1]s) group by (%[1]s) (%[2]s)",
				w.q.Labels(), w.gauge(names.MetricBuildInfo), w.window("1d")),
			hold:    "5m", // a restart of the only instance
			summary: "Nothing of {{ $labels.job }} that runs callbacks is seen any more",
			description: "Prometheus has had no metrics of Afterglow from {{ $labels.job }} for five minutes, but had some within the last day. " +
				"Either all its processes are down, or none is scraped. No other alert on its callbacks can fire meanwhile.",
			dashboard: runtime, panel: "Instances up", labels: []string{"job"},
		},
		{
			name: "AfterglowScrapeLost", severity: Warning,
			// Only who had our metrics within the day is missed.
			expr: fmt.Sprintf("%s == 0 and on (%s) max by (%[2]s) (present_over_time(%[3]s[%[4]s]))",
				w.q.Selector("up"), w.q.Labels("instance"), w.gauge(names.MetricBuildInfo), w.window("1d")),
			hold:    "5m", // a restart, or a deploy until service discovery has seen it
			summary: "{{ $labels.instance }} of {{ $labels.job }} cannot be scraped",
			description: "Prometheus has not been able to scrape {{ $labels.instance }} of {{ $labels.job }} for five minutes. " +
				"It had metrics of Afterglow within the last day; what its callbacks do now is not known.",
			dashboard: runtime, panel: "Scrapes", labels: []string{"job", "instance"},
		},
		{
			name: "AfterglowTelemetryErrors", severity: Warning,
			// At once: what is lost here is missing in a trace or a log for good.
			expr:    above(w.sum(w.increase("15m", names.MetricTelemetryErrors), "instance", "signal"), "0"),
			keep:    "15m",
			summary: "Telemetry of callbacks fails on {{ $labels.instance }}: {{ $labels.signal }}",
			description: "Failures of the telemetry of {{ $labels.job }} on {{ $labels.instance }} in the last 15 minutes: about " +
				"{{ $value | humanize }}. Signal: {{ $labels.signal }}. Callbacks ran, but not all of them can be seen.",
			dashboard: overview, panel: "Telemetry errors", labels: []string{"job", "instance"},
		},
		{
			name: "AfterglowWatchdog", severity: None,
			expr:    "vector(1)",
			summary: "Always fires",
			description: "This alert fires at all times. If a dead man's switch stops hearing of it, Prometheus, Alertmanager " +
				"or the way between them is broken, and no other alert will arrive either.",
			dashboard: overview,
		},
	}
}
