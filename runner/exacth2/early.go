package exacth2

// maxEarly bounds how many resets a connection remembers of streams whose handlers have not
// begun. At one time net/http has at most MaxConcurrentStreams of these that will still
// begin, which is 250.
const maxEarly = 4096

// resets remembers which streams were reset before their handlers have begun. If there are
// too many, it forgets the oldest. Many of these handlers never begin, because net/http has
// refused the request, or has seen the reset first.
type resets struct {
	numbers map[uint32]struct{} // nil until there is one
	order   []uint32            // the last that were added; a ring
	oldest  int                 // of order, once it is full
}

// add remembers a stream.
func (r *resets) add(number uint32) {
	if r.numbers == nil {
		r.numbers = make(map[uint32]struct{})
	}
	r.numbers[number] = struct{}{}
	if len(r.order) < maxEarly {
		r.order = append(r.order, number)
		return
	}
	delete(r.numbers, r.order[r.oldest])
	r.order[r.oldest] = number
	r.oldest = (r.oldest + 1) % maxEarly
}

// take forgets a stream, and reports whether it was remembered.
func (r *resets) take(number uint32) bool {
	_, ok := r.numbers[number]
	delete(r.numbers, number)
	return ok
}
