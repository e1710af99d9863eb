package durable

import (
	"errors"
	"fmt"
	"regexp"
)

var (
	nameRE  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,98}[A-Za-z0-9]$`)
	queueRE = regexp.MustCompile(`^[A-Za-z0-9]+([_-][A-Za-z0-9]+)*$`)
)

const maxQueueName = 64

// validate reports what of a definition cannot be used, joined.
func (t *definition) validate(isNil bool) error {
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("durable: task %q: "+format, append([]any{cutText(t.name)}, args...)...))
	}
	if !nameRE.MatchString(t.name) {
		fail("its name cannot be used: use 2 to 100 letters, digits, and . _ - between them, as in order.receipt")
	}
	if isNil {
		fail("it has no function: give Define one")
	}
	if t.options.MaxAttempts < 0 || t.options.MaxAttempts > maxAttempts {
		fail("Options.MaxAttempts is %d: use 0 for the default, or 1 to %d", t.options.MaxAttempts, maxAttempts)
	}
	if err := validQueue(t.options.Queue); t.options.Queue != "" && err != nil {
		fail("Options.Queue: %w", err)
	}
	if p := t.options.Priority; p < 0 || p > 4 {
		fail("Options.Priority is %d: use 0 for the default, or 1 (first) to 4 (last)", p)
	}
	return errors.Join(errs...)
}

// cutText keeps what an error shows of a text that may be anything.
func cutText(s string) string { return cut(s, maxShown) }

const maxShown = 100

const maxYear = 9999 // the last one that SQLite can order

const maxAttempts = 1000 // the database has 16 bits for it

func validQueue(name string) error {
	if len(name) > maxQueueName || !queueRE.MatchString(name) {
		return fmt.Errorf("the queue's name is %.100q: use 1 to %d letters, digits, and _ or - between them", name, maxQueueName)
	}
	return nil
}

// validate reports what of an item cannot be used, joined.
func (i *Item) validate() error {
	if i.task == nil {
		return errors.New("durable: an empty Item: make it with Task.With")
	}
	if i.err != nil {
		return i.err
	}
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("durable: task %s: "+format, append([]any{i.task.name}, args...)...))
	}
	if i.priority < 0 || i.priority > 4 {
		fail("Priority is %d: use 1 (first) to 4 (last)", i.priority)
	}
	if i.queue != "" {
		if err := validQueue(i.queue); err != nil {
			fail("OnQueue: %w", err)
		}
	}
	if i.at.Year() > maxYear {
		fail("At is in the year %d: use a time before the year %d", i.at.Year(), maxYear+1)
	}
	if len(i.unique) > maxUnique {
		fail("the key of Unique has %d bytes: use at most %d", len(i.unique), maxUnique)
	}
	return errors.Join(errs...)
}
