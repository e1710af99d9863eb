package runner

import (
	"net/http"
	"reflect"
	"strings"
)

// giveBack copies to req what the handler has set on inner, its copy of req. It writes
// nothing else, because other goroutines may read req. b is the body that inner began
// with; nil if there was none.
func giveBack(req, inner *http.Request, b *body) {
	if hasPathValues(req, inner) { // nothing but a copy of the whole request has them
		*req = *inner.WithContext(req.Context())
		if b != nil && req.Body == b {
			req.Body = b.ReadCloser
		}
		return
	}
	if b == nil {
		give(&req.Body, inner.Body)
	} else if inner.Body != b {
		req.Body = inner.Body
	}
	give(&req.Pattern, inner.Pattern)
	give(&req.Method, inner.Method)
	give(&req.URL, inner.URL)
	give(&req.Host, inner.Host)
	give(&req.RequestURI, inner.RequestURI)
	give(&req.RemoteAddr, inner.RemoteAddr)
	give(&req.ContentLength, inner.ContentLength)
	give(&req.MultipartForm, inner.MultipartForm)
	giveMap(&req.Header, inner.Header)
	giveMap(&req.Trailer, inner.Trailer)
	giveMap(&req.Form, inner.Form)
	giveMap(&req.PostForm, inner.PostForm)
}

// give sets a field if the handler has.
func give[T comparable](field *T, value T) {
	if *field != value {
		*field = value
	}
}

// giveMap sets a field if the handler has set it to another map.
func giveMap[M ~map[string][]string](field *M, value M) {
	if reflect.ValueOf(*field).Pointer() != reflect.ValueOf(value).Pointer() {
		*field = value
	}
}

// hasPathValues reports whether inner has path values that req has not: http.ServeMux
// has matched a pattern with wildcards, or SetPathValue was called.
func hasPathValues(req, inner *http.Request) bool {
	return inner.Pattern != req.Pattern && strings.Contains(inner.Pattern, "{") || pathValuesOf(req) != pathValuesOf(inner)
}

// pathValues is the field with what SetPathValue has set where no pattern has matched.
var pathValues, pathValuesFound = reflect.TypeFor[http.Request]().FieldByName("otherValues")

// pathValuesOf returns the address of the map of these values; 0 if there is none.
func pathValuesOf(req *http.Request) uintptr {
	if !pathValuesFound || pathValues.Type.Kind() != reflect.Map {
		return 0
	}
	return reflect.ValueOf(req).Elem().FieldByIndex(pathValues.Index).Pointer()
}
