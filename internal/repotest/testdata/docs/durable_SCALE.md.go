// What the block of durable/SCALE.md uses.
package p

type Receipt struct{ Order string }

var (
	queues []*sqlite.Queue
	order  struct{ ID, Customer string }
	tx     *sql.Tx

	SendReceipt *durable.Task[Receipt]
)
