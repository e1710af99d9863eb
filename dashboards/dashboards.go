// Package dashboards holds what shows and watches the metrics of the telemetry
// package: dashboards for Grafana, rules for Prometheus and a configuration
// for Alertmanager. All of it is generated from Go over the names that the
// telemetry package exports:
//
//	go run github.com/afterglow-go/afterglow/dashboards/cmd/generate -h
//
// says what can be chosen. A program that installs the files itself takes them
// from here, as they are with the defaults.
package dashboards

import "embed"

//go:generate go run ./cmd/generate -out .

// Grafana holds the dashboards, grafana/*.json, and grafana/provider.yml, a
// provisioning file that loads them into a folder. They are made for Grafana
// 10.4 and later.
//
//go:embed grafana
var Grafana embed.FS

// Prometheus holds the rule files, prometheus/*.rules.yml. Load both: the
// alerts read what the recording rules record.
//
//go:embed prometheus/*.rules.yml
var Prometheus embed.FS

// Alertmanager holds alertmanager/alertmanager.yml: which
// receiver gets which severity, and which alerts a worse one holds back. Where
// notifications go is in files that it names. alertmanager/part.yml is the same for
// our alerts only, to be put into a configuration that is there already.
//
//go:embed alertmanager/*.yml
var Alertmanager embed.FS
