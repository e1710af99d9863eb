package telemetry

import (
	"sync"
	"sync/atomic"
)

// maxKnown bounds what is remembered of places in the program. It asks for callbacks in
// few places and for few functions, and they do not change.
const maxKnown = 1024

// memo remembers what was found out about each place in the program. Goroutines that
// come at the same moment may exceed maxKnown by one each.
type memo[Key comparable, Value any] struct {
	values sync.Map // Key -> Value
	n      atomic.Int64
}

// of returns what is known of a place, and finds it out first if nothing is.
func (m *memo[Key, Value]) of(place Key, find func() Value) Value {
	if value, ok := m.values.Load(place); ok {
		return value.(Value)
	}
	value := find()
	if m.n.Load() < maxKnown {
		if _, ok := m.values.LoadOrStore(place, value); !ok {
			m.n.Add(1)
		}
	}
	return value
}
