package runner

import (
	"log"
	"path"
	"runtime"
	"strings"
)

// complains reports whether a call of a method is a mistake that net/http would log and
// ignore. It logs the mistake itself, with the line of the user's code: net/http would
// name ours.
func (w *response) complains(method string) bool {
	hijacked := w.hijacked.Load()
	if !hijacked && (method != "WriteHeader" || w.status.Load() == 0) {
		return false
	}
	if !isHTTP1Writer(w.inner) {
		return false // net/http logs nothing on HTTP/2, and another writer has rules of its own
	}
	logf := log.Printf //nolint:forbidigo // where net/http would log it
	if w.server != nil && w.server.ErrorLog != nil {
		logf = w.server.ErrorLog.Printf //nolint:forbidigo // as above
	}
	caller := userFrame()
	if hijacked {
		logf("http: response.%s on hijacked connection from %s (%s:%d)", method, caller.Function, path.Base(caller.File), caller.Line)
	} else {
		logf("http: superfluous response.%s call from %s (%s:%d)", method, caller.Function, path.Base(caller.File), caller.Line)
	}
	return true
}

// userFrame returns the innermost frame that is neither of this package nor of what
// calls a ResponseWriter for the user.
func userFrame() runtime.Frame {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	frame, more := frames.Next()
	for more && (strings.HasPrefix(frame.Function, packagePath+".") || strings.HasPrefix(frame.Function, "net/http.") || frame.Function == "io.WriteString") {
		frame, more = frames.Next()
	}
	return frame
}
