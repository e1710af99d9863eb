package telemetry

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// callSite is where a callback was asked for: the program counter of the call.
// 0: not known.
type callSite uintptr

const (
	// maxDepth is how far up a call site is looked for. The runner and this
	// package are about a dozen calls deep; the rest is for who wraps an
	// Observer.
	maxDepth = 64
	// maxFrames bounds what is remembered. A program has few places that ask
	// for callbacks, and they do not change.
	maxFrames = 1024
)

// callSites finds call sites and remembers what is to be said of each. Its map
// is replaced and never changed, as those of the catalog are.
type callSites struct {
	mu     sync.Mutex // held while frames is replaced
	frames atomic.Pointer[map[uintptr]frame]
}

// frame is what is known of one call on a stack.
type frame struct {
	inRunner bool
	attrs    []attribute.KeyValue // of a call outside the runner; none of one in package runtime
}

func newCallSites() *callSites {
	c := new(callSites)
	c.frames.Store(&map[uintptr]frame{})
	return c
}

// here returns the innermost call on this goroutine's stack that led into the
// runner: what is below it is the runner's, an observer's, or our own. Between
// them may be the runtime, which runs what a panicking function has deferred. A
// goroutine that does nothing but ask has no such call.
func (c *callSites) here() callSite {
	const skip = 2      // runtime.Callers and here
	var pcs [13]uintptr // mostly as deep as that, and each frame costs
	inRunner := false
	for depth := skip; depth < maxDepth; depth += len(pcs) {
		n := runtime.Callers(depth, pcs[:])
		for _, pc := range pcs[:n] {
			f := c.frame(pc)
			switch {
			case f.inRunner:
				inRunner = true
			case inRunner && len(f.attrs) > 0:
				return callSite(pc)
			}
		}
		if n < len(pcs) {
			break
		}
	}
	return 0
}

// attrs says where a call site is.
func (c *callSites) attrs(site callSite) []attribute.KeyValue {
	if site == 0 {
		return nil
	}
	return c.frame(uintptr(site)).attrs
}

func (c *callSites) frame(pc uintptr) frame {
	if f, ok := (*c.frames.Load())[pc]; ok {
		return f
	}
	f := resolve(pc)
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := *c.frames.Load(); len(known) < maxFrames {
		c.frames.Store(with(known, pc, f))
	}
	return f
}

func resolve(pc uintptr) frame {
	f, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	if strings.HasPrefix(f.Function, ownFrames) {
		return frame{inRunner: true}
	}
	if f.Function == "" || strings.HasPrefix(f.Function, "runtime.") {
		return frame{}
	}
	return frame{attrs: []attribute.KeyValue{
		semconv.CodeFunctionName(bounded(f.Function, maxPlace)),
		semconv.CodeFilePath(bounded(f.File, maxPlace)),
		semconv.CodeLineNumber(f.Line),
	}}
}
