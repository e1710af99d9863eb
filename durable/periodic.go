package durable

import (
	"errors"
	"fmt"
	"time"
)

// Periodic is a task that the leader enqueues again and again.
type Periodic struct {
	// ID tells it from others. All processes that may lead use the same one.
	ID string

	// Item is what is enqueued, as [Task.With] returns it. Its Unique, In and At are not used.
	Item Item

	// Every is the time from one to the next. They are due at the multiples of Every since the
	// zero time, in UTC, so the leader may change in between: an hour begins at the full hour. Each is
	// enqueued once, also if the leader changes. Those that came due without a leader are left out.
	Every time.Duration
}

const minEvery = time.Second

func (p *Periodic) validate(i int, seen map[string]bool) error {
	var errs []error
	if p.ID == "" || len(p.ID) > maxRef {
		errs = append(errs, fmt.Errorf("durable: Config.Periodic[%d].ID is %.100q: use 1 to %d bytes", i, p.ID, maxRef))
	}
	if seen[p.ID] {
		errs = append(errs, fmt.Errorf("durable: Config.Periodic[%d].ID is %.100q, as that of another one", i, p.ID))
	}
	seen[p.ID] = true
	if p.Every < minEvery {
		errs = append(errs, fmt.Errorf("durable: Config.Periodic[%d].Every is %v: use at least %v", i, p.Every, minEvery))
	}
	if err := p.Item.validate(); err != nil {
		errs = append(errs, fmt.Errorf("durable: Config.Periodic[%d].Item: %w", i, err))
	}
	return errors.Join(errs...)
}

// slot returns the last time at or before now at which it is due.
func (p *Periodic) slot(now time.Time) time.Time { return now.UTC().Truncate(p.Every) }

// at returns the item for the time t at which it is due.
func (p *Periodic) at(t time.Time) Item {
	i := p.Item
	i.in, i.at = 0, time.Time{}
	i.isUnique, i.unique = true, fmt.Sprintf("periodic %s %d", p.ID, t.Unix())
	return i
}

// schedule is a Periodic's, for River.
type schedule struct{ every time.Duration }

// Next returns when it is due next.
func (s schedule) Next(now time.Time) time.Time { return now.UTC().Truncate(s.every).Add(s.every) }
