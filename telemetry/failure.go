package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/afterglow-go/afterglow/runner"
)

// exceptionOf describes an error, or what a callback panicked with.
func exceptionOf(o runner.Outcome, err error) []attribute.KeyValue {
	var thrown any = err
	var panicked *runner.PanicError
	isPanic := o == runner.Panicked && errors.As(err, &panicked)
	if isPanic {
		thrown = panicked.Value
	}
	attrs := []attribute.KeyValue{
		semconv.ExceptionType(typeOf(thrown)),
		semconv.ExceptionMessage(textOf(thrown, maxError)),
	}
	if isPanic {
		attrs = append(attrs, semconv.ExceptionStacktrace(stackOf(panicked.Stack)))
	}
	return attrs
}

// errorTypeOf says in few different words what went wrong.
func errorTypeOf(o runner.Outcome, err error) (name string) {
	defer func() {
		if recover() != nil { // An Is, As or ErrorType method of the error has panicked.
			name = typeOf(err)
		}
	}()
	switch {
	case o != runner.Failed:
		return o.String()
	case errors.Is(err, runner.ErrGoexit):
		return "goexit"
	}
	return bounded(semconv.ErrorType(err).Value.AsString(), maxType)
}
