package tests

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// program is what the simulator does to one runner. It is made of bytes, so
// that a seed and a fuzzer make programs in the same way, and a failing one is
// shrunk by leaving operations out and setting bytes to zero, which stands for
// the simplest choice everywhere.
type program struct {
	head head
	ops  []op
}

type (
	head [16]byte
	op   [8]byte
)

// maxOps bounds the programs of a fuzzer; seeds make shorter ones.
const maxOps = 400

// programOf reads a program from bytes. What is missing of the head is zero; an
// operation that is cut off does not count.
func programOf(data []byte) (p program) {
	n := copy(p.head[:], data)
	for data = data[n:]; len(data) >= len(op{}) && len(p.ops) < maxOps; data = data[len(op{}):] {
		p.ops = append(p.ops, op(data[:len(op{})]))
	}
	return p
}

// programFrom makes the program of a seed.
func programFrom(seed uint64) (p program) {
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	for i := range p.head {
		p.head[i] = byte(rng.Uint32())
	}
	p.ops = make([]op, 20+rng.IntN(180))
	for i := range p.ops {
		p.ops[i] = opOf(rng.Uint64())
	}
	return p
}

func opOf(bits uint64) (o op) {
	for i := range o {
		o[i] = byte(bits >> (8 * i))
	}
	return o
}

func (p program) bytes() []byte {
	b := p.head[:]
	for _, o := range p.ops {
		b = append(b, o[:]...)
	}
	return b
}

// String lists the program, first as bytes for -sim.program.
func (p program) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-sim.program=%x\n%v\n", p.bytes(), p.head)
	for i, o := range p.ops {
		fmt.Fprintf(&b, "%3d %v\n", i, o)
	}
	return b.String()
}

func pick[T any](b byte, of ...T) T { return of[int(b)%len(of)] }

// config is the runner's, without observers.
func (h head) config() runner.Config {
	cfg := runner.Config{
		Workers:        pick(h[0], 1, 2, 1, 3, 4),
		Queue:          pick(h[1], 1, 2, 3, 4, 5, 8, 30),
		Overflow:       runner.Overflow(h[2] % 4),
		Timeout:        pick(h[3], 100*time.Millisecond, time.Second, 300*time.Millisecond, 20*time.Millisecond, -1, 0),
		Grace:          pick(h[4], 0, 10*time.Millisecond, 100*time.Millisecond, 3*time.Second),
		MaxOverrunning: pick(h[5], 0, 1, 2, 8),
		Limits:         map[string]int{},
	}
	for i, n := range []byte{h[6] & 3, h[6] >> 2 & 3, h[6] >> 4 & 3} {
		if n > 0 {
			cfg.Limits[simNames[i]] = int(n)
		}
	}
	if cfg.Overflow == runner.Block {
		cfg.MaxWait = pick(h[7], 0, time.Millisecond, 100*time.Millisecond, 5*time.Second)
	}
	return cfg
}

// coarse tells that times are multiples of a tick, so that many things happen
// at one instant. Otherwise nearly none do, and a program always goes the same
// way.
func (h head) coarse() bool { return h[8]&3 == 3 }

// panics tells that an observer panics now and then.
func (h head) panics() bool { return h[9]&7 == 7 }

// slow tells that an observer takes its time now and then.
func (h head) slow() bool { return h[14]&3 == 3 }

// slowness is how long such an observer takes.
func (h head) slowness() time.Duration {
	return pick(h[15], time.Millisecond, 5*time.Millisecond, 30*time.Millisecond)
}

// restFirst tells that the runner comes to rest before the last Shutdown.
func (h head) restFirst() bool { return h[10]&1 == 0 }

func (h head) String() string {
	cfg := h.config()
	return fmt.Sprintf("Workers %d, Queue %d, %v (MaxWait %v), Timeout %v, Grace %v, MaxOverrunning %d, Limits %v, coarse %t, observers panic %t, exit %t, are slow %t (%v), rest before the end %t",
		cfg.Workers, cfg.Queue, cfg.Overflow, cfg.MaxWait, cfg.Timeout, cfg.Grace, cfg.MaxOverrunning, cfg.Limits, h.coarse(), h.panics(), h.exits(), h.slow(), h.slowness(), h.restFirst())
}

// simNames are the callbacks' names; the last one never has a limit.
var simNames = []string{"a", "b", "c", "d"}

// kind is what an operation does.
type kind byte

const (
	askGo kind = iota
	askAfter
	askTrack
	flood
	openScope
	openRequest
	release
	sleep
	letGo
	stopAsker
	waitScope
	shutdown
	jam
)

var kindNames = [...]string{"Go", "After", "Track", "flood", "Scope", "request", "release", "sleep", "let go", "cancel an asker", "Wait", "Shutdown", "jam"}

// kinds has every kind as often as it shall come up.
var kinds = func() (all []kind) {
	for k, n := range [...]int{askGo: 26, askAfter: 34, askTrack: 5, flood: 3, openScope: 6, openRequest: 10, release: 16, sleep: 32, letGo: 8, stopAsker: 3, waitScope: 3, shutdown: 1} {
		for range n {
			all = append(all, kind(k))
		}
	}
	return all
}()

// firstJam is the first byte that stands for a jam. It is set apart from the
// kinds so that the fuzzer's corpus keeps its meaning.
const firstJam = 244

func (o op) kind() kind {
	if o[0] >= firstJam {
		return jam
	}
	return kinds[int(o[0])%len(kinds)]
}

// sleep is how long an operation sleep takes.
func (o op) sleep() time.Duration {
	return pick(o[1], 10*time.Millisecond, time.Millisecond, 20*time.Millisecond, 50*time.Millisecond, 100*time.Millisecond, 200*time.Millisecond,
		500*time.Millisecond, time.Second, 2*time.Second, 3*time.Second, 40*time.Second)
}

// patience is how long a Shutdown or a Wait has; negative: its context is
// canceled already; 0: for ever.
func (o op) patience() time.Duration {
	return pick(o[1], time.Second, 0, -1, time.Nanosecond, time.Millisecond, 50*time.Millisecond, 300*time.Millisecond, 5*time.Second, time.Minute)
}

func (o op) String() string {
	k := o.kind()
	text := kindNames[k]
	switch k {
	case askGo, askTrack, flood:
		text += " " + o.spec().String()
	case askAfter:
		text += fmt.Sprintf(" in scope %d: %v", o[1], o.spec())
	case openRequest:
		text += fmt.Sprintf(" that ends with %v", o.response())
	case release, waitScope:
		text += fmt.Sprintf(" %d", o[1])
	case sleep:
		text += fmt.Sprintf(" %v", o.sleep())
	case jam:
		hanging, waiting := o.jam()
		text += fmt.Sprintf(" with %v before %v", hanging, waiting)
	case shutdown:
		text += fmt.Sprintf(" within %v", o.patience())
	}
	return text
}
