package durable_test

import (
	"bytes"
	"context"
	"log/slog"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/durable/internal/enginetest"
	"github.com/afterglow-go/afterglow/runner"
)

// here is the line of its caller.
func here() int {
	_, _, line, _ := runtime.Caller(1)
	return line
}

func TestTheLineThatAsksForATaskAfterTheResponseIsTheUsers(t *testing.T) {
	var asked []runtime.Frame
	r, err := runner.New(runner.Config{Observers: []runner.Observer{{
		WantsCaller: func(context.Context) bool { return true },
		Accepted: func(_ context.Context, info runner.AcceptedInfo) context.Context {
			frame, _ := runtime.CallersFrames([]uintptr{info.Caller}).Next()
			asked = append(asked, frame)
			return nil
		},
	}}})
	require.NoError(t, err)
	q := store{t, sqliteDSN(t), enginetest.SQLite}.queue(enqueueOnly)
	ctx, release := r.Scope(t.Context())

	require.NoError(t, idle.After(ctx, q, mail{"a"}))
	one := here() - 1
	require.NoError(t, durable.AfterAll(ctx, q, idle.With(mail{"b"}), idle.With(mail{"c"})))
	all := here() - 1
	release(nil)
	_, err = r.Shutdown(t.Context())
	require.NoError(t, err)

	require.Len(t, asked, 2)
	for i, line := range []int{one, all} {
		require.Contains(t, asked[i].File, "caller_test.go")
		require.Equal(t, line, asked[i].Line)
		require.Contains(t, asked[i].Function, t.Name())
	}
}

func TestACallOfAfterThatIsAMistakeIsLoggedWithTheLineOfTheUser(t *testing.T) {
	var records bytes.Buffer
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	slog.SetDefault(slog.New(slog.NewTextHandler(&records, nil)))
	q := store{t, sqliteDSN(t), enginetest.SQLite}.queue(enqueueOnly)
	require.ErrorIs(t, idle.After(t.Context(), q, mail{}), runner.ErrNoScope)
	require.Contains(t, records.String(), "caller_test.go")
	require.NotContains(t, records.String(), "durable/after.go")
}
