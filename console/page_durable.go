package console

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// DurablePage is the durable queues.
type DurablePage struct {
	Head

	Durable []DurableView `json:"durable"`
	Actions bool          `json:"actions"` // dead letters can be retried
	Done    string        `json:"-"`       // what was retried just now; empty: nothing was
}

// DurableView is a durable queue with its dead letters.
type DurableView struct {
	DurableRow

	Took     Seconds    `json:"took_seconds"` // to read it
	Dead     DeadGroups `json:"dead"`
	CanRetry bool       `json:"can_retry"`
	CanOpen  bool       `json:"-"`
}

// cleanQueues cuts and cleans what the queues say.
func cleanQueues(queues []DurableQueue) []DurableQueue {
	all := make([]DurableQueue, 0, len(queues))
	for _, q := range queues[:min(len(queues), shownRuns)] {
		q.Name = clean(q.Name, maxName)
		states := make([]DurableState, 0, len(q.States))
		for _, s := range q.States[:min(len(q.States), 20)] {
			s.State = clean(s.State, maxName)
			states = append(states, s)
		}
		q.States = states
		all = append(all, q)
	}
	return all
}

func (c *Console) durablePage(q query, asked bool) (view, int) {
	v := &DurablePage{Actions: c.cfg.Actions, Done: retried(q)}
	for _, d := range c.durables {
		if !is(q.Queue, d.Name) {
			continue
		}
		s := d.look(asked)
		row := DurableView{
			DurableRow: DurableRow{Name: d.Name, At: s.At, Problem: s.Problem, Queues: cleanQueues(s.Queues)},
			Took:       Seconds(s.Took), Dead: DeadGroups{Looked: s.Dead.Looked, More: s.Dead.More}, CanRetry: d.Retry != nil && c.cfg.Actions, CanOpen: d.Letters != nil,
		}
		for _, g := range s.Dead.Groups[:min(len(s.Dead.Groups), shownRuns)] {
			g.Name, g.Error = clean(g.Name, maxName), clean(g.Error, maxError)
			if q.matches(g.Name, g.Error) {
				row.Dead.Groups = append(row.Dead.Groups, g)
			}
		}
		v.Durable = append(v.Durable, row)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v.Head = c.newHeadLocked("durable", q)
	return v, 0
}

// retried says how many dead letters a retry has led to this page.
func retried(q query) string {
	n, err := strconv.Atoi(q.Retried)
	switch {
	case err != nil || n < 0:
		return ""
	case n == 0:
		return "Nothing was retried: the dead letters are no longer there."
	case q.More:
		return fmt.Sprintf("%s will run again. There are more: retry once more.", things(n, "dead letter"))
	default:
		return things(n, "dead letter") + " will run again."
	}
}

func (v *DurablePage) text(w *textWriter) {
	for _, d := range v.Durable {
		w.durable(d.DurableRow)
		w.title("Dead letters of " + d.Name)
		w.row("COUNT", "TASK", "ERROR", "FIRST", "LAST", "GROUP")
		for _, g := range d.Dead.Groups {
			w.row(count(g.Count), g.Name, g.Error, g.First.Format(time.DateTime), g.Last.Format(time.DateTime), g.ID)
		}
		w.line("Of the newest %s dead letters.", count(d.Dead.Looked))
	}
}

// LettersPage is the dead letters of a group, a page at a time.
type LettersPage struct {
	Head

	Queue    string       `json:"queue"`
	Group    DeadGroup    `json:"group"`
	Tasks    []DeadLetter `json:"tasks"`
	Next     string       `json:"next,omitempty"`
	Problem  string       `json:"problem,omitempty"`
	CanRetry bool         `json:"can_retry"`
}

func (c *Console) letters(q query) (view, int) {
	d := c.durableOf(q.Queue)
	if d == nil || d.Letters == nil {
		return nil, notFound
	}
	v := &LettersPage{Queue: d.Name, Group: DeadGroup{ID: q.Group}, CanRetry: d.Retry != nil && c.cfg.Actions}
	for _, g := range d.look(true).Dead.Groups {
		if g.ID == q.Group {
			g.Name, g.Error = clean(g.Name, maxName), clean(g.Error, maxError)
			v.Group = g
		}
	}
	answer := make(chan DeadLetters, 1)
	err := d.callInTime(func(ctx context.Context) error {
		found, err := d.Letters(ctx, q.Group, q.After, lettersOnPage)
		answer <- found
		return err
	})
	var found DeadLetters
	if err != nil {
		v.Problem = said(err)
	} else {
		found = <-answer
	}
	v.Next = found.Next
	for _, t := range found.Tasks[:min(len(found.Tasks), lettersOnPage)] {
		t.ID, t.Name, t.Queue, t.Ref = clean(t.ID, maxName), clean(t.Name, maxName), clean(t.Queue, maxName), clean(t.Ref, maxRef)
		t.TraceID, t.Error = clean(t.TraceID, maxName), clean(t.Error, maxError)
		t.Function = clean(t.Function, maxRef)
		t.Stack, t.Payload = cleanLines(t.Stack, maxStack), cleanLines(t.Payload, maxPayload)
		v.Tasks = append(v.Tasks, t)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	v.Head = c.newHeadLocked("letters", q)
	return v, 0
}

// At is the line that a dead letter points to.
func (d DeadLetter) At() string {
	if f, ok := usersFrame(parseStack(d.Stack)); ok {
		return f.String()
	}
	return ""
}

func (c *Console) durableOf(name string) *durable {
	for _, d := range c.durables {
		if d.Name == name {
			return d
		}
	}
	return nil
}

func (v *LettersPage) text(w *textWriter) {
	w.title("Dead letters: " + v.Group.Name)
	w.line("%s", v.Group.Error)
	for _, t := range v.Tasks {
		w.line("%s %s %s, %d attempts, ended %s: %s", t.ID, t.Name, or(t.Ref), t.Attempts, t.Ended.Format(time.DateTime), t.Error)
		if t.Function != "" {
			w.line("It runs %s", t.Function)
		}
		w.block(t.Stack)
	}
	if v.Next != "" {
		w.line("More: %s", page("letters.txt", "queue", v.Queue, "group", v.Group.ID, "after", v.Next))
	}
}

const notFound = http.StatusNotFound
