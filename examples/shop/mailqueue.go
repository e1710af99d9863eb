package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/pgsql"
	"github.com/afterglow-go/afterglow/durable/sqlite"
	"github.com/afterglow-go/afterglow/runner"
)

// mailQueue has the mails of orders as durable tasks. A task is written in the transaction of its
// order, so there is never one without the other.
type mailQueue struct {
	*durable.TxQueue[*sql.Tx]

	task *durable.Task[mailTask]
}

// mailTask is the payload. The worker reads all else from the order.
type mailTask struct {
	Order   string `json:"order"`
	TraceID string `json:"trace_id,omitempty"` // of the request, for the mail's head
}

// role is what a process does with the orders and the tasks.
type role string

const (
	roleAll    role = "all"
	roleWeb    role = "web"
	roleWorker role = "worker"
)

// ofQueue is the same in the words of the queue.
func (r role) ofQueue() durable.Role {
	if r == roleWeb {
		return durable.EnqueueOnly
	}
	return durable.Full
}

// openQueue opens the queue of -durable, in the database that has the orders.
func (s *shop) openQueue(ctx context.Context) error {
	if s.cfg.durable == "" {
		return nil
	}
	q := &mailQueue{task: durable.Define(nameEmailCustomer, durable.Options{Timeout: mailTimeout},
		func(ctx context.Context, in mailTask) error { return s.mailOrder(ctx, in) })}
	cfg := durable.Config{
		Role: s.cfg.role.ofQueue(), Queues: map[string]int{"default": s.cfg.workers},
		Telemetry: s.telemetry, Logger: s.log,
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	var err error
	if isPostgres(s.cfg.durable) {
		q.TxQueue, err = pgsql.New(ctx, s.store.write, s.cfg.durable, cfg, q.task)
	} else {
		q.TxQueue, err = sqlite.Open(ctx, s.cfg.durable, cfg, q.task)
	}
	if err != nil {
		return fmt.Errorf("cannot use -durable %s: %w", withoutPassword(s.cfg.durable), err)
	}
	s.queue = q
	s.onClose(func() error { // serve has done that, unless the shop could not be opened
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _ = q.Shutdown(ctx)
		return nil
	})
	return nil
}

// wayOfMail is how the mail of an order is asked for.
func (s *shop) wayOfMail(o *order) way {
	if s.queue != nil && o.Mode == modeAfter {
		return wayDurable
	}
	return wayTogether
}

// enqueueMail returns what writes the task of the order's mail; nil if the mail is no durable one.
func (s *shop) enqueueMail(ctx context.Context, o *order) enqueueFunc {
	if s.wayOfMail(o) != wayDurable {
		return nil
	}
	in := mailTask{Order: o.ID, TraceID: traceIDOf(trace.SpanContextFromContext(ctx))}
	return func(ctx context.Context, tx *sql.Tx) (int64, error) {
		added, err := s.queue.task.Enqueue(ctx, s.queue.Tx(tx), in, durable.Unique(o.ID), durable.Ref(o.ID))
		return added.ID, err
	}
}

// mailOrder sends the mail of an order, once. A task may run again after a crash, or because
// an operator wants it. The note that the mail was sent makes that harmless, unless the crash came
// between the two. Then the second mail has the ID of the first, by which mail programs
// know it.
func (s *shop) mailOrder(ctx context.Context, in mailTask) error {
	o, err := s.store.order(ctx, in.Order)
	if errors.Is(err, sql.ErrNoRows) {
		return runner.Permanent(fmt.Errorf("order %s is gone", in.Order))
	}
	if err != nil {
		return err
	}
	m, err := s.store.mailOf(ctx, o.ID)
	if err != nil {
		return err
	}
	if !m.Sent.IsZero() {
		s.log.InfoContext(ctx, "mail was sent before", "callback", nameEmailCustomer, "id", o.ID)
		return nil
	}
	l := customerMail(o)
	l.id, l.traceID = o.ID+"@shop.example", in.TraceID
	job := job{name: nameEmailCustomer, run: func(ctx context.Context) error { return s.mails.send(ctx, l) }}
	if err := s.perform(ctx, o.ID, job); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "callback done", "callback", nameEmailCustomer, "id", o.ID)
	return s.store.mailSent(ctx, o.ID)
}

// drainQueue stops taking tasks and waits for those that run here. What waits in the database is not lost.
func (s *shop) drainQueue(patience time.Duration) error {
	if s.queue == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	report, err := s.queue.Shutdown(ctx)
	fmt.Fprintln(s.stdout, report)
	if err != nil && len(report.Lost) > 0 { // interrupted, and back in the database
		s.log.Warn("tasks were interrupted and will run again", "tasks", len(report.Lost))
		return nil
	}
	return err
}
