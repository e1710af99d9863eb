package console

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// Seconds is a duration that is a number of seconds in JSON.
type Seconds time.Duration

// MarshalJSON implements [json.Marshaler].
func (s Seconds) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, time.Duration(s).Seconds(), 'g', 6, 64), nil
}

// String returns the duration as people write it: 1.2 ms, 3 min 20 s.
func (s Seconds) String() string { return human(time.Duration(s)) }

// Request is the request that a callback ran after.
type Request struct {
	Method   string  `json:"method,omitempty"` // of an RPC without one, its system
	Route    string  `json:"route,omitempty"`  // its pattern; a path may have secrets in it, so it is not shown
	Status   int     `json:"status,omitempty"`
	Code     string  `json:"code,omitempty"` // of an RPC's response
	Duration Seconds `json:"duration_seconds"`
	Ended    string  `json:"ended,omitempty"` // "aborted", "timed out" or "panicked"; empty: well
	Error    string  `json:"error,omitempty"`
}

func requestOf(req runner.Request) *Request {
	r := &Request{
		Method: clean(cmp.Or(req.Method, req.RPC), maxName), Route: clean(req.Pattern, maxRoute), Status: req.Status, Code: clean(req.Code, maxName),
		Duration: Seconds(req.Duration), Error: said(req.Err),
	}
	switch {
	case req.Panicked:
		r.Ended = "panicked"
	case req.TimedOut:
		r.Ended = "timed out"
	case req.Aborted:
		r.Ended = "aborted"
	}
	return r
}

// Run is an attempt of a callback that has ended, or that hangs, or a callback that was
// rejected. What it has of the user's is cut.
type Run struct {
	Runner        string    `json:"runner"`
	Callback      string    `json:"callback"`
	Ref           string    `json:"ref,omitempty"`
	Outcome       string    `json:"outcome"` // as the metrics spell it, or "stuck"
	Retried       bool      `json:"retried,omitempty"`
	Reason        string    `json:"reason,omitempty"` // of a rejection
	Attempt       int       `json:"attempt,omitempty"`
	Asked         time.Time `json:"asked"`
	Started       time.Time `json:"started,omitzero"`
	Ended         time.Time `json:"ended"`
	ResponseDelay Seconds   `json:"response_delay_seconds"`
	QueueWait     Seconds   `json:"queue_wait_seconds"`
	Ran           Seconds   `json:"run_seconds"`
	Timeout       Seconds   `json:"timeout_seconds"`
	Request       *Request  `json:"request,omitempty"`
	TraceID       string    `json:"trace_id,omitempty"`
	Error         string    `json:"error,omitempty"`
	ErrorType     string    `json:"error_type,omitempty"`
	Stack         string    `json:"stack,omitempty"`
	Caller        *Frame    `json:"caller,omitempty"`   // the line that asked, of a rejection
	Function      *Frame    `json:"function,omitempty"` // that was asked to run

	counted string // the name that the runner counts it under
	fn      runner.Callback
}

// fail notes the error of a run.
func (r *Run) fail(err error) {
	defer func() {
		if recover() != nil && r.ErrorType == "" { // a method of the error panicked
			r.ErrorType = typeOf(err)
		}
	}()
	r.Error = said(err)
	var p *runner.PanicError
	if errors.As(err, &p) {
		r.Stack = cleanLines(string(p.Stack[:min(len(p.Stack), 2*maxStack)]), maxStack)
		r.ErrorType = clean(fmt.Sprintf("panic(%T)", p.Value), maxType)
		return
	}
	r.ErrorType = typeOf(rootOf(err))
}

// rootOf returns the innermost error: the first one of several.
func rootOf(err error) error {
	for range 32 {
		var inner error
		switch e := err.(type) { //nolint:errorlint // it looks for the wrapped ones itself
		case interface{ Unwrap() error }:
			inner = e.Unwrap()
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) > 0 {
				inner = all[0]
			}
		}
		if inner == nil {
			return err
		}
		err = inner
	}
	return err
}

// functions are those that were asked to run, by the address of their code.
var functions sync.Map // uintptr -> *Frame

func functionOfCallback(c runner.Callback) *Frame {
	if c.Func == 0 {
		return nil
	}
	if f, ok := functions.Load(c.Func); ok {
		return f.(*Frame)
	}
	f := c.Function()
	frame := &Frame{clean(f.Name, maxName), clean(f.File, maxRoute), f.Line}
	functions.Store(c.Func, frame)
	return frame
}

// place is the line that a run points to: where the user's code panicked or hangs, or
// which line asked, or else the function that was asked to run.
func (r *Run) place() (Frame, bool) {
	if r.Caller != nil {
		return *r.Caller, true
	}
	if f, ok := usersFrame(parseStack(r.Stack)); ok {
		return f, true
	}
	if r.Function != nil {
		return *r.Function, true
	}
	return Frame{}, false
}

// maxRecent is how many recent runs of each name are kept.
const maxRecent = 50

// recentRuns keeps examples of the last runs of each name.
type recentRuns struct {
	mu  sync.Mutex
	all map[nameKey]*ring[Run] // guarded by mu
}

type nameKey struct{ runner, callback string }

func newRecentRuns() *recentRuns { return &recentRuns{all: make(map[nameKey]*ring[Run])} }

func (r *recentRuns) note(run Run) {
	run.Function = functionOfCallback(run.fn)
	key := nameKey{run.Runner, run.counted}
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.all[key]
	if of == nil {
		made := newRing[Run](maxRecent)
		of = &made
		r.all[key] = of
	}
	of.push(run)
}

// of returns the last runs of a name, the newest first.
func (r *recentRuns) of(runner, callback string) (runs []Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.all[nameKey{runner, callback}]
	if of == nil {
		return nil
	}
	for i := of.len() - 1; i >= 0; i-- {
		runs = append(runs, *of.at(i))
	}
	return runs
}
