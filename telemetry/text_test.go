package telemetry_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

type (
	count  int
	weight float64
	word   string
	place  struct{ name string }
)

func (p place) String() string { return "at " + p.name }

// A value that is walked may be endless, be written meanwhile, or take seconds:
// the program would not survive its own callback's panic.
func TestAPanicsValueIsToldAndNeverWalked(t *testing.T) {
	endless := map[string]any{}
	endless["self"] = endless
	for _, c := range []struct {
		value any
		text  string
	}{
		{errors.New("no"), "no"},
		{place{"home"}, "at home"},
		{"text", "text"},
		{word("text"), "text"},
		{true, "true"},
		{-7, "-7"},
		{count(7), "7"},
		{uint8(7), "7"},
		{weight(0.5), "0.5"},
		{complex(1, 2), "(1+2i)"},
		{endless, "(map[string]interface {})"},
		{[]any{endless}, "([]interface {})"},
		{&endless, "(*map[string]interface {})"},
		{make([]byte, 1<<20), "([]uint8)"},
		{struct{ name string }{"x"}, "(struct { name string })"},
		{(*mailError)(nil), "mailbox full"},
		{(*place)(nil), "(*telemetry_test.place, which cannot say what it is)"},
		{mute{}, "(telemetry_test.mute, which cannot say what it is)"},
	} {
		t.Run(c.text, func(t *testing.T) {
			g := newRig(t, nil)
			g.run(g.runner(runner.Config{}), "a", func(context.Context) error { panic(c.value) })
			span := g.span("process a")
			require.Equal(t, c.text, attrs(event(t, span, "exception").Attributes)["exception.message"])
			require.Equal(t, "runner: callback panicked: "+c.text, span.Status.Description)
			require.Equal(t, c.text, g.record(slog.LevelError, names.LogPanicked)["exception.message"])
			for signal, n := range g.errors() {
				require.Zero(t, n, signal)
			}
		})
	}
}

// counted counts how often its text is made.
type counted struct{ calls *atomic.Int32 }

func (c counted) Error() string {
	c.calls.Add(1)
	return "no"
}

func TestRecordAndSpanShareTheTextOfAnError(t *testing.T) {
	for name, fn := range map[string]func(error) error{
		"error": func(err error) error { return err },
		"panic": func(err error) error { panic(err) },
	} {
		t.Run(name, func(t *testing.T) {
			g, err := newRig(t, nil), counted{new(atomic.Int32)}
			g.run(g.runner(runner.Config{}), "a", func(context.Context) error { return fn(err) })
			require.Equal(t, "no", attrs(event(t, g.span("process a"), "exception").Attributes)["exception.message"])
			require.EqualValues(t, 1, err.calls.Load())
		})
	}
}
