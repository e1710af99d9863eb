// What the block of integrations/lambda/README.md uses.
package p

type (
	Order   struct{ ID string }
	Receipt struct{ Number string }
)

func sendMail(ctx context.Context, order Order) error { return ctx.Err() }
