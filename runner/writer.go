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
		if isType(w, "net/http/httptest", "ResponseRecorder") {
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
func isTimeoutWriter(w http.ResponseWriter) bool { return isType(w, "net/http", "timeoutWriter") }

// isHTTP1Writer reports whether w is net/http's own writer on HTTP/1.x.
func isHTTP1Writer(w http.ResponseWriter) bool { return isType(w, "net/http", "response") }

// isServerWriter reports whether w is net/http's own writer, and nothing around it.
// That of HTTP/2 has another name in Go 1.27.
func isServerWriter(w http.ResponseWriter) bool {
	return isHTTP1Writer(w) || isType(w, "net/http", "http2responseWriter") || isType(w, "net/http", "http2ResponseWriter")
}

// isType reports whether w is of that type, or a pointer to it. The types are not
// exported, or in packages that this one must not import.
func isType(w http.ResponseWriter, pkg, name string) bool {
	t := reflect.TypeOf(w)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == pkg && t.Name() == name
}
