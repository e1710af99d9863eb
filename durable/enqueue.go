package durable

import (
	"context"
	"errors"
)

// Enqueuer takes tasks: a [Queue], or a transaction as [TxQueue.Tx] returns it.
type Enqueuer interface {
	enqueue(ctx context.Context, items []Item) ([]Enqueued, error)
}

// Item is one task to be enqueued, as [Task.With] returns it. A payload that cannot be
// encoded is an error of the call that enqueues it.
type Item struct {
	task    *definition
	payload []byte
	enqueueOptions
	err error
}

// Enqueued is a task in the database.
type Enqueued struct {
	ID int64

	// Duplicate reports whether the task was there already: see [Unique]. ID is
	// that of the older one then.
	Duplicate bool
}

var errNoItem = errors.New("durable: nothing to enqueue: give EnqueueAll or AfterAll at least one Item")

// EnqueueAll enqueues all items in one transaction, or none.
func (q *Queue) EnqueueAll(ctx context.Context, items ...Item) ([]Enqueued, error) {
	return enqueueAll(ctx, q, items)
}

func enqueueOne(ctx context.Context, to Enqueuer, item Item) (Enqueued, error) {
	all, err := enqueueAll(ctx, to, []Item{item})
	if err != nil {
		return Enqueued{}, err
	}
	return all[0], nil
}

func enqueueAll(ctx context.Context, to Enqueuer, items []Item) ([]Enqueued, error) {
	if len(items) == 0 {
		return nil, errNoItem
	}
	var errs []error
	for i := range items {
		errs = append(errs, items[i].validate())
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return to.enqueue(ctx, items)
}
