package durable

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// worker runs the tasks of one name, for River.
type worker struct {
	river.WorkerDefaults[args]

	lease *lease
	task  Definition
}

// Timeout implements [river.Worker]. The runner of attempts ends an attempt that takes
// too long.
func (w *worker) Timeout(*river.Job[args]) time.Duration { return -1 }

// NextRetry implements [river.Worker].
func (w *worker) NextRetry(job *river.Job[args]) time.Time {
	if job == nil || job.Args.attempt == nil {
		return time.Time{}
	}
	return now().Add(job.Args.attempt.wait)
}

// putBack is how long a task waits that this process could not take.
const putBack = 5 * time.Second

// Work implements [river.Worker]. It runs on a goroutine of River's, which must not end
// otherwise than by returning.
func (w *worker) Work(ctx context.Context, job *river.Job[args]) error {
	a := newAttempt(w, job.JobRow)
	if !w.lease.begin(a) {
		return river.JobSnooze(0) // the attempt does not count
	}
	defer w.lease.end(a)

	// River's own cancellation and deadline are not the attempt's: only Cancel is.
	stop := context.AfterFunc(ctx, func() {
		if context.Cause(ctx) == rivertype.ErrJobCancelledRemotely { //nolint:errorlint // the very value
			a.cancel(ErrCanceled)
		}
	})
	defer stop()

	a.run()
	job.Args.attempt = a
	w.lease.owe(a)
	return a.result(ctx, job)
}

// result tells River how the attempt ended.
func (a *attempt) result(ctx context.Context, job *river.Job[args]) error {
	switch a.end {
	case endDone:
		return nil
	case endInterrupted, endLost: // of a lost lease the fence decides whether that counts
		return river.JobSnooze(0)
	case endRefused:
		return river.JobSnooze(putBack)
	case endCanceled:
		return river.JobCancel(a.failure)
	case endDead:
		job.MaxAttempts = job.Attempt // so that River discards it
		a.keep(ctx)
	case endAgain:
	}
	return a.failure
}

// kept is what is kept of a dead letter, beside River's own list of errors.
type kept struct {
	Group string `json:"group"`           // see FailureGroup
	Stack string `json:"stack,omitempty"` // of a panic
}

// keptKey is the key of kept in the metadata.
const keptKey = metadataKey + ".failure"

// keep keeps what tells one dead letter from another.
func (a *attempt) keep(ctx context.Context) {
	_ = river.MetadataSet(ctx, keptKey, kept{Group: groupOf(a.name, a.failure.text), Stack: a.failure.stack}) // ctx is a worker's
}

// carriedBy returns what travels with a task. What does not decode was written by somebody else.
func carriedBy(job *rivertype.JobRow) (c carried) {
	if bytes.Equal(job.Metadata, emptyMetadata) {
		return c
	}
	var m struct {
		Afterglow carried `json:"afterglow"`
	}
	if json.Unmarshal(job.Metadata, &m) == nil {
		c = m.Afterglow
	}
	return c
}

// emptyMetadata is that of a task with which nothing travels.
var emptyMetadata = []byte(`{}`)
