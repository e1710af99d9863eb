package runner

import (
	"net/http"
	"reflect"
)

// isRecorder reports whether w is httptest's ResponseRecorder, or wraps one. A recorder
// has no server that says when its handler has returned, so its writer never dies:
// middleware outside can write late errors in a test too.
func isRecorder(w http.ResponseWriter) bool {
	for {
		if reflect.TypeOf(w).String() == "*httptest.ResponseRecorder" {
			return true
		}
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return false
		}
		if w = wrapper.Unwrap(); w == nil {
			return false
		}
	}
}

// isTimeoutWriter reports whether w is the writer of http.TimeoutHandler.
func isTimeoutWriter(w http.ResponseWriter) bool {
	return reflect.TypeOf(w).String() == "*http.timeoutWriter"
}

// isServerWriter reports whether w is net/http's own writer, and nothing around it.
func isServerWriter(w http.ResponseWriter) bool {
	t := reflect.TypeOf(w)
	return t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "net/http" && (t.Elem().Name() == "response" || t.Elem().Name() == "http2responseWriter")
}
