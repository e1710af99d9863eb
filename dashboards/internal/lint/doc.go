// Package lint finds mistakes in dashboards and in PromQL that otherwise show
// as an empty panel, or not at all. Tests use it.
package lint
