package recipes

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/afterglow-go/afterglow/runner"
)

// RunCommand runs a command, a cron job or a batch with a scope. What the command asks for with After
// runs when it has done its work, and RunCommand returns when that has ended. It takes the place of
// Serve in a program that is no server.
func RunCommand(ctx context.Context, cfg runner.Config, command func(ctx context.Context, after *runner.Runner) error) error {
	after, err := runner.New(cfg)
	if err != nil {
		return err
	}
	scoped, release := after.Scope(ctx)
	// Do shows the command itself in metrics and traces. Timeout(-1): it takes as long as it takes.
	err = after.Do(scoped, "command", func(ctx context.Context) error { return command(ctx, after) }, runner.Timeout(-1))
	release(err) // now the callbacks run; When(runner.Request.Succeeded) sees err

	// ctx has ended if Ctrl-C was pressed; the callbacks get ten seconds all the same.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	report, drained := after.Shutdown(end)
	if drained != nil {
		log.Print(report) // what was lost, by name
	}
	return errors.Join(err, drained)
}
