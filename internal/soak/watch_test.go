package soak

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// sample is what this process holds at one moment.
type sample struct {
	at         time.Duration // since the start
	rss        int64         // bytes; 0: this system does not tell
	live       int64         // bytes of the heap that the last collection has kept
	goroutines int

	connections int64 // of both servers
}

// watch looks at the process every second, and at the runner's books in motion.
type watch struct {
	cancel  context.CancelFunc
	ended   chan struct{}
	samples []sample

	unbalanced int // snapshots that did not add up; read after stop
}

func startWatch(t *testing.T, busy, idle *site) *watch {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &watch{cancel: cancel, ended: make(chan struct{}), samples: make([]sample, 0, 3600)}
	start := time.Now()
	go func() {
		defer close(w.ended)
		for n := 1; ctx.Err() == nil; n++ {
			pause(ctx, time.Until(start.Add(time.Duration(n)*time.Second)))
			s := busy.runner.Snapshot()
			if !balances(s) {
				w.unbalanced++
			}
			now := sample{
				at: time.Since(start), rss: residentBytes(), live: liveBytes(), goroutines: runtime.NumGoroutine(),
				connections: busy.connections.Load() + idle.connections.Load(),
			}
			w.samples = append(w.samples, now)
			if n%30 == 15 { // not between two turns, where nothing is under way
				t.Logf("%3.0f s: RSS %s, live heap %s, %d goroutines, %d connections, %d asked for, %d running of which %d stuck, %d queued, %d rejected",
					now.at.Seconds(), megabytes(now.rss), megabytes(now.live), now.goroutines, now.connections, s.Asked, s.Running, s.Stuck, s.Queued, s.Outcomes[runner.OutcomeRejected])
			}
		}
	}()
	return w
}

// balances reports whether the books add up, in all and for each name.
func balances(s runner.Snapshot) bool {
	ok := s.Asked == s.Outcomes.Total()+uint64(s.Pending())
	var asked uint64
	for _, c := range s.Callbacks {
		asked += c.Asked
		ok = ok && c.Asked == c.Outcomes.Total()+uint64(c.Reserved+c.Queued+c.Running+c.Paused)
	}
	return ok && asked == s.Asked
}

func (w *watch) stop() []sample {
	w.cancel()
	<-w.ended
	return w.samples
}

// residentBytes is the memory of this process that is in RAM, where the system
// tells it as Linux does.
func residentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}

// liveBytes is what the last garbage collection has kept.
func liveBytes() int64 {
	m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(m)
	return int64(m[0].Value.Uint64())
}

// mean is that of a figure from one moment to another.
func mean(samples []sample, from, to time.Duration, figure func(sample) int64) int64 {
	var sum, n int64
	for _, s := range samples {
		if s.at >= from && s.at < to {
			sum += figure(s)
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return sum / n
}
