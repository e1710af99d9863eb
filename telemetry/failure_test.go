package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

type mailError struct{}

func (*mailError) Error() string { return "mailbox full" }

func TestAFailureIsOnTheSpan(t *testing.T) {
	for _, c := range []struct {
		name                     string
		fn                       func(context.Context) error
		outcome, errorType       string
		exception, message, text string
		stack                    bool
	}{
		{
			name:    "an error",
			fn:      func(context.Context) error { return fmt.Errorf("sending: %w", &mailError{}) },
			outcome: "error", errorType: "*telemetry_test.mailError",
			exception: "*fmt.wrapError", message: "sending: mailbox full", text: "sending: mailbox full",
		},
		{
			name:    "a panic",
			fn:      func(context.Context) error { panic(&mailError{}) },
			outcome: "panic", errorType: "panic",
			exception: "*telemetry_test.mailError", message: "mailbox full", text: "runner: callback panicked: mailbox full", stack: true,
		},
		{
			name: "Goexit",
			fn: func(context.Context) error {
				runtime.Goexit()
				return nil
			},
			outcome: "error", errorType: "goexit",
			exception: "*errors.errorString", message: runner.ErrGoexit.Error(), text: runner.ErrGoexit.Error(),
		},
		{
			name:    "a timeout",
			fn:      hang,
			outcome: "timeout", errorType: "timeout",
			exception: "*fmt.wrapError", message: runner.ErrTimeout.Error(), text: runner.ErrTimeout.Error(),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newRig(t, nil)
				g.run(g.runner(runner.Config{}), "a", c.fn)
				span := g.span("process a")
				require.Equal(t, codes.Error, span.Status.Code)
				require.Equal(t, c.text, span.Status.Description)
				require.Equal(t, c.outcome, attrs(span.Attributes)["afterglow.outcome"])
				require.Equal(t, c.errorType, attrs(span.Attributes)["error.type"])
				thrown := attrs(event(t, span, "exception").Attributes)
				require.Equal(t, c.exception, thrown["exception.type"])
				require.Equal(t, c.message, thrown["exception.message"])
				if !c.stack {
					require.NotContains(t, thrown, "exception.stacktrace")
					return
				}
				stack := thrown["exception.stacktrace"].(string)
				require.True(t, strings.HasPrefix(stack, "github.com/afterglow-go/afterglow/telemetry_test.TestAFailureIsOnTheSpan"), stack)
				require.Contains(t, stack, "failure_test.go:")
				require.NotContains(t, stack, "afterglow/runner.", "the frames that called the callback say nothing")
				require.NotContains(t, stack, "debug.Stack")
			})
		})
	}
}

type hostile struct{}

func (hostile) Error() string     { return "\xff\xfe" + strings.Repeat("é\n\x00", 1<<20) }
func (hostile) ErrorType() string { return strings.Repeat("type", 1<<20) }

type treacherous struct{}

func (treacherous) Error() string     { panic("in Error") }
func (treacherous) ErrorType() string { panic("in ErrorType") }
func (treacherous) Is(error) bool     { panic("in Is") }

func TestHostileTextsStayBounded(t *testing.T) {
	for name, fn := range map[string]func(context.Context) error{
		"error":       func(context.Context) error { return hostile{} },
		"panic":       func(context.Context) error { panic(hostile{}) },
		"treacherous": func(context.Context) error { return treacherous{} },
		"deep":        func(context.Context) error { return deep(200) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			g.run(g.runner(runner.Config{}), "a", fn)
			span := g.span("process a")
			require.Equal(t, codes.Error, span.Status.Code)
			check := func(s string, limit int) {
				require.LessOrEqual(t, len(s), limit)
				require.True(t, utf8.ValidString(s), "%q", s)
			}
			check(span.Status.Description, 256)
			check(attrs(span.Attributes)["error.type"].(string), 128)
			thrown := attrs(event(t, span, "exception").Attributes)
			check(thrown["exception.message"].(string), 1024)
			if stack, ok := thrown["exception.stacktrace"].(string); ok {
				check(stack, 8192)
			}
			require.Less(t, g.logs.buf.Len(), 32<<10)
			require.Len(t, append(g.records(names.LogFailed), g.records(names.LogPanicked)...), 1)
			for signal, n := range g.errors() {
				require.Zero(t, n, signal)
			}
		})
	}
}

func TestACutTextSaysSoAndIsCutBetweenCharacters(t *testing.T) {
	for shift := range 4 {
		g := newRig(t, nil)
		g.run(g.runner(runner.Config{}), "a", func(context.Context) error {
			return errors.New(strings.Repeat("x", shift) + strings.Repeat("€", 1000))
		})
		description := g.span("process a").Status.Description
		require.True(t, strings.HasSuffix(description, "€..."), description)
		require.NotContains(t, description, "\ufffd")
		require.Greater(t, len(description), 240)
	}
}

// deep panics under n frames of the callback's own.
func deep(n int) error {
	if n == 0 {
		panic("deep")
	}
	return errors.Join(deep(n-1), nil)
}
