// Package pb stands for the generated messages of a reader's service.
package pb

type (
	Order   struct{ ID string }
	Receipt struct{ Number string }
)
