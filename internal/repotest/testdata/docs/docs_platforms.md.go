// What the blocks of this document use.
package p

type row struct{ Number int }

var (
	cert    tls.Certificate
	notify  callback
	cleanUp callback
	ticks   <-chan time.Time
	rows    <-chan row
)

func store(ctx context.Context, r row) error { return ctx.Err() }
