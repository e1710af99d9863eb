package exacth2

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
)

// numberOf returns the number of the stream that w writes to. net/http keeps it in a
// private field, stream.id of a field rws.
func numberOf(w http.ResponseWriter) (number uint32, ok bool) {
	t := reflect.TypeOf(w)
	way, known := ways.Load(t)
	if !known {
		way, _ = ways.LoadOrStore(t, wayIn(t))
	}
	v := reflect.ValueOf(w)
	for _, index := range way.(path) {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return 0, false
			}
			v = v.Elem()
		}
		v = v.FieldByIndex(index)
	}
	if v.Kind() != reflect.Uint32 || v.Uint() == 0 {
		unknown.Do(func() {
			slog.LogAttrs(context.Background(), slog.LevelWarn,
				"afterglow: callbacks of HTTP/2 requests start when their handler has returned, as this version of net/http is not known",
				slog.String("writer", t.String()))
		})
		return 0, false
	}
	return uint32(v.Uint()), true
}

var (
	ways    sync.Map // reflect.Type of a ResponseWriter -> path
	unknown sync.Once
)

// path leads from a value to a field, over fields that are structs or pointers to them.
type path [][]int

// wayIn returns the path from t to the stream's number; nil if this version of net/http
// has other fields.
func wayIn(t reflect.Type) path {
	var way path
	for _, name := range []string{"rws", "stream", "id"} {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return nil
		}
		f, ok := t.FieldByName(name)
		if !ok {
			return nil
		}
		way = append(way, f.Index)
		t = f.Type
	}
	if t.Kind() != reflect.Uint32 {
		return nil
	}
	return way
}
