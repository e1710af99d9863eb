package runner

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// fallbackEvery is how often the fallback logs one event of one callback name.
const fallbackEvery = 10 * time.Second

// fallback logs with the default logger what no observer sees: failures, rejections
// and callbacks that are stuck. Without it a runner that nobody observes would hide
// them.
type fallback struct {
	mu   sync.Mutex
	last map[fallbackKey]*fallbackState // guarded by mu
}

type fallbackKey struct{ event, name string }

// fallbackState is guarded by fallback.mu.
type fallbackState struct {
	at         time.Time // of the last record
	suppressed int       // events since then
}

// withFallback adds the fallback to observers, for the events that none of them sees.
func withFallback(observers []Observer) []Observer {
	f := &fallback{last: make(map[fallbackKey]*fallbackState)}
	own := Observer{Failed: f.failed, Rejected: f.rejected, Stuck: f.stuck, DrainFinished: f.drained}
	for _, o := range observers {
		if o.Passive {
			continue
		}
		if o.Finished != nil || o.Failed != nil {
			own.Failed = nil
		}
		if o.Rejected != nil {
			own.Rejected = nil
		}
		if o.Stuck != nil {
			own.Stuck = nil
		}
	}
	if own.Failed == nil && own.Rejected == nil && own.Stuck == nil {
		return observers
	}
	return append(observers, own)
}

func (f *fallback) failed(ctx context.Context, info FinishedInfo) {
	level := slog.LevelWarn
	if info.Outcome == OutcomeError || info.Outcome == OutcomePanic {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("outcome", info.Outcome.String()), errorAttr(info.Err)}
	var p *PanicError
	if errors.As(info.Err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	f.log(ctx, level, "afterglow: callback failed", info.Callback, attrs...)
}

func (f *fallback) rejected(ctx context.Context, info RejectedInfo) {
	f.log(ctx, slog.LevelWarn, "afterglow: callback rejected", info.Callback, errorAttr(info.Err))
}

func (f *fallback) stuck(ctx context.Context, info StuckInfo) {
	f.log(ctx, slog.LevelError, "afterglow: callback stuck: it ignores its context", info.Callback, slog.Duration("ran", info.Ran), slog.String("stack", info.Stack))
}

// drained logs how many records were left out since the last ones.
func (f *fallback) drained(ctx context.Context, report Report) {
	for key, n := range f.leftOut() {
		slog.LogAttrs(ctx, slog.LevelWarn, "afterglow: records were left out", slog.String("record", key.event),
			slog.Int("suppressed", n), slog.String("runner", report.Runner), slog.String("callback", key.name))
	}
}

// leftOut returns how many records of each kind were left out, and counts anew.
func (f *fallback) leftOut() map[fallbackKey]int {
	left := make(map[fallbackKey]int)
	f.mu.Lock()
	defer f.mu.Unlock()
	for key, s := range f.last {
		if s.suppressed > 0 {
			left[key], s.suppressed = s.suppressed, 0
		}
	}
	return left
}

func errorAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("error", err.Error())
}

// log writes a record, unless there was one of the same event and name within
// fallbackEvery.
func (f *fallback) log(ctx context.Context, level slog.Level, event string, c Callback, attrs ...slog.Attr) {
	name := c.Name
	if c.Folded {
		name = folded
	}
	suppressed, ok := f.allow(fallbackKey{event, name})
	if !ok {
		return
	}
	attrs = append(attrs, slog.String("runner", c.Runner), slog.String("callback", c.Name),
		slog.String("function", c.Function().String()))
	if c.Ref != "" {
		attrs = append(attrs, slog.String("ref", c.Ref))
	}
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	slog.LogAttrs(ctx, level, event, attrs...) //nolint:sloglint // one of three constants
}

// allow reports whether an event may be logged now. If so, suppressed is how many such
// events were not logged since the last record.
func (f *fallback) allow(key fallbackKey) (suppressed int, ok bool) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.last[key]
	if s == nil {
		s = new(fallbackState)
		f.last[key] = s
	}
	if !s.at.IsZero() && now.Sub(s.at) < fallbackEvery {
		s.suppressed++
		return 0, false
	}
	suppressed, s.suppressed, s.at = s.suppressed, 0, now
	return suppressed, true
}
