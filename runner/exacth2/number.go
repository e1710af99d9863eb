package exacth2

import (
	"net/http"
	"reflect"
	"sync"
)

// numberOf returns the number of the stream that w writes to. net/http keeps it in a
// private field, stream.id of a field rws.
func numberOf(w http.ResponseWriter) (number uint32, ok bool) {
	t := reflect.TypeOf(w)
	p, known := paths.Load(t)
	if !known {
		p, _ = paths.LoadOrStore(t, pathFrom(t))
	}
	v := reflect.ValueOf(w)
	for _, index := range p.(path) {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return 0, false
			}
			v = v.Elem()
		}
		var err error
		if v, err = v.FieldByIndexErr(index); err != nil {
			return 0, false // an embedded pointer is nil
		}
	}
	if v.Kind() != reflect.Uint32 || v.Uint() == 0 {
		return 0, false
	}
	return uint32(v.Uint()), true
}

var paths sync.Map // reflect.Type of a ResponseWriter -> path

// path leads from a value to a field, over fields that are structs or pointers to them.
type path [][]int

// pathFrom returns the path from t to the stream's number; nil if this version of net/http
// has other fields.
func pathFrom(t reflect.Type) path {
	var p path
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
		p = append(p, f.Index)
		t = f.Type
	}
	if t.Kind() != reflect.Uint32 {
		return nil
	}
	return p
}
