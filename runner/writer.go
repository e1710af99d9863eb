package runner

import (
	"net/http"
	"reflect"
)

// isRecorder reports whether w is httptest's ResponseRecorder, or wraps one. It has no
// server: a middleware outside that writes its errors late must find it alive.
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
