package runner

import (
	"io"
	"net/http"
)

// withCapabilities returns w with what its inner writer can do, and no more:
// callers ask by type assertion.
func (w *response) withCapabilities() http.ResponseWriter {
	f, h, r, p := canFlush{w}, canHijack{w}, canReadFrom{w}, canPush{w}
	_, flush := w.inner.(http.Flusher)
	_, hijack := w.inner.(http.Hijacker)
	_, readFrom := w.inner.(io.ReaderFrom)
	_, push := w.inner.(http.Pusher)
	_, notify := w.inner.(http.CloseNotifier) //nolint:staticcheck // handlers still ask for it
	if notify && flush {
		if nw := w.withCloseNotify(hijack, readFrom, push); nw != nil {
			return nw
		}
	}
	switch [4]bool{flush, hijack, readFrom, push} {
	case [4]bool{false, false, false, false}:
		return w
	case [4]bool{true, false, false, false}:
		return struct {
			*response
			canFlush
		}{w, f}
	case [4]bool{false, true, false, false}:
		return struct {
			*response
			canHijack
		}{w, h}
	case [4]bool{true, true, false, false}:
		return struct {
			*response
			canFlush
			canHijack
		}{w, f, h}
	case [4]bool{false, false, true, false}:
		return struct {
			*response
			canReadFrom
		}{w, r}
	case [4]bool{true, false, true, false}:
		return struct {
			*response
			canFlush
			canReadFrom
		}{w, f, r}
	case [4]bool{false, true, true, false}:
		return struct {
			*response
			canHijack
			canReadFrom
		}{w, h, r}
	case [4]bool{true, true, true, false}: // HTTP/1.x
		return struct {
			*response
			canFlush
			canHijack
			canReadFrom
		}{w, f, h, r}
	case [4]bool{false, false, false, true}:
		return struct {
			*response
			canPush
		}{w, p}
	case [4]bool{true, false, false, true}: // HTTP/2
		return struct {
			*response
			canFlush
			canPush
		}{w, f, p}
	case [4]bool{false, true, false, true}:
		return struct {
			*response
			canHijack
			canPush
		}{w, h, p}
	case [4]bool{true, true, false, true}:
		return struct {
			*response
			canFlush
			canHijack
			canPush
		}{w, f, h, p}
	case [4]bool{false, false, true, true}:
		return struct {
			*response
			canReadFrom
			canPush
		}{w, r, p}
	case [4]bool{true, false, true, true}:
		return struct {
			*response
			canFlush
			canReadFrom
			canPush
		}{w, f, r, p}
	case [4]bool{false, true, true, true}:
		return struct {
			*response
			canHijack
			canReadFrom
			canPush
		}{w, h, r, p}
	default:
		return struct {
			*response
			canFlush
			canHijack
			canReadFrom
			canPush
		}{w, f, h, r, p}
	}
}

// withCloseNotify is withCapabilities for those writers that can flush and tell
// of closing: net/http's own, and what common wrappers make of them. It returns
// nil for other combinations, which go without CloseNotify.
func (w *response) withCloseNotify(hijack, readFrom, push bool) http.ResponseWriter {
	f, h, r, n, p := canFlush{w}, canHijack{w}, canReadFrom{w}, canNotify{w}, canPush{w}
	switch [3]bool{hijack, readFrom, push} {
	case [3]bool{false, false, false}:
		return struct {
			*response
			canFlush
			canNotify
		}{w, f, n}
	case [3]bool{true, false, false}:
		return struct {
			*response
			canFlush
			canHijack
			canNotify
		}{w, f, h, n}
	case [3]bool{true, true, false}: // HTTP/1.x
		w.http1 = http1Response{w, f, h, r, n}
		return &w.http1
	case [3]bool{false, false, true}: // HTTP/2
		return struct {
			*response
			canFlush
			canNotify
			canPush
		}{w, f, n, p}
	}
	return nil
}
