package durable

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river/riverdriver"

	"github.com/afterglow-go/afterglow/runner"
)

// writeShare and maxWriteTime say how much of the time that Shutdown has is kept for the
// results to be written: a tenth, two seconds at the most.
const (
	writeShare   = 10
	maxWriteTime = 2 * time.Second
)

func (c *core) isShut() bool { return c.isDraining() }

func (c *core) shutdown(ctx context.Context) (runner.Report, error) {
	isFirst := false
	c.shut.Do(func() { isFirst = true })
	if isFirst {
		defer close(c.shutDone)
		c.report, c.shutErr = c.shutdownNow(ctx)
		return c.report, c.shutErr
	}
	select {
	case <-c.shutDone:
		return c.report, c.shutErr
	case <-ctx.Done():
		return runner.Report{}, fmt.Errorf("durable: stopped waiting for another call of Shutdown: %w", context.Cause(ctx))
	}
}

func (c *core) shutdownNow(ctx context.Context) (runner.Report, error) {
	c.mu.Lock()
	c.draining = true
	c.mu.Unlock()

	var stopped chan error
	if l := c.current(); l != nil {
		stopped = make(chan error, 1)
		go func() { stopped <- l.client.Stop(ctx) }() // it stops fetching at once, and waits for what runs
	}

	waits, cancel := ctx, context.CancelFunc(func() {})
	if deadline, has := ctx.Deadline(); has {
		left := time.Until(deadline)
		waits, cancel = context.WithDeadline(ctx, deadline.Add(-min(left/writeShare, maxWriteTime)))
	}
	report, err := c.attempts.Shutdown(waits)
	cancel()

	var errs []error
	if err != nil {
		errs = append(errs, err)
	}
	wrote := true
	if stopped != nil {
		var err error
		select {
		case err = <-stopped:
		case <-ctx.Done(): // Stop does not see it while the client of a lost lease is stopped already
			err = context.Cause(ctx)
		}
		if err != nil {
			wrote = false
			errs = append(errs, fmt.Errorf("durable: what ran is not written completely, and runs again: %w", err))
		}
	}
	c.stop()
	<-c.stopped
	if err := c.awaitLeaving(ctx); err != nil {
		errs = append(errs, err)
	}
	c.hands.end()
	if l := c.current(); l != nil {
		l.abandon()
	}
	if l := c.current(); l != nil && wrote {
		errs = append(errs, l.leave(ctx))
	}
	if c.reader != nil {
		errs = append(errs, c.reader.close(ctx))
	}
	if c.close != nil {
		errs = append(errs, c.close(ctx))
	}
	return report, errors.Join(errs...)
}

// current returns the lease; nil: the process works nothing.
func (c *core) current() *lease {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lease
}

// leave deletes the row of the lease, unless it still has tasks: those are given back by others.
func (l *lease) leave(ctx context.Context) error {
	c := l.core
	if !c.hasHeartbeat() {
		return nil
	}
	l.lose()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return within(ctx, c.db.exec, func(tx riverdriver.ExecutorTx) error {
		var one int
		found, err := c.db.row(ctx, tx, "SELECT 1 FROM {process} WHERE id = $1 {{ | FOR UPDATE}}", []any{l.id}, &one)
		if err != nil || !found {
			return err
		}
		var ids string
		if err := tx.QueryRow(ctx, c.db.sql(sqlTheirs), l.id).Scan(&ids); err != nil {
			return err
		}
		if ids != "[]" {
			return nil
		}
		return tx.Exec(ctx, c.db.sql("DELETE FROM {process} WHERE id = $1"), l.id)
	})
}
