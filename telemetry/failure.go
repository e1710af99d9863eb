package telemetry

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/afterglow-go/afterglow/runner"
)

// failure is what the record and the span of one event say of its error. The
// methods of an error are the user's code, so its texts are made once: by who
// asks first, and within that one's shield.
type failure struct {
	outcome runner.Outcome
	err     error

	message, errorType string // "" until somebody asks
}

// panicked is the panic that the callback ended in, or nil.
func (f *failure) panicked() *runner.PanicError {
	var p *runner.PanicError
	if f.outcome == runner.OutcomePanic && errors.As(f.err, &p) {
		return p
	}
	return nil
}

// thrown is the error, or what the callback panicked with.
func (f *failure) thrown() any {
	if p := f.panicked(); p != nil {
		return p.Value
	}
	return f.err
}

// thrownText is the text of that, bounded by maxError.
func (f *failure) thrownText() string {
	if f.message == "" {
		f.message = textOf(f.thrown(), maxError)
	}
	return f.message
}

// text is the text of the error.
func (f *failure) text() string {
	p := f.panicked()
	if p == nil {
		return f.thrownText()
	}
	if p == f.err { //nolint:errorlint // the panic alone; its Error method would ask its value again
		return "runner: callback panicked: " + f.thrownText()
	}
	return textOf(f.err, maxError)
}

// exception describes the error, or what the callback panicked with.
func (f *failure) exception() []attribute.KeyValue {
	attrs := []attribute.KeyValue{
		semconv.ExceptionType(typeOf(f.thrown())),
		semconv.ExceptionMessage(f.thrownText()),
	}
	if p := f.panicked(); p != nil {
		attrs = append(attrs, semconv.ExceptionStacktrace(stackOf(p.Stack)))
	}
	return attrs
}

// kind says in few different words what went wrong.
func (f *failure) kind() string {
	if f.errorType == "" {
		f.errorType = errorTypeOf(f.outcome, f.err)
	}
	return f.errorType
}

func errorTypeOf(o runner.Outcome, err error) (name string) {
	defer func() {
		if recover() != nil { // An Is, As or ErrorType method of the error has panicked.
			name = typeOf(err)
		}
	}()
	switch {
	case o != runner.OutcomeError:
		return o.String()
	case errors.Is(err, runner.ErrGoexit):
		return "goexit"
	}
	return bounded(semconv.ErrorType(err).Value.AsString(), maxType)
}
