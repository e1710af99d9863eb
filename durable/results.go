package durable

import (
	"log/slog"
	"maps"
	"slices"

	"github.com/riverqueue/river/rivertype"

	"github.com/afterglow-go/afterglow/runner"
)

// owe notes an attempt whose result River is about to write. The books count the result when the database has taken it, and not
// before: the results of a process that was taken for dead are refused, and then another process counts the task.
func (l *lease) owe(a *attempt) {
	if a.end == endInterrupted && a.outcome == runner.OutcomeAbandoned {
		return // counted already
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed[a.id] = append(l.owed[a.id], a)
}

// paid returns the attempt whose result was written or refused; nil: there is none. Results of one
// task are written in the order of its attempts.
func (l *lease) paid(id int64) *attempt {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.owed[id]
	if len(of) == 0 {
		return nil
	}
	if len(of) == 1 {
		delete(l.owed, id)
	} else {
		l.owed[id] = of[1:]
	}
	return of[0]
}

// wrote counts results that the database has taken. The rows are the tasks as they are now.
func (l *lease) wrote(ids []int64, rows []*rivertype.JobRow) {
	states := make(map[int64]State, len(rows))
	for _, row := range rows {
		states[row.ID] = StateRunning // it is another process's
		if lastBy(row) == l.id {
			states[row.ID] = stateOf(row.State)
		}
	}
	for _, id := range ids {
		a := l.paid(id)
		if a == nil {
			continue
		}
		if s, found := states[id]; found && s != StateRunning {
			l.core.books.written(a, s)
		} else {
			l.core.books.unwritten(a)
		}
	}
}

// refused says that the database took no results of this process any more.
func (l *lease) refused(ids []int64) {
	l.core.log.Warn("results refused, as another process has taken the tasks: they run again", slog.String(keyProcess, l.id), slog.Int(keyTasks, len(ids)))
	for _, id := range ids {
		if a := l.paid(id); a != nil {
			l.core.books.unwritten(a)
		}
	}
}

// abandon counts the results that were not written before the lease's client has ended.
func (l *lease) abandon() {
	l.mu.Lock()
	left := slices.Concat(slices.Collect(maps.Values(l.owed))...)
	clear(l.owed)
	l.mu.Unlock()
	for _, a := range left {
		l.core.books.unwritten(a)
	}
}
