package telemetry

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/afterglow-go/afterglow/telemetry/names"
)

// Relation is how the process span of a callback refers to its asker's: the
// span that was current where the callback was asked for, or the callback's
// ask span with Config.AskSpans. A callback that was asked for without a span is
// the root of a trace without links under any of them.
type Relation uint8

const (
	// Link makes each callback the root of a new trace, linked to the asker's
	// span. The request's trace is complete when the response is. Each of the
	// two is sampled on its own, unless the sampler looks at links: package
	// sampling has one.
	Link Relation = iota
	// Child makes each callback a child of the asker's span, in the same trace,
	// and sampled as that is. The child mostly begins when its parent has ended.
	Child
	// ChildAndLink makes it a child as Child does, and links it to its parent
	// as well, for who looks for callbacks by their links whatever their
	// relation.
	ChildAndLink

	numRelations
)

// String returns the relation's name: Link, Child or ChildAndLink.
func (r Relation) String() string {
	if r < numRelations {
		return [...]string{"Link", "Child", "ChildAndLink"}[r]
	}
	return fmt.Sprintf("Relation(%d)", uint8(r))
}

// isRoot reports whether the callback has a trace of its own.
func (r Relation) isRoot() bool { return r == Link }

// isLinked reports whether the callback is linked to its asker's span.
func (r Relation) isLinked() bool { return r != Child }

// relations answers which relation a callback has.
type relations struct {
	always Relation
	choose func(runnerName, callback string) Relation // nil: always
	signal *signal                                    // that fails if choose does
}

// of asks the user. An answer that cannot be used is a failure of the
// telemetry, and costs the callback nothing. That the user does not come back at
// all is for the caller's shield to count.
func (r relations) of(ctx context.Context, runnerName, callback string) (relation Relation) {
	if r.choose == nil {
		return r.always
	}
	defer func() {
		if v := recover(); v != nil {
			r.signal.recovered(ctx, v)
			relation = r.always
		}
	}()
	relation = r.choose(runnerName, callback)
	if relation >= numRelations {
		r.signal.failed(ctx, func() []slog.Attr {
			return []slog.Attr{slog.String(names.KeyError, fmt.Sprintf("Config.RelationFor returned %v: use Link, Child or ChildAndLink", relation))}
		})
		return r.always
	}
	return relation
}
