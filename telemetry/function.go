package telemetry

import (
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// function is what spans and records say of the function that was asked to run.
type function struct {
	attrs []attribute.KeyValue // of spans
	text  string               // of records; empty: not known
}

// maxFunctions bounds what is remembered. A program has few functions that are asked
// for, and they do not change.
const maxFunctions = 1024

// functions remembers what is to be said of each function.
type functions struct {
	byEntry sync.Map // uintptr, a runner.Callback's Func -> *function
	known   atomic.Int64
}

// of returns what is to be said of a callback's function.
func (f *functions) of(cb *runner.Callback) *function {
	if known, ok := f.byEntry.Load(cb.Func); ok {
		return known.(*function)
	}
	said := describeFunction(cb.Function())
	if f.known.Load() < maxFunctions {
		if _, known := f.byEntry.LoadOrStore(cb.Func, said); !known {
			f.known.Add(1)
		}
	}
	return said
}

func describeFunction(f runner.Function) *function {
	if f.Name == "" {
		return new(function)
	}
	f.Name, f.File = bounded(f.Name, maxPlace), bounded(f.File, maxPlace)
	said := &function{text: f.String(), attrs: []attribute.KeyValue{attribute.String(names.AttrFunctionName, f.Name)}}
	if f.File != "" {
		said.attrs = append(said.attrs, attribute.String(names.AttrFunctionFile, f.File), attribute.Int(names.AttrFunctionLine, f.Line))
	}
	return said
}
