package lambdaafter

import (
	"context"
	"errors"
	"fmt"

	"github.com/afterglow-go/afterglow/runner"
)

// ErrPanic is what callbacks find in runner.Request.Err, wrapped, after a panic of the function.
var ErrPanic = errors.New("lambdaafter: the function has panicked")

// Handler returns h as a handler for lambda.Start, whose invocations have a scope of after. The answer is what
// aws-lambda-go makes of h itself with its default options: JSON without escaped HTML, or, of an
// io.Reader that is not JSON, what it reads.
func Handler[In, Out any](after *runner.Runner, h func(context.Context, In) (Out, error)) func(context.Context, In) (*Response, error) {
	if h == nil {
		panic("lambdaafter: Handler of a nil function")
	}
	return func(ctx context.Context, in In) (res *Response, err error) {
		scope, release := after.Scope(ctx)
		end := func(err error) {
			release(err)
			_ = runner.Wait(scope) // ends with the invocation's deadline
		}
		returned := false
		defer func() {
			switch {
			case err != nil: // aws-lambda-go has no hook after it has reported that
				end(err)
			case !returned:
				cause := recover()
				end(fmt.Errorf("%w: %v", ErrPanic, cause))
				if cause != nil {
					panic(cause)
				}
			}
		}()
		out, err := h(scope, in)
		if err == nil {
			res, err = newResponse(out, func() { end(nil) })
		}
		returned = true
		return res, err
	}
}
