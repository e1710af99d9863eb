package main

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/runner"
)

// ticketOf returns the ticket of an order, with its durable mail as it is now; nil if nothing is known any
// more. A shop that has started anew, or another one on the same database, makes a ticket of the durable mail
// alone.
func (s *shop) ticketOf(ctx context.Context, o *order) (*ticket, error) {
	t := s.tickets.get(o.ID)
	if t == nil {
		isInMemory := func(j job) bool { return j.way != wayDurable }
		jobs := slices.DeleteFunc(s.afterOrder(o), isInMemory)
		if len(jobs) == 0 {
			return nil, nil
		}
		t = newTicket(o.ID, o.Mode, jobs)
		t.forgotten, t.answered = true, o.Placed
	}
	err := s.lookAtMail(ctx, t)
	if t.forgotten && errors.Is(err, sql.ErrNoRows) { // the order was placed without -durable
		return nil, nil
	}
	return t, err
}

// lookAtMail brings a durable step up to date. Another process may be at work on it, so the database is
// asked.
func (s *shop) lookAtMail(ctx context.Context, t *ticket) error {
	if !t.mayChange() {
		return nil
	}
	m, err := s.store.mailOf(ctx, t.id)
	if err != nil {
		return err
	}
	info, err := s.queue.Get(ctx, m.Task)
	if err != nil && !errors.Is(err, durable.ErrNotFound) {
		return err
	}
	t.update(nameEmailCustomer, func(st *step) {
		if err != nil {
			st.outlive(m.Sent)
		} else {
			st.follow(info)
		}
		if st.Done {
			st.AtMS = milliseconds(st.ended.Sub(t.answered))
		}
	})
	return nil
}

// mayChange reports whether a durable step has not succeeded. A dead letter may change, too: an
// operator may have it run again.
func (t *ticket) mayChange() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(t.steps, func(st step) bool {
		return st.Durable && st.Outcome != runner.OutcomeSuccess.String()
	})
}

// follow takes over how the task is doing.
func (s *step) follow(info durable.Info) {
	s.Attempt, s.Error = info.Attempt, ""
	if n := len(info.Failures); n > 0 && info.State != durable.StateDone {
		s.Error = info.Failures[n-1].Error
	}
	s.State, s.Done, s.Outcome = "waiting", info.State.Ended(), ""
	switch info.State {
	case durable.StateRunning:
		s.State = "running"
	case durable.StateDone:
		s.Outcome = runner.OutcomeSuccess.String()
	case durable.StateCanceled:
		s.Outcome = runner.OutcomeCanceled.String()
	case durable.StateDead:
		s.Outcome = runner.OutcomeError.String()
	}
	if s.Done {
		s.State, s.ended, s.TookMS = "done", info.Ended, milliseconds(info.Ended.Sub(info.Started))
	}
}

// outlive ends the step of a task that is in the database no more.
func (s *step) outlive(sent time.Time) {
	s.State, s.Done, s.Outcome, s.ended = "done", true, runner.OutcomeSuccess.String(), sent
	if sent.IsZero() {
		s.Outcome, s.Error, s.ended = runner.OutcomeError.String(), "its task is no longer in the database", time.Now()
	}
}
