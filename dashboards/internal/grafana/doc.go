// Package grafana builds the dashboards. It is made for Grafana 10.4 and later
// and uses nothing that 10.4 does not draw.
package grafana
