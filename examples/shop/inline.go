package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"go.opentelemetry.io/otel/codes"

	"github.com/afterglow-go/afterglow/runner"
)

type inlineKey struct{}

// inline does the jobs one after the other while the client waits, as servers
// did before. It is here for comparison: no pool, no bound, and a client that
// leaves cancels what is left.
func (s *shop) inline(r *http.Request, t *ticket, jobs []job) {
	ctx := context.WithValue(withTicket(r.Context(), t), inlineKey{}, r)
	for _, j := range jobs {
		s.inlineJob(ctx, t, j)
	}
}

func (s *shop) inlineJob(ctx context.Context, t *ticket, j job) {
	ctx, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	ctx, span := s.tracer.Start(ctx, "inline "+j.name)
	defer span.End()

	start := time.Now()
	outcome, err := runInline(ctx, func() error { return s.perform(ctx, t.id, j) })
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
		s.log.ErrorContext(ctx, "inline job failed", "callback", j.name, "outcome", outcome.String(), "error", err)
	} else {
		s.log.InfoContext(ctx, "inline job done", "callback", j.name, "id", t.id)
	}
	now := time.Now()
	t.finished(j.name, outcome, err, time.Time{}, now, now.Sub(start))
}

// runInline tells how run ended in the words of the runner.
func runInline(ctx context.Context, run func() error) (outcome runner.Outcome, err error) {
	defer func() {
		if v := recover(); v != nil {
			outcome, err = runner.OutcomePanic, fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	err = run()
	switch {
	case err == nil:
		return runner.OutcomeSuccess, nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return runner.OutcomeTimeout, err
	case ctx.Err() != nil:
		return runner.OutcomeCanceled, err
	default:
		return runner.OutcomeError, err
	}
}
