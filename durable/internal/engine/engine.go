// Package engine is what package durable needs of a driver.
package engine

import (
	"context"

	"github.com/riverqueue/river/riverdriver"
)

// Engine is a database with the transactions of one driver.
type Engine[Tx any] struct {
	Driver riverdriver.Driver[Tx]

	// Beats has a connection that nothing else waits for, for heartbeats.
	// nil: Driver's.
	Beats riverdriver.Executor

	// Reads has connections for pages and figures, which do not wait for those that write.
	// nil: Driver's.
	Reads riverdriver.Executor

	// Close closes what Open has opened. nil: nothing.
	Close func(context.Context) error
}
