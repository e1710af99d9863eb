package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// scrapes knows whether the metrics have been read since the last drain ended.
type scrapes struct {
	mu      sync.Mutex
	watched bool          // guarded by mu, as the rest: there is a handler
	started int           // how many have started, each with its number from 1 on
	read    int           // the latest that was read to its end
	drained int           // the latest that had started when a drain ended
	changed chan struct{} // closed when one has been read; nil: nobody waits
}

// errNoScrapes: waiting would be in vain.
var errNoScrapes = errors.New("telemetry: WaitForScrape without WatchScrapes: wrap the handler of /metrics in it, so that scrapes are seen")

// WatchScrapes returns a handler that serves as metrics does, and notes what was read for
// [Telemetry.WaitForScrape]. metrics is the handler that serves the metrics, such as that
// of promhttp. A scrape counts as read if it is a GET that was answered below status 400,
// without an error of Write, to a client that stayed.
func (t *Telemetry) WatchScrapes(metrics http.Handler) http.Handler {
	t.scrapes.mu.Lock()
	t.scrapes.watched = true
	t.scrapes.mu.Unlock()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := t.scrapes.begin()
		seen := &scrapeWriter{ResponseWriter: w}
		metrics.ServeHTTP(seen, r)
		// A client that left, or asked only for the header, has read nothing.
		if r.Method == http.MethodGet && !seen.failed && r.Context().Err() == nil {
			t.scrapes.end(n)
		}
	})
}

// WaitForScrape waits until the metrics have been read by a scrape that began after
// the last drain of an observed runner had ended, so that somebody has seen what it
// lost. It returns nil at once if that has happened; without a drain any scrape will
// do. Otherwise it returns when ctx ends, with an error that wraps ctx's cause: give it
// somewhat more time than Prometheus's scrape interval. It is an error to call it
// without a handler of [Telemetry.WatchScrapes].
//
// When it returns nil, the last bytes of the response may still be with the server.
// End the server with its Shutdown, which waits for them. Every reader of /metrics counts,
// a browser too. WaitForScrape may be called by several goroutines at once.
func (t *Telemetry) WaitForScrape(ctx context.Context) error {
	for {
		isRead, changed, err := t.scrapes.state()
		if isRead || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("telemetry: nobody has read the metrics since the last drain: wait longer than the interval of the scrapes, or do not wait if nobody scrapes: %w", context.Cause(ctx))
		}
	}
}

// state reports whether the metrics have been read since the last drain ended. If not,
// that may be so when changed is closed.
func (s *scrapes) state() (isRead bool, changed <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.watched {
		return false, nil, errNoScrapes
	}
	if s.read > s.drained {
		return true, nil, nil
	}
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return false, s.changed, nil
}

// begin returns the number of a scrape that begins.
func (s *scrapes) begin() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started++
	return s.started
}

// end notes that scrape n was read.
func (s *scrapes) end(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = max(s.read, n)
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// drainEnded notes that a drain has ended. Scrapes that have started before may lack what
// the drain has counted.
func (s *scrapes) drainEnded() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drained = s.started
}

// scrapeWriter notes whether what is written to it is of use to its reader.
type scrapeWriter struct {
	http.ResponseWriter
	failed bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *scrapeWriter) WriteHeader(status int) {
	w.failed = w.failed || status >= http.StatusBadRequest
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *scrapeWriter) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.failed = w.failed || err != nil
	return n, err
}

// Unwrap is for [http.ResponseController].
func (w *scrapeWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
