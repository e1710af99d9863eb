package durable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
	"go.opentelemetry.io/otel/trace"
)

func (c *core) get(ctx context.Context, id int64) (Info, error) {
	job, err := c.db.reads.JobGetByID(ctx, &riverdriver.JobGetByIDParams{ID: id, Schema: c.cfg.Schema})
	if err != nil {
		return Info{}, notFound(err)
	}
	return infoOf(job), nil
}

// notFound replaces River's error.
func notFound(err error) error {
	if errors.Is(err, rivertype.ErrNotFound) {
		return ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("durable: %w", err)
	}
	return nil
}

func (f *Filter) limit() (int, error) {
	switch {
	case f.Limit == 0:
		return defaultPage, nil
	case f.Limit < 0 || f.Limit > MaxPage:
		return 0, fmt.Errorf("durable: Filter.Limit is %d: use 0 for the default, or at most %d", f.Limit, MaxPage)
	}
	return f.Limit, nil
}

// jobs returns a page, and what the next one begins after.
func (c *core) jobs(ctx context.Context, on riverdriver.Executor, f Filter) (jobs []*rivertype.JobRow, next string, err error) {
	limit, err := f.limit()
	if err != nil {
		return nil, "", err
	}
	chosen, err := f.choice(c.db, limit)
	if err != nil {
		return nil, "", err
	}
	jobs, err = on.JobList(ctx, &riverdriver.JobListParams{
		Max: int32(limit), NamedArgs: chosen.args, OrderByClause: "id DESC", Schema: c.cfg.Schema, WhereClause: chosen.where,
	})
	if err != nil {
		return nil, "", fmt.Errorf("durable: listing: %w", err)
	}
	if len(jobs) == limit {
		next = strconv.FormatInt(jobs[limit-1].ID, 10)
	}
	return jobs, next, nil
}

func (c *core) list(ctx context.Context, f Filter) (p Page, err error) {
	jobs, next, err := c.jobs(ctx, c.db.reads, f)
	if err != nil {
		return Page{}, err
	}
	p.Next = next
	for _, job := range jobs {
		p.Tasks = append(p.Tasks, infoOf(job))
	}
	return p, nil
}

func infoOf(job *rivertype.JobRow) Info {
	travels, m := carriedBy(job), marksOf(job)
	i := Info{
		ID: job.ID, Name: job.Kind, Queue: job.Queue, State: stateOf(job.State), Priority: job.Priority,
		Ref: travels.Ref, Payload: unwrapped(job.EncodedArgs),
		Attempt: job.Attempt, MaxAttempts: job.MaxAttempts, Crashes: m.Rescues,
		Enqueued: job.CreatedAt, Due: job.ScheduledAt, Process: lastBy(job),
	}
	if sc := trace.SpanContextFromContext(propagator.Extract(context.Background(), travels.Trace)); sc.HasTraceID() {
		i.TraceID = sc.TraceID().String()
	}
	i.Cancel = m.Canceled != "" && i.State == StateRunning
	i.Started, i.Ended = timeOf(job.AttemptedAt), timeOf(job.FinalizedAt)
	for _, e := range job.Errors {
		i.Failures = append(i.Failures, Failure{At: e.At, Attempt: e.Attempt, Error: e.Error, Stack: e.Trace})
	}
	if i.State == StateDead {
		k := keptBy(job)
		i.Group = k.Group
		if n := len(i.Failures); n > 0 && k.Stack != "" {
			i.Failures[n-1].Stack = k.Stack
		}
	}
	return i
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// keptBy returns what is kept of a dead letter.
func keptBy(job *rivertype.JobRow) (k kept) {
	var m map[string]json.RawMessage
	if json.Unmarshal(job.Metadata, &m) == nil {
		_ = json.Unmarshal(m[keptKey], &k) // what does not decode is not there
	}
	return k
}
