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
	own := Observer{Failed: f.failed, Rejected: f.rejected, Stuck: f.stuck}
	for _, o := range observers {
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
	attrs := []slog.Attr{slog.String("outcome", info.Outcome.String()), errorAttr(info.Err)}
	var p *PanicError
	if errors.As(info.Err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.Stack)))
	}
	f.log(ctx, "afterglow: callback failed", info.Callback, attrs...)
}

func (f *fallback) rejected(ctx context.Context, info RejectedInfo) {
	f.log(ctx, "afterglow: callback rejected", info.Callback, errorAttr(info.Err))
}

func (f *fallback) stuck(ctx context.Context, info StuckInfo) {
	f.log(ctx, "afterglow: callback stuck: it ignores its context", info.Callback, slog.Duration("ran", info.Ran), slog.String("stack", info.Stack))
}

func errorAttr(err error) slog.Attr {
	if err == nil {
		return slog.Attr{}
	}
	return slog.String("error", err.Error())
}

// log writes a record, unless there was one of the same event and name within
// fallbackEvery.
func (f *fallback) log(ctx context.Context, event string, c Callback, attrs ...slog.Attr) {
	name := c.Name
	if c.Folded {
		name = folded
	}
	suppressed, ok := f.allow(fallbackKey{event, name})
	if !ok {
		return
	}
	attrs = append(attrs, slog.String("runner", c.Runner), slog.String("callback", c.Name))
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	slog.LogAttrs(ctx, slog.LevelError, event, attrs...) //nolint:sloglint // one of three constants
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
