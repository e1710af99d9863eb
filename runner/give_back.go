package runner

import (
	"net/http"
	"reflect"
)

// giveBack copies to req what the handler has set on inner, its copy of req. If the
// handler has set nothing, it writes nothing, because other goroutines may read req. b is
// the body that inner began with; nil if there was none.
func giveBack(req, inner *http.Request, b *body) {
	if !isChanged(req, inner, b) {
		return
	}
	*req = *inner.WithContext(req.Context())
	if b != nil && req.Body == b {
		req.Body = b.ReadCloser
	}
}

// isChanged reports whether the handler has set a field of its copy.
func isChanged(req, by *http.Request, b *body) bool {
	return req.Pattern != by.Pattern ||
		req.Method != by.Method ||
		req.URL != by.URL ||
		req.Host != by.Host ||
		req.RequestURI != by.RequestURI ||
		req.RemoteAddr != by.RemoteAddr ||
		req.ContentLength != by.ContentLength ||
		req.MultipartForm != by.MultipartForm ||
		req.Body != by.Body && (b == nil || by.Body != b) ||
		differ(req.Header, by.Header) ||
		differ(req.Trailer, by.Trailer) ||
		differ(req.Form, by.Form) ||
		differ(req.PostForm, by.PostForm) ||
		pathValuesOf(req) != pathValuesOf(by)
}

// differ reports whether a and b are two maps, even if their contents are equal.
func differ[M ~map[string][]string](a, b M) bool {
	return reflect.ValueOf(a).Pointer() != reflect.ValueOf(b).Pointer()
}

// pathValues is the field with what SetPathValue has set where no pattern has matched.
var pathValues, hasPathValues = reflect.TypeFor[http.Request]().FieldByName("otherValues")

// pathValuesOf returns the address of the map of these values; 0 if there is none.
func pathValuesOf(req *http.Request) uintptr {
	if !hasPathValues || pathValues.Type.Kind() != reflect.Map {
		return 0
	}
	return reflect.ValueOf(req).Elem().FieldByIndex(pathValues.Index).Pointer()
}
