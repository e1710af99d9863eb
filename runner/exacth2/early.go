package exacth2

import "slices"

// maxEarly bounds how many resets a connection remembers of streams whose handlers have not
// begun. At one time net/http has at most MaxConcurrentStreams of these that will still
// begin, which is 250.
const maxEarly = 4096

// resets remembers which streams were reset before anything asked for their ends. If there are
// too many, it forgets the oldest. Many are never asked for, because the server has refused the
// request, or has seen the reset first.
type resets struct {
	numbers map[uint32]struct{} // nil until there is one
	order   []uint32            // numbers as they were added, and some that were taken
}

// add remembers a stream, and at most limit.
func (r *resets) add(number uint32, limit int) {
	if r.numbers == nil {
		r.numbers = make(map[uint32]struct{})
	}
	r.numbers[number] = struct{}{}
	r.order = append(r.order, number)
	for len(r.numbers) > limit {
		delete(r.numbers, r.order[0])
		r.order = r.order[1:]
	}
	if len(r.order) > 2*len(r.numbers)+maxEarly { // seldom, so that it costs little
		r.order = slices.DeleteFunc(r.order, func(n uint32) bool {
			_, ok := r.numbers[n]
			return !ok
		})
	}
}

// take forgets a stream, and reports whether it was remembered.
func (r *resets) take(number uint32) bool {
	_, ok := r.numbers[number]
	delete(r.numbers, number)
	return ok
}
