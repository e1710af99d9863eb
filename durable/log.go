package durable

import (
	"context"
	"log/slog"

	"github.com/afterglow-go/afterglow/runner"
)

// logs is the observer of a queue without any other: nothing fails in silence.
func (c *core) logs() runner.Observer {
	return runner.Observer{
		Failed: func(ctx context.Context, info runner.FinishedInfo) {
			c.log.ErrorContext(ctx, "task failed for good", slog.String(keyTask, info.Name), slog.String("ref", info.Ref),
				slog.String("outcome", info.Outcome.String()), slog.Int("attempt", info.Attempt), slog.String(keyError, textOf(info.Err)))
		},
		Retried: func(ctx context.Context, info runner.RetriedInfo) {
			c.log.WarnContext(ctx, "attempt failed, another one follows", slog.String(keyTask, info.Name), slog.String("ref", info.Ref),
				slog.String("outcome", info.Outcome.String()), slog.Int("attempt", info.Attempt), slog.Duration("wait", info.Wait), slog.String(keyError, textOf(info.Err)))
		},
		Stuck: func(ctx context.Context, info runner.StuckInfo) {
			c.log.ErrorContext(ctx, "task runs on past its deadline", slog.String(keyTask, info.Name), slog.String("ref", info.Ref), slog.String("stack", info.Stack))
		},
	}
}
