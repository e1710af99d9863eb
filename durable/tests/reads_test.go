package durable_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
)

func TestFiguresAndPagesDoNotWaitForThoseWhoWrite(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		q := s.queue(durable.Config{}, idle)
		e, err := idle.Enqueue(t.Context(), q, mail{}, durable.In(time.Hour))
		require.NoError(t, err)
		end := s.silence()
		blocked := make(chan error, 1)
		go func() {
			_, err := idle.Enqueue(context.Background(), q, mail{}) // on SQLite it waits for the lock
			blocked <- err
		}()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for range 10 { // until it does
			_, err = q.Stats(ctx)
			require.NoError(t, err)
			_, err = q.Get(ctx, e.ID)
			require.NoError(t, err)
			_, err = q.List(ctx, durable.Filter{})
			require.NoError(t, err)
			_, err = q.Failures(ctx, durable.Filter{})
			require.NoError(t, err)
			if s.isSQLite() { // silence locks that table on Postgres
				_, err = q.Processes(ctx)
				require.NoError(t, err)
			}
		}
		end()
		_ = receive(t, blocked) // an error, if a slow machine has taken longer than the write has waited
	})
}
