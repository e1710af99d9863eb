package main

import (
	"context"
	"fmt"
)

// serveTasks sends mails until ctx ends. Then it ends the worker in the order that loses nothing: be seen
// as not ready, take no more tasks, finish those that run, flush the telemetry, and leave /metrics
// open for a last look. It keeps to -drain.
func (s *shop) serveTasks(ctx context.Context) error {
	<-ctx.Done()
	s.draining.Store(true)
	fmt.Fprintf(s.stdout, "Closing: no more tasks; up to %v for those that run.\n", s.cfg.drain)
	err := s.drainQueue(s.cfg.drain)
	s.lookBack()
	return err
}

// isReady reports whether the process takes what it is there for: requests, or tasks.
func (s *shop) isReady() bool {
	if s.runner == nil {
		return !s.draining.Load()
	}
	return s.runner.Ready()
}
