package tests

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// spec is a callback that a program asks for: its name, its options, and what
// it does.
type spec struct {
	name       string
	timeout    time.Duration // 0: the runner's
	attempts   int
	backoff    time.Duration
	backoffEnd ending // how it ends: it returns, panics or exits
	once       string
	coalesce   string
	gate       func(runner.Request) bool
	gateName   string

	length   time.Duration // of its work, before it ends
	end      ending
	goodFrom int           // from this attempt on it succeeds
	hangs    bool          // deaf to its context until it is let go
	hangFor  time.Duration // at the most; 0: hangTime
	heeds    bool          // waits for its context's end, for the hour at most
	children []spec        // what it asks for
	laters   []spec        // what a goroutine asks for that it leaves behind
	later    time.Duration // after so long
	lingers  time.Duration // the last observer of Started, if observers are slow
	bare     bool          // it asks with the very context it was given
	how      uint8         // it asks by
	does     bool          // it runs the last one of its children itself, with Do
}

// ending is how a callback ends.
type ending uint8

const (
	returnsNil ending = iota
	returnsError
	panics
	exits
	returnsPermanent
)

var endingNames = [...]string{"nil", "error", "panic", "Goexit", "permanent error"}

var (
	errSim       = errors.New("sim: error")
	errPermanent = runner.Permanent(errSim)
)

// spec reads a callback. Bytes: 2 name and options, 3 end, 4 length, 5 options,
// 6 nested, 7 details of options.
func (o op) spec() spec {
	s := spec{name: simNames[o[2]&3], goodFrom: 1 << 30}
	if o[2]>>5 == 7 {
		s.name = rareNames[o[2]&3]
	}
	s.length = pick(o[4], 0, time.Millisecond, 10*time.Millisecond, 0, 20*time.Millisecond, 50*time.Millisecond, 120*time.Millisecond, 400*time.Millisecond)
	s.end = pick(o[3], returnsNil, returnsError, returnsNil, panics, returnsNil, exits, returnsError, returnsNil, returnsPermanent, returnsError, returnsNil)
	s.hangs = o[3]>>4 == 15
	s.heeds = o[3]>>4 == 14 || o[3]>>4 == 13
	s.timeout = pick(o[2]>>2, 0, 0, 20*time.Millisecond, 0, 200*time.Millisecond, 0, -1, time.Second)
	if o[5]&1 == 1 {
		s.attempts = pick(o[7], 2, 3, 5, 1)
		s.backoff = pick(o[7]>>2, 0, 10*time.Millisecond, 100*time.Millisecond, 3*time.Second)
		switch o[4] >> 3 & 15 {
		case 15:
			s.backoffEnd = exits
		case 14:
			s.backoff, s.backoffEnd = 0, panics
		}
		s.goodFrom = pick(o[7]>>4, 2, 1<<30, 3, 1<<30)
		if s.end == returnsNil && o[7]>>6 > 0 {
			s.end = returnsError
		}
	}
	if o[5]>>1&7 == 7 {
		s.once = pick(o[7], "k", "l")
	}
	if o[5]>>4&3 == 3 {
		s.coalesce = pick(o[7]>>1, "k", "l")
	}
	if o[5]>>6&3 == 3 {
		g := pick(o[7]>>2, gateSucceeded, gateStayed, gateNo, gateYes, gatePanics, gateExits, gateSlow)
		s.gate, s.gateName = g.ask, g.name
	}
	switch {
	case o[6] >= 192 && s.attempts > 1, o[6] >= 240:
		child := opOf(rand.New(rand.NewPCG(uint64(o[6]), uint64(o[7]))).Uint64())
		child[6] = 0
		s.laters = append(s.laters, child.spec())
		s.later = pick(o[6], 50*time.Millisecond, 5*time.Millisecond, 300*time.Millisecond, 2*time.Second)
	case o[6] >= 160:
		s.lingers = pick(o[6], 400*time.Millisecond, 20*time.Millisecond, 2*time.Second)
	}
	if o[6] < 64 && o[6] > 0 {
		rng := rand.New(rand.NewPCG(uint64(o[6])<<8|uint64(o[7]), uint64(o[3])))
		for range 1 + o[6]&1 {
			child := opOf(rng.Uint64())
			if o[6]&2 == 0 { // or it could go on for ever
				child[6] = 0
			} else {
				child[6] &= 0xf1
			}
			s.children = append(s.children, child.spec())
		}
		s.bare, s.how, s.does = o[6]&4 == 0, o[6]>>3&3, o[6]>>5&1 == 1
	}
	return s
}

type simGate struct {
	name string
	ask  func(runner.Request) bool
}

var (
	gateSucceeded = simGate{"succeeded", runner.Request.Succeeded}
	gateStayed    = simGate{"not aborted", runner.Request.NotAborted}
	gateNo        = simGate{"no", func(runner.Request) bool { return false }}
	gateYes       = simGate{"yes", func(runner.Request) bool { return true }}
	gatePanics    = simGate{"panics", func(runner.Request) bool { panic("sim: gate") }}
	gateExits     = simGate{"exits", func(runner.Request) bool { runtime.Goexit(); return true }}
	gateSlow      = simGate{"takes time", gateYes.ask} // askedGate takes it
)

func (s spec) String() string {
	text := fmt.Sprintf("%q takes %v, ends with %s", s.name, s.length, endingNames[s.end])
	for _, part := range []struct {
		yes  bool
		text string
	}{
		{s.hangs, fmt.Sprintf("hangs (%v)", s.hangFor)},
		{s.heeds, "waits for its context"},
		{s.timeout != 0, fmt.Sprintf("Timeout(%v)", s.timeout)},
		{s.attempts != 0, fmt.Sprintf("Retry(%d, %v) good from attempt %d, its backoff ends with %s", s.attempts, s.backoff, s.goodFrom, endingNames[s.backoffEnd])},
		{s.once != "", "Once(" + s.once + ")"},
		{s.coalesce != "", "Coalesce(" + s.coalesce + ")"},
		{s.gate != nil, "When(" + s.gateName + ")"},
		{len(s.laters) > 0, fmt.Sprintf("leaves a goroutine that asks %v later for %v", s.later, s.laters)},
		{s.lingers > 0, fmt.Sprintf("lingers %v in a slow observer", s.lingers)},
		{len(s.children) > 0, fmt.Sprintf("asks for (bare %t, how %d, the last one with Do %t): %v", s.bare, s.how, s.does, s.children)},
	} {
		if part.yes {
			text += ", " + part.text
		}
	}
	return text
}

// run is what the callback does at its end, having noted it.
func (e ending) run() error {
	switch e {
	case panics:
		panic(errSim)
	case exits:
		runtime.Goexit()
	case returnsError:
		return errSim
	case returnsPermanent:
		return errPermanent
	}
	return nil
}

// options are the callback's, with a gate and a backoff that the model watches.
func (w *world) options(j *job) []runner.Option {
	var opts []runner.Option
	s := j.spec
	if j.wraps() {
		opts = append(opts, runner.Wraps(wrapped))
	}
	if s.timeout != 0 {
		opts = append(opts, runner.Timeout(s.timeout))
	}
	if j.inCaller {
		return opts
	}
	if s.attempts != 0 {
		opts = append(opts, runner.RetryBackoff(s.attempts, func(n int) time.Duration { return w.backoff(j, n) }))
	}
	if s.once != "" {
		opts = append(opts, runner.Once(s.once))
	}
	if s.coalesce != "" {
		opts = append(opts, runner.Coalesce(s.coalesce))
	}
	if s.gate != nil {
		opts = append(opts, runner.When(func(r runner.Request) bool { return w.askedGate(j, r) }))
	}
	return opts
}

// forDo returns the spec without what Do does not take.
func (s spec) forDo() spec {
	s.attempts, s.once, s.coalesce, s.gate, s.gateName = 0, "", "", nil, ""
	return s
}

// specs reads the callbacks of a call of AfterAll. Bytes: 2 to 7 are its seed.
func (o op) specs() (all []spec) {
	seed := uint64(o[2])<<40 | uint64(o[3])<<32 | uint64(o[4])<<24 | uint64(o[5])<<16 | uint64(o[6])<<8 | uint64(o[7])
	rng := rand.New(rand.NewPCG(seed, 1))
	for range 1 + o[2]&3 {
		one := opOf(rng.Uint64())
		if rng.IntN(2) == 0 {
			one[5], one[6] = 0, 0 // plain
		}
		all = append(all, one.spec())
	}
	return all
}

// ask calls After, or what stands in for it.
type ask func(context.Context, string, func(context.Context) error, ...runner.Option) error
