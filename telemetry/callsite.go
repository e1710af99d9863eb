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

// maxSites bounds what is remembered. A program has few places that ask for
// callbacks, and they do not change.
const maxSites = 1024

// callSites remembers what is to be said of each call site.
type callSites struct {
	attrsOf sync.Map // callSite -> []attribute.KeyValue
	known   atomic.Int64
}

// attrs says where a call site is.
func (c *callSites) attrs(site callSite) []attribute.KeyValue {
	if site == 0 {
		return nil
	}
	if attrs, ok := c.attrsOf.Load(site); ok {
		return attrs.([]attribute.KeyValue)
	}
	attrs := site.resolve()
	if c.known.Load() < maxSites {
		if _, known := c.attrsOf.LoadOrStore(site, attrs); !known {
			c.known.Add(1)
		}
	}
	return attrs
}

func (site callSite) resolve() []attribute.KeyValue {
	f, _ := runtime.CallersFrames([]uintptr{uintptr(site)}).Next()
	if f.Function == "" || strings.HasPrefix(f.Function, "runtime.") { // a go statement, or a panic that runs what was deferred
		return nil
	}
	return []attribute.KeyValue{
		semconv.CodeFunctionName(bounded(f.Function, maxPlace)),
		semconv.CodeFilePath(bounded(f.File, maxPlace)),
		semconv.CodeLineNumber(f.Line),
	}
}
