// What the blocks of this document use.
package p

var (
	cert   tls.Certificate
	notify callback
)
