package exacth2

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// A version of net/http with other fields gives no number. This test is beside the code, and
// needs the standard library only, as no version of Go that there is would show it through
// the exported API.
func TestAnUnknownResponseWriterHasNoNumber(t *testing.T) {
	type (
		stream struct{ id uint32 }
		wide   struct{ id uint64 }
	)
	for name, w := range map[string]http.ResponseWriter{
		"no field":         httptest.NewRecorder(),
		"another type":     struct{ http.ResponseWriter }{},
		"no stream":        &writer[struct{ number uint32 }]{},
		"a wider number":   &writer[struct{ stream *wide }]{rws: &struct{ stream *wide }{&wide{1}}},
		"nil":              &writer[struct{ stream *stream }]{},
		"a stream of nil":  &writer[struct{ stream *stream }]{rws: &struct{ stream *stream }{}},
		"stream number 0":  &writer[struct{ stream *stream }]{rws: &struct{ stream *stream }{&stream{}}},
		"not even a field": writerFunc(nil),
		"embedded nil":     embedding{},
	} {
		if n, ok := numberOf(w); ok {
			t.Errorf("%s: %d", name, n)
		}
	}
	if n, ok := numberOf(&writer[struct{ stream *stream }]{rws: &struct{ stream *stream }{&stream{7}}}); n != 7 || !ok {
		t.Errorf("the fields that there are lead to %d, %v", n, ok)
	}
	var inner writer[struct{ stream *struct{ id uint32 } }]
	inner.rws = &struct{ stream *struct{ id uint32 } }{&struct{ id uint32 }{9}}
	if n, ok := numberOf(embedding{&inner}); n != 9 || !ok {
		t.Errorf("the fields of an embedded pointer lead to %d, %v", n, ok)
	}
}

type writer[T any] struct {
	http.ResponseWriter
	rws *T
}

// embedding is like the writer of Go 1.27.
type embedding struct {
	*writer[struct{ stream *struct{ id uint32 } }]
}

type writerFunc func()

func (writerFunc) Header() http.Header         { return nil }
func (writerFunc) Write(p []byte) (int, error) { return len(p), nil }
func (writerFunc) WriteHeader(int)             {}
