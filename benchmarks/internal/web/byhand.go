package web

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterglow-go/afterglow/benchmarks/internal/pool"
)

// byHand is what a careful engineer writes in place of three bare goroutines: a
// bound, a deadline, a recovered panic, a counter and a histogram.
type byHand struct {
	slots  chan struct{}
	series [Callbacks]series
}

// series are those of one name, looked up once.
type series struct {
	name                                string
	success, failure, timeout, panicked prometheus.Counter
	ran                                 prometheus.Observer
}

func newByHand() *byHand {
	h := &byHand{slots: make(chan struct{}, workers)}
	results := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "tasks_total", Help: "Tasks, by result."}, []string{"task", "result"})
	ran := pool.Histogram("task_duration_seconds", "Run time.")
	prometheus.NewRegistry().MustRegister(results, ran)
	for i, name := range names {
		h.series[i] = series{
			name:     name,
			success:  results.WithLabelValues(name, "success"),
			failure:  results.WithLabelValues(name, "error"),
			timeout:  results.WithLabelValues(name, "timeout"),
			panicked: results.WithLabelValues(name, "panic"),
			ran:      ran.WithLabelValues(name),
		}
	}
	return h
}

// start waits while as many goroutines run as may.
func (h *byHand) start(ctx context.Context, name int, task func(context.Context) error) {
	h.slots <- struct{}{}
	go func() {
		defer func() { <-h.slots }()
		h.series[name].run(ctx, task)
	}()
}

func (s *series) run(ctx context.Context, task func(context.Context) error) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pool.Timeout)
	defer cancel()
	result := s.success
	defer func() {
		if v := recover(); v != nil {
			result = s.panicked
			slog.ErrorContext(ctx, "task panicked", "task", s.name, "panic", v)
		}
		s.ran.Observe(time.Since(start).Seconds())
		result.Inc()
	}()
	if err := task(ctx); err != nil {
		result = s.failure
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			result = s.timeout
		}
		slog.ErrorContext(ctx, "task failed", "task", s.name, "error", err)
	}
}
