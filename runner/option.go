package runner

import (
	"cmp"
	"context"
	"strings"
	"time"
	"unicode/utf8"
)

// Option changes one callback. Options are values, and the same one may be used
// many times. Of several of the same kind the last one counts. The zero Option
// does nothing.
type Option struct {
	kind     optionKind
	duration time.Duration
	attempts int
	backoff  Backoff
	key      string
	gate     func(Request) bool
	entry    uintptr
	caller   uintptr
}

type optionKind uint8

const (
	withTimeout optionKind = iota + 1
	withRetry
	withOnce
	withCoalesce
	withGate
	withRef
	withWraps
	withCaller
)

// Timeout is how long the callback may run, from the start of each attempt; it
// overrides Config.Timeout. 0 leaves Config.Timeout in force; a negative d
// means no timeout.
func Timeout(d time.Duration) Option { return Option{kind: withTimeout, duration: d} }

// Retry runs the callback up to attempts times in all, until it returns nil.
// Between two attempts it waits as Exponential(100*time.Millisecond,
// 10*time.Second) says; [RetryBackoff] waits otherwise, and so does an error that is
// marked with [RetryIn].
//
// An error and a timeout are retried; a panic, Goexit, an error marked
// [Permanent] and the shutdown's cancellation end the callback. The wait holds
// no worker and no place of the queue. It takes a place of Config.MaxPaused, until the
// next attempt starts, so that a storm of failures stays bounded. After rejects a
// callback with Retry with [ErrPausedFull] if too many wait so. [DropOldest] does not
// evict a callback after its first attempt. The outcome is that of the last attempt. A
// drain lets the wait take its time. If the drain gives up meanwhile, the callback ends
// as [OutcomeCanceled].
//
// Fewer than 2 attempts mean no retry.
func Retry(attempts int) Option {
	return RetryBackoff(attempts, Exponential(defaultBackoffBase, defaultBackoffLimit))
}

// RetryBackoff is [Retry] with another backoff. If backoff panics, the callback
// ends as [OutcomePanic]; if it calls runtime.Goexit, there is no other attempt.
// A nil backoff means no wait.
func RetryBackoff(attempts int, backoff Backoff) Option {
	if backoff == nil {
		backoff = func(int) time.Duration { return 0 }
	}
	return Option{kind: withRetry, attempts: attempts, backoff: backoff}
}

// Once lets a callback of this name and key be asked for once in a scope:
// further calls of After with the same are accepted and end as [OutcomeCoalesced],
// whether the first has run yet or not. One that was rejected does not count.
// Go has no scope: there Once is an error, [ErrNoScope]. The empty key is a key
// like any other.
func Once(key string) Option { return Option{kind: withOnce, key: key} }

// Coalesce merges the callback with one of the same name and key that is due
// and has not started: a thousand requests, one revalidation of the cache. The
// newest function takes the waiting one's turn, with options of its own, so
// that under steady traffic it runs all the same, and the one it replaces ends
// as [OutcomeCoalesced]. One that is running does not absorb a new one, as it may have
// read the old state already; nor does one whose response is not done, as the
// newest function must not run before its own response; nor does a later
// attempt of [Retry]. The empty key is a key like any other.
func Coalesce(key string) Option { return Option{kind: withCoalesce, key: key} }

// When runs the callback only if gate says yes, and ends it as [OutcomeSkipped]
// otherwise: When(runner.Request.Succeeded) keeps the mail of an order that
// failed. gate is called once, when the callback becomes due, on a goroutine of
// the runner, with the frozen request; nil always says yes. The callbacks of the
// scope that were asked for later wait for it. A callback that belongs to no
// request runs without being asked. If gate panics or calls runtime.Goexit, the
// callback ends as if it had done so itself. A callback has one gate, the last one
// given.
func When(gate func(Request) bool) Option { return Option{kind: withGate, gate: gate} }

// maxRef bounds what is kept of a reference, in bytes.
const maxRef = 100

// Ref is your own reference of this one callback, such as "order 7". It says which
// order was lost, where the name says only what was: observers get it as
// [Callback].Ref, and the [Report] of a drain as [Lost].Ref. Telemetry puts it on the
// span and into every log record of the callback, and never into a metric. It may
// vary with each call, as a name must not. Do not put into it what must not be in a
// log.
//
// At most 100 bytes of a ref are kept: a longer ref is cut before the rune that does
// not fit. Invalid UTF-8 is replaced. An empty ref means no reference.
func Ref(ref string) Option {
	if len(ref) > maxRef {
		ref = strings.Clone(cutRef(ref)) // so that the rest can be collected
	}
	if !utf8.ValidString(ref) {
		ref = cutRef(strings.ToValidUTF8(ref, string(utf8.RuneError)))
	}
	return Option{kind: withRef, key: ref}
}

// Wraps says that the callback's function only wraps fn. Spans, log records and
// [Callback.Function] then name fn. Without Wraps, all callbacks of a helper like this
// one have the name of the function in the helper:
//
//	func (s *server) after(ctx context.Context, name string, fn func(context.Context) error) error {
//		return runner.After(ctx, name, func(ctx context.Context) error {
//			return s.inTransaction(ctx, fn)
//		}, runner.Wraps(fn))
//	}
//
// The runner never calls fn itself. A nil fn changes nothing.
func Wraps(fn func(context.Context) error) Option {
	return Option{kind: withWraps, entry: entryOf(fn)}
}

// Caller says which line asks, for a package that has an After of its own. pc is a return address, as
// [runtime.Callers] gives it. Spans, and the record of a call that is a mistake, then name this line. Without Caller
// they name the line in that package which calls the runner:
//
//	func After(ctx context.Context, name string, q *Queue, in Input) error {
//		var pcs [1]uintptr
//		runtime.Callers(2, pcs[:]) // the line that calls this function
//		return runner.After(ctx, name, q.enqueue(in), runner.Caller(pcs[0]))
//	}
//
// 0 changes nothing.
func Caller(pc uintptr) Option { return Option{kind: withCaller, caller: pc} }

// callerIn returns the line that the options name; otherwise the one that is given.
func callerIn(opts []Option, otherwise uintptr) uintptr {
	for i := range opts {
		if opts[i].kind == withCaller {
			otherwise = cmp.Or(opts[i].caller, otherwise)
		}
	}
	return otherwise
}

// cutRef returns as many runes of a reference as are kept.
func cutRef(ref string) string {
	if len(ref) <= maxRef {
		return ref
	}
	cut := maxRef
	for cut > maxRef-utf8.UTFMax && !utf8.RuneStart(ref[cut]) {
		cut--
	}
	return ref[:cut]
}

// policy is what options ask of a task beyond its timeout. Most tasks have
// none.
type policy struct {
	attempts int // in all; 0 and 1: no retry
	backoff  Backoff
	once     *mergeKey
	coalesce *mergeKey
	gate     func(Request) bool
	ref      string // of the callback; empty: none
}

// mergeKey is what callbacks that may be merged have in common.
type mergeKey struct{ name, key string }

// apply sets what the option asks of a new task.
func (o Option) apply(t *task) {
	switch o.kind {
	case 0:
		return
	case withTimeout:
		t.timeout = max(cmp.Or(o.duration, t.runner.cfg.Timeout), 0)
		return
	case withWraps:
		t.entry = cmp.Or(o.entry, t.entry)
		return
	case withCaller:
		return // see callerIn
	}
	if t.policy == nil {
		t.policy = new(policy)
	}
	switch o.kind {
	case withRetry:
		t.policy.attempts, t.policy.backoff = o.attempts, o.backoff
	case withOnce:
		t.policy.once = &mergeKey{t.name, o.key}
	case withCoalesce:
		t.policy.coalesce = &mergeKey{t.name, o.key}
	case withGate:
		t.policy.gate = o.gate
	case withRef:
		t.policy.ref = o.key
	}
}

// isForDo reports whether the option makes sense where nothing waits.
func (o Option) isForDo() bool {
	switch o.kind {
	case 0, withTimeout, withRef, withWraps, withCaller:
		return true
	default:
		return false
	}
}
