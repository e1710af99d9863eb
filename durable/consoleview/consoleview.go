// Package consoleview shows durable tasks on the live page of package console.
package consoleview

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/durable"
)

// Of returns the queue for [console.Config.Durable]: its depth and age by state, its dead
// letters in groups, and, if the console has Actions, their retry. Name is how the page
// calls it. The queue must be open for as long as the console is: after its Shutdown the
// page says that it could not be read.
func Of(name string, q *durable.Queue) console.Durable {
	v := view{q}
	return console.Durable{
		Name: name, Snapshot: q.Snapshot,
		Queues: v.queues, Groups: v.groups, Letters: v.letters, Retry: v.retry,
	}
}

type view struct{ queue *durable.Queue }

func (v view) queues(ctx context.Context) ([]console.DurableQueue, error) {
	stats, err := v.queue.Stats(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]console.DurableQueue, 0, len(stats.Queues))
	for _, q := range stats.Queues {
		one := console.DurableQueue{Name: q.Name, Paused: q.Paused}
		for s := range durable.NumStates {
			if s == durable.StateDone || s == durable.StateCanceled {
				continue // Stats does not count them
			}
			n := q.Tasks[s]
			state := console.DurableState{State: s.String(), Count: n, More: n >= durable.MaxCount}
			if s == durable.StateDue {
				state.Age = q.Age
			}
			one.States = append(one.States, state)
		}
		all = append(all, one)
	}
	return all, nil
}

func (v view) groups(ctx context.Context) (console.DeadGroups, error) {
	found, err := v.queue.Failures(ctx, durable.Filter{})
	if err != nil {
		return console.DeadGroups{}, err
	}
	all := console.DeadGroups{Looked: found.Looked, More: found.More}
	for _, g := range found.Groups {
		all.Groups = append(all.Groups, console.DeadGroup(g))
	}
	return all, nil
}

func (v view) letters(ctx context.Context, group, after string, limit int) (console.DeadLetters, error) {
	page, err := v.queue.List(ctx, durable.Filter{
		States: []durable.State{durable.StateDead}, Group: group, After: after, Limit: min(limit, durable.MaxPage),
	})
	if err != nil {
		return console.DeadLetters{}, err
	}
	all := console.DeadLetters{Next: page.Next}
	for _, t := range page.Tasks {
		all.Tasks = append(all.Tasks, v.letterOf(t))
	}
	return all, nil
}

func (v view) letterOf(t durable.Info) console.DeadLetter {
	l := console.DeadLetter{
		ID: strconv.FormatInt(t.ID, 10), Name: t.Name, Queue: t.Queue, Ref: t.Ref, TraceID: t.TraceID,
		Attempts: t.Attempt, Enqueued: t.Enqueued, Ended: t.Ended, Payload: string(t.Payload),
	}
	if f := v.queue.Function(t.Name); f.Name != "" {
		l.Function = f.String()
	}
	if n := len(t.Failures); n > 0 {
		l.Error, l.Stack = t.Failures[n-1].Error, t.Failures[n-1].Stack
	}
	return l
}

// retryFor is how long a group is retried before the page says that there are more.
const retryFor = 2 * time.Second

func (v view) retry(ctx context.Context, group, task string) (changed int, more bool, err error) {
	if task != "" {
		id, err := strconv.ParseInt(task, 10, 64)
		if err != nil {
			return 0, false, fmt.Errorf("no task has the id %q", task)
		}
		if err := v.queue.Retry(ctx, id); err != nil {
			return 0, false, err
		}
		return 1, false, nil
	}
	for f, began := (durable.Filter{Group: group, Limit: durable.MaxPage}), time.Now(); ; {
		done, err := v.queue.RetryAll(ctx, f)
		changed += done.Tasks
		if err != nil || done.Next == "" {
			return changed, false, err
		}
		if f.After = done.Next; time.Since(began) > retryFor {
			return changed, true, nil
		}
	}
}
