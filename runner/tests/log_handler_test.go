package tests

import (
	"context"
	"log"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// handlerFunc is a slog.Handler that calls itself for each record.
type handlerFunc func(ctx context.Context)

func (h handlerFunc) Enabled(context.Context, slog.Level) bool        { return true }
func (h handlerFunc) Handle(ctx context.Context, _ slog.Record) error { h(ctx); return nil }
func (h handlerFunc) WithAttrs([]slog.Attr) slog.Handler              { return h }
func (h handlerFunc) WithGroup(string) slog.Handler                   { return h }

// logsTo makes h the default logger's handler until the end of the test.
func logsTo(t *testing.T, h handlerFunc) {
	t.Helper()
	before, output, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(before)
		log.SetOutput(output) // SetDefault has changed it
		log.SetFlags(flags)
	})
	slog.SetDefault(slog.New(h))
}

func TestALogHandlerThatPanicsHurtsNoAsker(t *testing.T) {
	called := false
	logsTo(t, func(context.Context) { called = true; panic("boom") })
	before := runner.Misuses()
	require.NotPanics(t, func() { require.ErrorIs(t, runner.After(t.Context(), "it", nothing), runner.ErrNoScope) })
	require.Equal(t, uint64(1), misusesSince(before)[runner.MisuseNoScope])
	if _, again := runs.LoadOrStore(t.Name(), nil); !again { // a line is logged once
		require.True(t, called)
	}
}

// What no observer sees is logged. It sleeps in a bubble only.
func causesOfRecords(t *testing.T, r *runner.Runner) {
	t.Helper()
	require.NoError(t, r.Go(t.Context(), "panics", func(context.Context) error { panic("boom") }))
	require.NoError(t, r.Go(t.Context(), "stuck", func(context.Context) error { time.Sleep(5 * time.Second); return errBroken }))
	time.Sleep(10 * time.Second)
}

func TestALogHandlerThatPanicsIsAnObserverThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logsTo(t, func(context.Context) { panic("boom") })
		r := newRunner(t, runner.Config{Timeout: time.Second, StuckAfter: time.Second})
		causesOfRecords(t, r)
		drain(t, r)
		require.ErrorIs(t, r.Go(t.Context(), "late", nothing), runner.ErrClosed)
		require.Equal(t, uint64(4), r.Stats().ObserverPanics, "two failures, one that is stuck, one that is rejected")
	})
}

func TestALogHandlerMayAskTheRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRunner(t, runner.Config{Workers: 1, Queue: 1, Timeout: time.Second, StuckAfter: time.Second})
		var called atomic.Int64 // by worker and asker at once
		logsTo(t, func(ctx context.Context) {
			called.Add(1)
			_ = r.Go(ctx, "from.log", func(context.Context) error { return errBroken })
			_ = r.Do(ctx, "from.log", func(context.Context) error { return errBroken })
			_ = runner.After(ctx, "bad name", nothing)
			_ = r.Stats()
		})
		for range 50 {
			_ = r.Go(t.Context(), "it", func(context.Context) error { return errBroken }) // most are rejected
		}
		synctest.Wait()
		causesOfRecords(t, r)
		drain(t, r)
		require.Positive(t, called.Load())
		requireBalanced(t, r.Stats())
	})
}

func TestShutdownIsOnTimeAlthoughALogHandlerBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		block := make(chan struct{})
		defer close(block)
		first := true
		logsTo(t, func(context.Context) {
			if !first {
				<-block
			}
			first = false
		})
		r := newRunner(t, runner.Config{})
		for range 2 { // the second record is left out, and the drain says so
			require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { return errBroken }))
			synctest.Wait()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		_, err := r.Shutdown(ctx)
		require.NoError(t, err)
		require.Equal(t, 1100*time.Millisecond, time.Since(begin))
	})
}
