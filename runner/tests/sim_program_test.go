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

// plenty is more than any program takes.
const plenty = 1 << 20

// config is the runner's, without observers.
func (h head) config() runner.Config {
	cfg := runner.Config{
		Workers:    pick(h[0], 1, 2, 1, 3, 4),
		Queue:      pick(h[1], 1, 2, 3, 4, 5, 8, 30),
		Timeout:    pick(h[3], 100*time.Millisecond, time.Second, 300*time.Millisecond, 20*time.Millisecond, -1, 0),
		StuckAfter: pick(h[4], 0, 10*time.Millisecond, 100*time.Millisecond, 3*time.Second),
		MaxStuck:   pick(h[5], 0, 1, 2, 8),
		MaxNames:   pick(h[5]>>2, 0, 0, 0, 4, 0, 2, 1, 3),
		Limits:     map[string]int{},
	}
	block := runner.Block(pick(h[7], time.Second, time.Millisecond, 100*time.Millisecond, 5*time.Second))
	cfg.Overflow = pick(h[2], runner.Reject, block, runner.DropOldest, block)
	for i, n := range []byte{h[6] & 3, h[6] >> 2 & 3, h[6] >> 4 & 3} {
		if n > 0 {
			cfg.Limits[simNames[i]] = int(n)
		}
	}
	aside := pick(h[9]>>6, plenty, plenty, 2, 6)
	if cfg.MaxNames > 0 { // the model does not know which names share a book
		aside = plenty
	}
	cfg.MaxReserved, cfg.MaxHeld, cfg.MaxPaused = aside, aside, aside
	if h[7]>>2&1 == 1 {
		cfg.Names = []string{"declared", simNames[3]}
	}
	return cfg
}

// coarse reports whether times are multiples of a tick, so that many things happen
// at one instant. Otherwise nearly none do, and a program always goes the same
// way.
func (h head) coarse() bool { return h[8]&3 == 3 }

// sight is what the model sees of a runner.
type sight uint8

const (
	seesAll   sight = iota // each event
	seesEnds               // failures, and what else is rare
	seesFails              // failures
	blind                  // nothing: the runner has no observer
)

func (h head) sight() sight {
	return pick(h[10]>>1, seesAll, seesAll, seesAll, seesAll, seesAll, seesEnds, seesFails, blind)
}

// watches reports whether a goroutine takes snapshots all the time.
func (h head) watches() bool { return h[10]>>4&1 == 1 }

// panics reports whether an observer panics now and then.
func (h head) panics() bool { return h.sight() == seesAll && h[9]&7 == 7 }

// slow reports whether an observer takes its time now and then.
func (h head) slow() bool { return h.sight() == seesAll && h[14]&3 == 3 }

// slowness is how long such an observer takes.
func (h head) slowness() time.Duration {
	return pick(h[15], time.Millisecond, 5*time.Millisecond, 30*time.Millisecond)
}

// restFirst reports whether the runner comes to rest before the last Shutdown.
func (h head) restFirst() bool { return h[10]&1 == 0 }

func (h head) String() string {
	cfg := h.config()
	return fmt.Sprintf("Workers %d, Queue %d, aside %d, %v, Timeout %v, StuckAfter %v, MaxStuck %d, MaxNames %d, Names %v, Limits %v, coarse %t, sight %d, watched %t, observers panic %t, exit %t, are slow %t (%v), rest before the end %t",
		cfg.Workers, cfg.Queue, cfg.MaxHeld, cfg.Overflow, cfg.Timeout, cfg.StuckAfter, cfg.MaxStuck, cfg.MaxNames, cfg.Names, cfg.Limits,
		h.coarse(), h.sight(), h.watches(), h.panics(), h.exits(), h.slow(), h.slowness(), h.restFirst())
}

// simNames are the callbacks' names; the last one never has a limit. Some programs
// ask for rareNames too, more of them than a runner may count apart.
var (
	simNames  = []string{"a", "b", "c", "d"}
	rareNames = []string{"e", "f", "other", "g"}
)

// kind is what an operation does.
type kind byte

const (
	askGo kind = iota
	askAfter
	askDo
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
	askAll
)

var kindNames = [...]string{"Go", "After", "Do", "flood", "Scope", "request", "release", "sleep", "let go", "cancel an asker", "Wait", "Shutdown", "jam", "AfterAll"}

// kinds has every kind as often as it shall come up.
var kinds = func() (all []kind) {
	for k, n := range [...]int{askGo: 26, askAfter: 34, askDo: 5, flood: 3, openScope: 6, openRequest: 10, release: 16, sleep: 32, letGo: 8, stopAsker: 3, waitScope: 3, shutdown: 1} {
		for range n {
			all = append(all, kind(k))
		}
	}
	return all
}()

// firstJam and firstAll are the first bytes that stand for a jam, and for a call
// of AfterAll. They are set apart from the kinds so that the fuzzer's corpus keeps
// its meaning.
const (
	firstAll = 236
	firstJam = 244
)

func (o op) kind() kind {
	switch {
	case o[0] >= firstJam:
		return jam
	case o[0] >= firstAll:
		return askAll
	default:
		return kinds[int(o[0])%len(kinds)]
	}
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
	case askGo, askDo, flood:
		text += " " + o.spec().String()
	case askAfter:
		text += fmt.Sprintf(" in scope %d: %v", o[1], o.spec())
	case askAll:
		text += fmt.Sprintf(" in scope %d: %v", o[1], o.specs())
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
