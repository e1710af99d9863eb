// What the blocks of this document use.
package p

var (
	registry *prometheus.Registry
	dir      string
)
