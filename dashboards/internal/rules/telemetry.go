package rules

import (
	"fmt"

	"github.com/prometheus/common/model"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// telemetryAlerts tell that the others may not be believed.
func (w writer) telemetryAlerts() []alert {
	info := w.gauge(names.MetricBuildInfo)
	return []alert{
		{
			name: "AfterglowTelemetryAbsent", severity: Critical,
			// A restart of the only instance is over within these five minutes.
			expr:    fmt.Sprintf("absent_over_time(%s[%s])", info, w.window("3m")),
			hold:    "2m", // Prometheus has just begun, and has scraped nobody yet
			summary: "Nothing that runs callbacks is seen any more",
			description: "Prometheus has had no metrics of Afterglow for five minutes, whichever target it asked. " +
				"Either every process is down, or none is scraped: ask one of them for /metrics, then look at /targets. " +
				"Meanwhile Alertmanager holds back the other alerts.",
			dashboard: overview,
		},
		{
			name: "AfterglowJobAbsent", severity: Critical,
			// Only a job that had our metrics within the day is missed.
			expr: fmt.Sprintf("max by (%[1]s) (present_over_time(%[2]s[%[3]s])) unless on (%[1]s) max by (%[1]s) (present_over_time(%[2]s[%[4]s]))",
				w.q.Labels(), w.must(w.q.Metric(names.MetricBuildInfo)), w.window("1d"), w.window("3m")),
			hold:    "2m", // as above
			summary: "Nothing of {{ $labels.job }} that runs callbacks is seen any more",
			description: "Prometheus has had no metrics of Afterglow from {{ $labels.job }} for five minutes, but had some within the last day. " +
				"Either all its processes are down, or none is scraped: ask one of them for /metrics, then look at /targets. " +
				"Meanwhile Alertmanager holds back the other alerts of this job.",
			dashboard: runtime, panel: "Instances up", labels: []string{"job"},
		},
		{
			name: "AfterglowScrapeLost", severity: Warning,
			// Only who had our metrics within the day is missed. A restart, or a deploy
			// until service discovery has seen it, is over within five minutes; in a
			// crash loop, an instance is another process again and again, or goes down
			// again and again.
			expr: fmt.Sprintf("(%[1]s == 0 or %[2]s or %[3]s < 0.75 and %[4]s >= 3) and on (%[5]s) max by (%[5]s) (present_over_time(%[6]s[%[7]s]))",
				w.overUp("max_over_time", "5m"), w.restarts(), w.overUp("avg_over_time", "15m"), w.overUp("changes", "15m"),
				w.q.Labels("instance"), info, w.window("1d")),
			hold:    "1m", // not for a target that is new: five minutes of it may be one scrape
			keep:    "5m", // a process in a crash loop is up now and then
			summary: "{{ $labels.instance }} of {{ $labels.job }} {{ if ge $value 1.0 }}restarts again and again{{ else }}cannot be scraped{{ end }}",
			description: "{{ if eq $value 0.0 }}Prometheus has not been able to scrape {{ $labels.instance }} of {{ $labels.job }} for five minutes." +
				"{{ else }}{{ $labels.instance }} of {{ $labels.job }} goes down again and again: in the last 15 minutes, " +
				"{{ if ge $value 1.0 }}it was started at least {{ $value | humanize }} times.{{ else }}Prometheus could scrape it " +
				"{{ $value | humanizePercentage }} of the time.{{ end }}{{ end }} " +
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

// must selects a series of the jobs that must run.
func (w writer) must(metric string) string {
	if w.o.MayBeAbsent == "" {
		return w.q.Selector(metric)
	}
	return w.q.Selector(metric, fmt.Sprintf("%s!~%q", model.JobLabel, w.o.MayBeAbsent))
}

// restarts is how often a target was seen to be another process than before, where
// that was three times in a quarter of an hour: the last start is that of the process
// collector of client_golang. Where that is missing, a counter that begins anew shows it
// if callbacks were asked for.
func (w writer) restarts() string {
	of := w.q.Labels("instance")
	return fmt.Sprintf("(changes(%s[%s]) >= 3 or on (%s) max by (%[3]s) (resets(%s[%[2]s])) >= 3)",
		w.must("process_start_time_seconds"), w.window("15m"), of, w.must(w.q.Metric(names.MetricAsked)))
}

// overUp is a function over what scrapes have found lately.
func (w writer) overUp(function, window string) string {
	return fmt.Sprintf("%s(%s[%s])", function, w.must("up"), w.window(window))
}
