package durable

import (
	"errors"
	"fmt"
)

// MaxPayload is how many bytes a payload may have, encoded as JSON. What is larger belongs into a
// store of its own, and its name into the payload.
const MaxPayload = 1 << 20

// Errors that the caller can act on.
var (
	// ErrPayloadTooLarge: the payload has more than MaxPayload bytes.
	ErrPayloadTooLarge = fmt.Errorf("payload larger than %d bytes: put the data elsewhere and its name into the payload", MaxPayload)
	// ErrNotFound: there is no task with this ID; or it has ended, and its retention is over.
	ErrNotFound = errors.New("durable: no such task")
	// ErrClosed: Shutdown has been called.
	ErrClosed = errors.New("durable: closed: Shutdown has been called")
	// ErrSchema: the database has the tables of an older or a newer version. If they are older, open with migrations
	// (Config.SkipMigrations is false), or run what Migrations prints. If they are newer, run the version of the program that made
	// them, or a later one.
	ErrSchema = errors.New("durable: the tables in the database are not those of this version")
	// ErrDuplicate: Retry of a task whose key of Unique another task has by now.
	ErrDuplicate = errors.New("durable: another task has this one's key of Unique by now: cancel that one first")
)

// Causes, as [context.Cause] of a task's context reports them. Its own timeout is
// [runner.ErrTimeout], and Shutdown's end is [runner.ErrShutdown].
var (
	// ErrCanceled: [Queue.Cancel] was called for the task.
	ErrCanceled = errors.New("durable: the task was canceled")
	// ErrLeaseLost: this process could not write its heartbeat in time, so another process may take
	// the task. What the task does from now on may be done twice.
	ErrLeaseLost = errors.New("durable: this process could not write its heartbeat in time, so another one may take the task")
)

// ErrWorkerDied is the failure of an attempt whose process has died, or has lost the
// database for longer than Config.DeadAfter.
var ErrWorkerDied = errors.New("durable: the process that ran the task died, or lost the database for too long")

// DecodeError is the error of a task whose payload does not decode. The task is a dead letter at
// once, because another attempt would meet the same payload.
type DecodeError struct {
	Task string
	Err  error
}

// Error implements error.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("durable: the payload of task %s does not decode: %v", e.Task, e.Err)
}

// Unwrap returns the decoder's error.
func (e *DecodeError) Unwrap() error { return e.Err }
