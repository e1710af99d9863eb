package console

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// errObserverShared says that an observer was given to a second runner.
var errObserverShared = errors.New("console: this observer belongs to another runner: call Console.Observer for each runner")

// Observer returns what to put into Config.Observers of a runner. It adds the runner to
// the console, and keeps its failures, rejections, stuck callbacks, some of its recent
// runs and the report of its drain. A callback that succeeds costs it one comparison; ten
// in a second of each name are kept as examples. Each runner needs an Observer of its
// own. It is passive: it changes nothing of what the runner logs.
func (c *Console) Observer() runner.Observer {
	o := &observer{console: c}
	return runner.Observer{
		Passive:       true,
		Opened:        o.opened,
		WantsCaller:   func(context.Context) bool { return o.wantsCaller.Load() },
		Rejected:      o.rejected,
		Retried:       o.retried,
		Stuck:         o.stuck,
		Failed:        o.failed,
		Sampled:       o.sampled,
		DrainStarted:  o.drainStarted,
		DrainFinished: o.drainFinished,
	}
}

// observer keeps what happens in one runner.
type observer struct {
	console *Console
	runner  *runner.Runner
	source  *source // written by opened

	wantsCaller atomic.Bool // callbacks were rejected lately
}

func (o *observer) opened(r *runner.Runner) error {
	if o.source != nil {
		return errObserverShared
	}
	o.runner, o.source = r, o.console.addRunner(r, true)
	o.console.mu.Lock()
	o.source.watch = o
	o.console.mu.Unlock()
	return nil
}

// runOf returns what is kept of a run.
func (o *observer) runOf(ctx context.Context, info runner.StartedInfo) Run {
	run := Run{
		Runner:   o.source.name,
		Callback: clean(info.Name, maxName),
		counted:  countedName(info.Callback),
		Ref:      clean(info.Ref, maxRef),
		Attempt:  info.Attempt,
		Timeout:  Seconds(info.Timeout),
		Asked:    info.Asked, Started: info.Started,
		ResponseDelay: Seconds(info.ResponseDelay()), QueueWait: Seconds(info.QueueWait()),
		TraceID: clean(o.runner.TraceID(ctx), maxName),
		fn:      info.Callback,
	}
	if req, ok := runner.RequestFrom(ctx); ok {
		run.Request = requestOf(req)
	}
	return run
}

func (o *observer) failed(ctx context.Context, info runner.FinishedInfo) {
	run := o.runOf(ctx, info.StartedInfo)
	run.Ended, run.Ran, run.Outcome = info.Finished, Seconds(info.Duration()), info.Outcome.String()
	run.fail(info.Err)
	if info.Stack != "" {
		run.Stack = cleanLines(info.Stack, maxStack)
	}
	o.console.failures.note(run)
}

func (o *observer) retried(ctx context.Context, info runner.RetriedInfo) {
	run := o.runOf(ctx, info.StartedInfo)
	run.Ended, run.Ran, run.Outcome = info.Finished, Seconds(info.Duration()), info.Outcome.String()
	run.fail(info.Err)
	run.Retried = true
	o.console.failures.note(run)
}

// outcomeStuck is the word for a callback that hangs; it is not over, so it has no
// outcome.
const outcomeStuck = "stuck"

func (o *observer) stuck(ctx context.Context, info runner.StuckInfo) {
	run := o.runOf(ctx, info.StartedInfo)
	run.Ended, run.Ran, run.Outcome = info.Started.Add(info.Ran), Seconds(info.Ran), outcomeStuck
	run.Stack = cleanLines(info.Stack, maxStack)
	run.Error = "it runs on past its deadline and ignores its context"
	o.console.failures.note(run)
}

func (o *observer) rejected(ctx context.Context, info runner.RejectedInfo) {
	run := o.runOf(ctx, runner.StartedInfo{Callback: info.Callback})
	run.Ended, run.Outcome, run.Reason = info.Asked, runner.OutcomeRejected.String(), info.Reason.String()
	run.Error = said(info.Err)
	if info.Caller != 0 {
		frame, _ := runtime.CallersFrames([]uintptr{info.Caller}).Next()
		run.Caller = &Frame{clean(frame.Function, maxName), clean(frame.File, maxRoute), frame.Line}
	}
	o.console.failures.note(run)
}

func (o *observer) sampled(ctx context.Context, info runner.FinishedInfo) {
	run := o.runOf(ctx, info.StartedInfo)
	run.Ended, run.Ran, run.Outcome = info.Finished, Seconds(info.Duration()), info.Outcome.String()
	run.Error = said(info.Err)
	o.console.runs.note(run)
}

func (o *observer) drainStarted(_ context.Context, info runner.DrainInfo) context.Context {
	o.console.mu.Lock()
	defer o.console.mu.Unlock()
	o.source.drain, o.source.drainAt = &info, time.Now()
	return nil
}

func (o *observer) drainFinished(_ context.Context, report runner.Report) {
	o.console.mu.Lock()
	defer o.console.mu.Unlock()
	o.source.drained = &report
}

// watchRejections has the lines that ask found out while callbacks are rejected, which
// costs each call of After some 200 ns.
func (c *Console) watchRejections() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.sources {
		if n := s.points.len(); s.watch != nil && n > 0 {
			since := s.points.at(before(&s.points, s.at, time.Minute, (*point).time))
			s.watch.wantsCaller.Store(s.points.last().outcomes[runner.OutcomeRejected] > since.outcomes[runner.OutcomeRejected])
		}
	}
}

// countedName is the name that the runner counts a callback under.
func countedName(c runner.Callback) string {
	if c.Folded {
		return "other"
	}
	return clean(c.Name, maxName)
}
