package runner

import "sync/atomic"

// turn orders the calls of a task's observers: at most one goroutine calls them
// at a time, and no event overtakes another. An event is posted as a bit. If
// nobody has the turn, the poster gets it; otherwise the goroutine that has it
// finds the bit when its call returns.
//
// Events are posted under the runner's mu, so a turn that is free under mu stays
// free until mu is unlocked. A turn ends without mu.
type turn struct{ word atomic.Uint32 }

// The events, in the order in which they are told.
const (
	turnFolded   uint32 = 1 << iota // its name is the first one folded
	turnAccepted                    // After has taken it in
	turnRejected                    // After has rejected it
	turnStarted                     // an attempt starts
	turnStuck                       // the attempt was found stuck
	turnRetried                     // the attempt failed, and another one will follow
	turnFinished                    // it has its outcome
	turnSampled                     // its end is an example for its name
	turnReport                      // no event, and the last one: reportedLocked is due
	turnProceed                     // no event, and the last one: proceedLocked is due

	turnTaken uint32 = 1 << 31
)

// isFree reports whether nobody has the turn.
func (u *turn) isFree() bool { return u.word.Load() == 0 }

// post adds events. It reports whether the caller has the turn now: then it must
// call tell.
func (u *turn) post(events uint32) (taken bool) {
	return u.word.Or(events|turnTaken)&turnTaken == 0
}

// next takes the next event. It ends the turn if there is none, and with the last
// one.
func (u *turn) next() (event uint32) {
	for {
		word := u.word.Load()
		event = word &^ turnTaken & -(word &^ turnTaken)
		left := word &^ event
		if event == 0 || event == turnReport || event == turnProceed {
			left = 0
		}
		if u.word.CompareAndSwap(word, left) {
			return event
		}
	}
}
