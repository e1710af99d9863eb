package grafana

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// entry is the anchor of an alert in the runbook.
func entry(alert string) string { return strings.ToLower(alert) }

// runbook leads to an entry, which may be a variable.
func (b *board) runbook(alert, anchor string) dashboard.DashboardLink {
	return dataLink("Runbook: "+alert, b.options.RunbookURL+"#"+anchor, true)
}

// quiet stands for the alerts when none fires: a state timeline without any row
// says that data has no time.
const quiet = ` or on () label_replace(vector(0), "alertname", "none fires", "", "")`

func (b *board) firingCount() view {
	return panel{
		title: "Firing alerts", unit: "short", width: 3,
		description: "Alerts of this job that fire now. Below: which, and since when.",
		targets:     []target{{expr: "count(" + b.firing() + ") or vector(0)"}},
		steps:       none(), decimals: ptr(0.),
	}.stat()
}

// firingNow has a row an alert, which scrolls, whatever number fires.
func (b *board) firingNow() view {
	names := b.options.Alerts
	anchors := make([]dashboard.ValueMapping, len(names))
	for i, name := range names {
		anchors[i] = reads(name, entry(name), "")
	}
	const by = "alertname, severity, cluster, namespace, pod, runner, callback, instance"
	return panel{
		title: "Firing now", width: 13, noValue: "no alert fires",
		description: "The alerts that fire, critical ones first. Each leads to its entry in the runbook, to its callback and to its instance. " +
			"No runner, callback or instance: the alert is about all of them.",
	}.table(append([]key{
		{label: "severity", title: "Severity", width: 80, words: []dashboard.ValueMapping{reads("critical", "critical", red), reads("warning", "warning", orange)}},
		{label: "alertname", title: "Alert", links: []dashboard.DashboardLink{b.runbook(ofRow("alertname"), ofRow("entry"))}},
		{label: "runner", title: "Runner", width: 75},
		{label: "callback", title: "Callback", width: 135, links: []dashboard.DashboardLink{b.toCallbackOfRow()}},
		{label: "instance", title: "Instance", width: 130, links: []dashboard.DashboardLink{b.toInstanceOfRow()}},
		{label: "entry", words: anchors, hidden: true},
		{label: "namespace", title: "Namespace", width: 79},
		{label: "cluster", hidden: true}, // each has rows of its own; there is no room for its name
		{label: "pod", hidden: true},
	}, placeOfRow...), []column{{
		title: "Active since", unit: "dateTimeFromNow", width: 135,
		expr: inPlace(`label_replace(max by (` + by + `) (` + b.firingSince() + `) * 1000, "entry", "$1", "alertname", "(.+)")`),
	}}, "Severity", false)
}

// firingStates has a row an alert, whatever runner it is about: there are no
// more rows than alerts, and the panel is high enough for all.
func (b *board) firingStates() view {
	by := func(severity string) string {
		return "max by (alertname) (" + b.firing("severity"+severity) + ")"
	}
	p := panel{
		title: "Alerts", unit: "short", width: 11,
		description: "When which alert fired: critical ones in red, the others in orange, green while none did. Each leads to its entry in the runbook.",
		targets: []target{{
			expr:   "(" + by(`="critical"`) + " * 2 or " + by(`!="critical"`) + ")" + quiet,
			legend: "{{alertname}}",
		}},
		mappings: []dashboard.ValueMapping{says(2, "critical", red), says(1, "warning", orange), says(0, "none", green)},
	}
	for _, name := range b.options.Alerts {
		p.overrides = append(p.overrides, override(name, property("links", []dashboard.DashboardLink{b.runbook(name, entry(name))})))
	}
	return wordless(p.states())
}
