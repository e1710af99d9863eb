package durable

import (
	"context"
	"errors"
	"runtime"

	"github.com/afterglow-go/afterglow/runner"
)

// afterAttempts is how often an after-callback tries to enqueue.
const afterAttempts = 3

// afterAllName is the name of AfterAll's callback.
const afterAllName = "durable.enqueue"

// AfterAll enqueues all items in one transaction after the response, as [Task.After] does
// with one. Its after-callback is named durable.enqueue.
func AfterAll(ctx context.Context, to Enqueuer, items ...Item) error {
	return afterAll(ctx, afterAllName, to, items, caller())
}

// caller returns the line that called the exported function which calls caller.
func caller() uintptr {
	var pcs [1]uintptr
	runtime.Callers(3, pcs[:])
	return pcs[0]
}

func afterAll(ctx context.Context, name string, to Enqueuer, items []Item, caller uintptr) error {
	if len(items) == 0 {
		return errNoItem
	}
	var errs []error
	for i := range items {
		errs = append(errs, items[i].validate())
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if _, isTx := to.(transaction); isTx {
		return errAfterTx
	}
	return runner.After(ctx, name, func(ctx context.Context) error {
		_, err := enqueueAll(ctx, to, items)
		return err
	}, runner.Retry(afterAttempts), runner.Ref(items[0].ref), runner.Caller(caller))
}

// errAfterTx: the transaction has ended when the response has.
var errAfterTx = errors.New("durable: After with a transaction, which has ended by then: give After the Queue, or Enqueue the transaction")

// transaction is an Enqueuer that ends.
type transaction interface{ isTransaction() }
