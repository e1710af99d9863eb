package tests

import "time"

// flood asks for many at once, from several goroutines.
func (w *world) flood(o op) {
	for range 2 + o[1]&7 {
		w.askAside(o.spec())
	}
}

// jam asks for several that hang, each for a time of its own or until they are
// let go, and for others behind them: the pool lends its workers and gets them
// back one by one, with a queue and without.
func (w *world) jam(o op) {
	hanging, waiting := o.jam()
	for _, s := range hanging {
		w.askAside(s)
	}
	w.settle() // they are first
	w.rest(pick(o[2], 0, 2*time.Second, 0, 5*time.Second))
	if o[2]>>2&1 == 1 {
		w.letGo(op{1: o[2] >> 3})
		w.settle()
	}
	for _, s := range waiting {
		w.askAside(s)
	}
}

// jam reads an operation that jams the pool. Bytes: 1 how many, 2 whether
// they get stuck and some are let go before others are asked for, 3 how
// they end, 4 and 5 how long they hang, 6 and 7 those that wait.
func (o op) jam() (hanging, waiting []spec) {
	for i := range 1 + int(o[1]&3) {
		s := spec{name: simNames[3], timeout: 20 * time.Millisecond, goodFrom: 1 << 30, hangs: true}
		s.hangFor = pick(o[4+i&1]>>(i&2), hangTime, 3*time.Second, 1500*time.Millisecond, 5*time.Second)
		s.end = pick(o[3]>>i, returnsNil, returnsError, exits)
		hanging = append(hanging, s)
	}
	for i := range int(o[1] >> 2 & 7) {
		s := spec{name: simNames[3-o[6]&1], timeout: -1, goodFrom: 1 << 30}
		s.length = pick(o[7]>>i, 0, 10*time.Millisecond, 700*time.Millisecond)
		waiting = append(waiting, s)
	}
	return hanging, waiting
}

// letGo ends hanging functions: all, or one.
func (w *world) letGo(o op) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, j := range w.jobs {
		if j.inside && j.spec.hangs && j.release() && o[1]&1 == 0 {
			return
		}
	}
}

// releaseAll lets everything go that only the program holds.
func (w *world) releaseAll() {
	for _, s := range w.all {
		w.releaseScope(s)
	}
	w.settle()
	for range 100 {
		w.mu.Lock()
		n := 0
		for _, j := range w.jobs {
			if j.release() {
				n++
			}
		}
		w.mu.Unlock()
		if n == 0 {
			break
		}
		w.pass(time.Minute) // others begin to hang
	}
}
