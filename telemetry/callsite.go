package telemetry

import (
	"runtime"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// callSite is where a callback was asked for: the program counter of the call.
// 0: not known.
type callSite uintptr

// callSites remembers what is to be said of each call site.
type callSites struct {
	memo[callSite, []attribute.KeyValue]
}

// attrs says where a call site is.
func (c *callSites) attrs(site callSite) []attribute.KeyValue {
	if site == 0 {
		return nil
	}
	return c.of(site, site.resolve)
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
