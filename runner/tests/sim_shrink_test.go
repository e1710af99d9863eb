package tests

import "time"

// shrinkTime bounds the search for a short program.
const shrinkTime = 20 * time.Second

// shrink returns the shortest and simplest program found that still breaks the
// same promise. fails runs one and returns the check that failed.
func (p program) shrink(check string, fails func(program) string) program {
	end := time.Now().Add(shrinkTime)
	still := func(q program) bool {
		for range 2 { // goroutines may take other turns
			if time.Now().After(end) {
				return false
			}
			if fails(q) == check {
				return true
			}
		}
		return false
	}
	for again := true; again; {
		again = false
		for size := len(p.ops); size >= 1; size /= 2 {
			for from := 0; from+size <= len(p.ops); {
				if q := p.without(from, size); still(q) {
					p, again = q, true
				} else {
					from += size
				}
			}
		}
		for i := range p.head {
			if q := p; p.head[i] != 0 {
				if q.head[i] = 0; still(q) {
					p, again = q, true
				}
			}
		}
		for i := range p.ops {
			for k := range p.ops[i] {
				if p.ops[i][k] == 0 {
					continue
				}
				q := p.without(0, 0)
				if q.ops[i][k] = 0; still(q) {
					p, again = q, true
				}
			}
		}
	}
	return p
}

// without is a copy of p that lacks n operations.
func (p program) without(from, n int) program {
	ops := append([]op(nil), p.ops[:from]...)
	return program{p.head, append(ops, p.ops[from+n:]...)}
}
