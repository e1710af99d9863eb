package durable

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/propagation"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
)

// metadataKey is the key of all that this package keeps in a task's metadata.
const metadataKey = "afterglow"

// carried is what travels with a task, beside its payload.
type carried struct {
	Ref     string                 `json:"ref,omitempty"`
	Trace   propagation.MapCarrier `json:"trace,omitempty"`   // W3C trace context and baggage
	Request string                 `json:"request,omitempty"` // trace of the request, if another span has enqueued
}

func (c *carried) isEmpty() bool { return c.Ref == "" && c.Request == "" && len(c.Trace) == 0 }

// propagator is the same in all processes, whatever the global one is.
var propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// maxCarried bounds what travels with a task, in bytes: a larger baggage is left out.
const maxCarried = 8 << 10

func (i *Item) metadata(ctx context.Context) []byte {
	c := carried{Ref: i.ref, Trace: propagation.MapCarrier{}}
	propagator.Inject(ctx, c.Trace)
	if request := telemetry.RequestTraceID(ctx); request != telemetry.TraceID(ctx) {
		c.Request = request
	}
	if c.isEmpty() {
		return nil
	}
	size := 0
	for _, v := range c.Trace {
		size += len(v)
	}
	if size > maxCarried {
		delete(c.Trace, "baggage")
		delete(c.Trace, "tracestate")
	}
	m, err := json.Marshal(map[string]carried{metadataKey: c})
	if err != nil { // strings always encode
		return nil
	}
	return m
}

// params returns an item as River inserts it.
func (i *Item) params(ctx context.Context, now time.Time) river.InsertManyParams {
	a := args{kind: i.task.name, payload: i.payload}
	if i.isUnique {
		a.unique = uniqueKey(i.task.name, i.unique)
	}
	return river.InsertManyParams{Args: a, InsertOpts: &river.InsertOpts{
		MaxAttempts: i.task.options.MaxAttempts,
		Metadata:    i.metadata(ctx),
		Priority:    cmp.Or(i.priority, i.task.options.Priority),
		Queue:       cmp.Or(i.queue, i.task.options.Queue),
		ScheduledAt: i.due(now),
	}}
}

// enqueue implements [Enqueuer].
func (q *Queue) enqueue(ctx context.Context, items []Item) ([]Enqueued, error) {
	return q.core.enqueue(ctx, items, q.core.store.insert)
}

// txEnqueuer enqueues in a transaction.
type txEnqueuer[Tx any] struct {
	queue *TxQueue[Tx]
	tx    Tx
}

func (txEnqueuer[Tx]) isTransaction() {}

// enqueue implements [Enqueuer].
func (e txEnqueuer[Tx]) enqueue(ctx context.Context, items []Item) ([]Enqueued, error) {
	return e.queue.core.enqueue(ctx, items, func(ctx context.Context, params []river.InsertManyParams) ([]*rivertype.JobInsertResult, error) {
		return e.queue.engine.client.InsertManyTx(ctx, e.tx, params)
	})
}

type insertFunc func(context.Context, []river.InsertManyParams) ([]*rivertype.JobInsertResult, error)

func (c *core) enqueue(ctx context.Context, items []Item, insert insertFunc) ([]Enqueued, error) {
	asked := now()
	params := make([]river.InsertManyParams, len(items))
	for i := range items {
		params[i] = items[i].params(ctx, asked)
	}
	results, err := c.insert(ctx, params, insert)
	if err != nil {
		for i := range items {
			c.rejected(ctx, &items[i], asked, err)
		}
		return nil, err
	}
	all := make([]Enqueued, len(items))
	for i, r := range results {
		all[i] = Enqueued{ID: r.Job.ID, Duplicate: r.UniqueSkippedAsDuplicate}
		c.accepted(ctx, &items[i], asked, all[i].Duplicate)
	}
	return all, nil
}

func (c *core) insert(ctx context.Context, params []river.InsertManyParams, insert insertFunc) ([]*rivertype.JobInsertResult, error) {
	if c.isShut() {
		return nil, ErrClosed
	}
	results, err := insert(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("durable: enqueuing: %w", err)
	}
	return results, nil
}

// callback is what observers are told of an item.
func (c *core) callback(i *Item, asked time.Time) runner.Callback {
	return runner.Callback{
		Runner: c.cfg.Name, Name: i.task.name, Ref: i.ref,
		Timeout: max(i.task.options.Timeout, 0), Asked: asked, Func: i.task.entry,
	}
}

// accepted counts an item, and has the observers note it on the asker's span.
func (c *core) accepted(ctx context.Context, i *Item, asked time.Time, isDuplicate bool) {
	c.books.accepted(i.task, isDuplicate)
	for n := range c.observers {
		if told := c.observers[n].Accepted; told != nil {
			c.shield(func() { told(ctx, runner.AcceptedInfo{Callback: c.callback(i, asked)}) })
		}
	}
}

func (c *core) rejected(ctx context.Context, i *Item, asked time.Time, err error) {
	reason := runner.ReasonStore
	switch {
	case c.isShut():
		reason = runner.ReasonClosed
	case ctx.Err() != nil:
		reason = runner.ReasonCanceled
	}
	c.books.rejected(i.task, reason)
	for n := range c.observers {
		if told := c.observers[n].Rejected; told != nil {
			c.shield(func() { told(ctx, runner.RejectedInfo{Callback: c.callback(i, asked), Reason: reason, Err: err}) })
		}
	}
}

// shield counts the panic of an observer.
func (c *core) shield(f func()) {
	defer func() {
		if recover() != nil {
			c.books.observerPanicked()
		}
	}()
	f()
}
