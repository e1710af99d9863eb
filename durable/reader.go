package durable

import (
	"context"
	"crypto/rand"
	"sync"
	"time"

	"github.com/afterglow-go/afterglow/telemetry"
)

// reader reads the store for the metrics. Of all processes that are scraped one does, so that a sum over them
// counts each task once. Which one that is stands in a row of the database, for readerHolds at a time.
type reader struct {
	core *core
	id   string

	ctx    context.Context //nolint:containedctx // of the reads, which outlive the scrapes that begin them
	cancel context.CancelFunc
	work   sync.WaitGroup // of the goroutines

	mu      sync.Mutex
	isOver  bool            // guarded by mu, as the rest
	keeps   bool            // keep runs
	asked   time.Time       // by the last scrape
	until   time.Time       // others wait until then before they show the store; zero: this process does not show it
	reading chan struct{}   // closed when the read that is under way has ended; nil: none is
	last    telemetry.Store // as it was read
	at      time.Time       // when that was; zero: never
	failed  uint64
}

const (
	// readerHolds is how long a process that has died keeps others from showing the store.
	readerHolds = 15 * time.Second
	readerEvery = readerHolds / 3

	// readTimeout is for one read. A scrape does not wait that long.
	readTimeout = 10 * time.Second

	// scrapedWithin is how long after a scrape a process goes on to show the store.
	scrapedWithin = 3 * time.Minute
)

func newReader(c *core) *reader {
	r := &reader{core: c, id: rand.Text()}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// store returns what is in the store, as it is now or, if ctx ends before that is read, as it was read before. It
// reports false if this process does not show it.
func (r *reader) store(ctx context.Context) (telemetry.Store, bool) {
	read := r.begin()
	if read == nil {
		return telemetry.Store{}, false
	}
	select {
	case <-read:
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at.IsZero() || now().After(r.until) {
		return telemetry.Store{}, false
	}
	shown := r.last
	shown.Age = time.Since(r.at)
	return shown, true
}

// begin begins to read, unless a read is under way. It returns what is closed at its end; nil: it is over.
func (r *reader) begin() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.isOver {
		return nil
	}
	r.asked = now()
	if r.reading == nil {
		r.reading = make(chan struct{})
		r.work.Go(r.read)
	}
	return r.reading
}

// read reads the store if this process may show it.
func (r *reader) read() {
	ctx, cancel := context.WithTimeout(r.ctx, readTimeout)
	defer cancel()
	began := now()
	holds, err := r.claim(ctx)
	var read telemetry.Store
	if holds {
		read, err = r.core.readStore(ctx)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.reading)
	r.reading = nil
	switch {
	case err != nil:
		r.failedLocked(err)
	case holds:
		r.last, r.at = read, began
	}
}

func (r *reader) failedLocked(err error) {
	if r.isOver {
		return
	}
	r.failed++
	r.core.warn(r.ctx, "store not read for the metrics", err)
}

// sqlClaimReader gives this process the right to show the store, or prolongs it. It takes it from one that has not
// prolonged it in time, or whose time is so far ahead that the clock must have been set back.
const sqlClaimReader = `INSERT INTO {reader} AS r (id, holder, until) VALUES (1, $1, ` + sqlIn15s + `)
ON CONFLICT (id) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE r.holder = excluded.holder OR r.until < ` + sqlNow + ` OR r.until > ` + sqlIn30s + `
RETURNING 1`

const (
	sqlIn15s = "{{datetime('now', 'subsec', '+15 seconds') | now() + interval '15 seconds'}}" // readerHolds
	sqlIn30s = "{{datetime('now', 'subsec', '+30 seconds') | now() + interval '30 seconds'}}"
)

// claim reports whether this process may show the store.
func (r *reader) claim(ctx context.Context) (bool, error) {
	began := now()
	var one int
	holds, err := r.core.db.row(ctx, r.core.db.exec, sqlClaimReader, []any{r.id}, &one)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		return false, err
	case !holds:
		r.until, r.at = time.Time{}, time.Time{}
	default:
		r.until = began.Add(readerHolds)
		if !r.keeps && !r.isOver {
			r.keeps = true
			r.work.Go(r.keep)
		}
	}
	return holds, nil
}

// keep prolongs the right to show the store between scrapes.
func (r *reader) keep() {
	ticker := time.NewTicker(readerEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-ticker.C:
		}
		if r.endsKeeping() {
			return
		}
		ctx, cancel := context.WithTimeout(r.ctx, readerEvery)
		_, err := r.claim(ctx)
		cancel()
		if err != nil {
			r.mu.Lock()
			r.failedLocked(err)
			r.mu.Unlock()
		}
	}
}

// endsKeeping reports whether another process is to show the store, as this one has lost the right or
// nobody scrapes it.
func (r *reader) endsKeeping() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := now()
	if at.After(r.until) || at.Sub(r.asked) > scrapedWithin {
		r.keeps, r.until = false, time.Time{}
		return true
	}
	return false
}

// close lets another process show the store.
func (r *reader) close(ctx context.Context) error {
	r.mu.Lock()
	held := now().Before(r.until)
	r.isOver, r.until = true, time.Time{}
	r.mu.Unlock()
	r.cancel()
	r.work.Wait()
	if !held {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	return r.core.db.exec.Exec(ctx, r.core.db.sql("DELETE FROM {reader} WHERE holder = $1"), r.id)
}

// errors returns how many reads have failed.
func (r *reader) errors() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}
