// What the blocks of this document use.
package p

var (
	orderEmail *durable.Task[string]
	page       durable.Page
)
