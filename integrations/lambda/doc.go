// Package lambdaafter runs callbacks after the responses of an AWS Lambda function
// (github.com/aws/aws-lambda-go).
//
// # Usage
//
//	after, err := runner.New(runner.Config{Timeout: 10 * time.Second}) // below the function's own
//	…
//	lambda.StartWithOptions(lambdaafter.Handler(after, placeOrder),
//		lambda.WithEnableSIGTERM(func() { after.Shutdown(ctx) }))
//
//	func placeOrder(ctx context.Context, order Order) (Receipt, error) {
//		err := runner.After(ctx, "order.email", func(ctx context.Context) error { return sendMail(ctx, order) })
//		…
//	}
//
// A net/http handler of a function URL: lambdaafter.Handler(after, lambdaurl.Wrap(mux)).
//
// # What holds
//
// Lambda freezes a process between two invocations. The response of an invocation leaves, then its
// callbacks run, and when they have ended the process asks for the next invocation. aws-lambda-go closes a
// response that is an io.Closer when the platform has accepted it, and before it asks; the response of
// [Handler] waits there. The caller does not wait: it has its response.
//
// The invocation lasts until its callbacks have ended, with their retries, and is paid for that long. What
// has not ended at the invocation's deadline is left to the next one, if there is one: the platform may end
// the process. So set runner.Config.Timeout, and no long waits between attempts. What Go and Do take in is
// not waited for.
//
// # Failures
//
// If the function returns an error or panics, aws-lambda-go reports that, and no hook follows. So callbacks run
// before: the caller of a failed invocation waits for them. They find the error in [runner.Request].Err, and
// When(runner.Request.Succeeded) does not run. After a panic aws-lambda-go ends the process; callbacks have
// ended by then.
package lambdaafter
