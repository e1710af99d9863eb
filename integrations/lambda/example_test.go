package lambdaafter_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-lambda-go/lambda"

	lambdaafter "github.com/afterglow-go/afterglow/integrations/lambda"
	"github.com/afterglow-go/afterglow/runner"
)

type (
	order   struct{ ID string }
	receipt struct{ Text string }
)

// The caller has its receipt before the mail is sent, and the process is frozen only when the mail has been sent.
func ExampleHandler() {
	after, err := runner.New(runner.Config{})
	if err != nil {
		panic(err)
	}
	placeOrder := func(ctx context.Context, o order) (receipt, error) {
		err := runner.After(ctx, "order.email", func(context.Context) error {
			fmt.Println("mail for order", o.ID)
			return nil
		})
		return receipt{"placed"}, err
	}
	h := lambda.NewHandler(lambdaafter.Handler(after, placeOrder)) // lambda.Start(lambdaafter.Handler(after, placeOrder))
	answer, err := h.Invoke(context.Background(), []byte(`{"ID": "7"}`))
	fmt.Println(string(answer), err)
	// Output:
	// mail for order 7
	// {"Text":"placed"} <nil>
}
