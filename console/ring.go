package console

// ring keeps the last values that were pushed. Make it with a capacity.
type ring[T any] struct {
	all   []T
	start int // of the oldest, once it is full
}

func newRing[T any](capacity int) ring[T] { return ring[T]{all: make([]T, 0, capacity)} }

func (r *ring[T]) push(v T) {
	if len(r.all) < cap(r.all) {
		r.all = append(r.all, v)
		return
	}
	r.all[r.start] = v
	r.start = (r.start + 1) % len(r.all)
}

func (r *ring[T]) len() int { return len(r.all) }

// at returns the i-th value; 0 is the oldest.
func (r *ring[T]) at(i int) *T { return &r.all[(r.start+i)%len(r.all)] }

// last returns the newest value; nil if there is none.
func (r *ring[T]) last() *T {
	if len(r.all) == 0 {
		return nil
	}
	return r.at(len(r.all) - 1)
}
