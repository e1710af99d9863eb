package telemetry

import (
	"go.opentelemetry.io/otel/attribute"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// function is what spans and records say of the function that was asked to run.
type function struct {
	attrs []attribute.KeyValue // of spans
	text  string               // of records; empty: not known
}

// functions remembers what is to be said of each function, by a callback's Func.
type functions struct {
	memo[uintptr, *function]
}

// of returns what is to be said of a callback's function.
func (f *functions) of(cb *runner.Callback) *function {
	return f.memo.of(cb.Func, func() *function { return describeFunction(cb.Function()) })
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
