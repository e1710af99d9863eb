package durable

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/riverqueue/river/riverdriver"
)

// beat keeps the lease, looks for dead processes and for calls of Cancel, and begins a new lease when one is
// lost. It ends with ctx.
func (c *core) beat(ctx context.Context, l *lease) {
	defer close(c.stopped)
	watch := &watch{core: c, seen: make(map[string]sighting)}
	ticker := time.NewTicker(c.beatEvery())
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			c.beatOnce(ctx, l, watch)
		case <-l.lost:
			if l = c.replace(ctx, l); l == nil {
				return
			}
		}
	}
}

const sqlBeat = `UPDATE {process} SET beat = beat + 1, beat_at = ` + sqlNow + ` WHERE id = $1 RETURNING beat`

// beatOnce writes the heartbeat, and then looks around. What fails is tried again at the next beat, until the lease is
// lost.
func (c *core) beatOnce(ctx context.Context, l *lease, w *watch) {
	began := now()
	limited, cancel := context.WithTimeout(ctx, max(c.beatEvery()*2, time.Second))
	defer cancel()
	if c.hasHeartbeat() && !l.isLost() {
		var beat int64
		isAlive, err := c.db.row(limited, c.db.beats, sqlBeat, []any{l.id}, &beat)
		switch {
		case err != nil:
			c.warn(ctx, "heartbeat not written", err)
			return
		case !isAlive:
			l.lose()
			return
		}
		l.renew(began)
	}
	if err := l.findCanceled(limited); err != nil {
		c.warn(ctx, "calls of Cancel not looked for", err)
	}
	if err := w.look(ctx, l.id); err != nil {
		c.warn(ctx, "dead processes not looked for", err)
	}
}

func (c *core) warn(ctx context.Context, message string, err error) {
	if ctx.Err() == nil {
		c.log.WarnContext(ctx, message, slog.String(keyError, textOf(err))) //nolint:sloglint // every caller passes a constant
	}
}

// cancelBatch bounds the parameters of one query.
const cancelBatch = 500

// findCanceled ends the contexts of tasks that Cancel was called for, whether a notification has come or not.
func (l *lease) findCanceled(ctx context.Context) error {
	running := l.attempts()
	for ids := range slices.Chunk(slices.Collect(maps.Keys(running)), cancelBatch) {
		canceled, err := l.core.db.beats.JobGetCancelRequested(ctx, &riverdriver.JobGetCancelRequestedParams{ID: ids, Schema: l.core.cfg.Schema})
		if err != nil {
			return err
		}
		for _, id := range canceled {
			running[id].cancel(ErrCanceled)
		}
	}
	return nil
}

// replace begins a new lease in place of a lost one. It tries until the database is there again, and
// returns nil when ctx has ended, or when Shutdown was called.
func (c *core) replace(ctx context.Context, old *lease) *lease {
	c.books.leaseLost()
	c.log.ErrorContext(ctx, "heartbeat not written in time: the tasks that run here are canceled, and run again", slog.String(keyProcess, old.id), slog.Int(keyTasks, len(old.attempts())))
	c.retire(ctx, old)
	ticker := time.NewTicker(c.beatEvery())
	defer ticker.Stop()
	for !c.isDraining() {
		l, err := c.newLease(ctx)
		if err == nil {
			return l
		}
		if !errors.Is(err, ErrClosed) {
			c.warn(ctx, "no new lease yet", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
	return nil
}
