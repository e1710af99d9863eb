package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/afterglow-go/afterglow/runner"
	"github.com/afterglow-go/afterglow/telemetry"
	"github.com/afterglow-go/afterglow/telemetry/names"
)

// forged would end the line, begin another record, color the terminal and
// reverse what follows, where it is written as it is.
const forged = "no\" \x1b[31mred\x1b[0m\r\n\x00\a\u202etime=now level=INFO msg=forged {\"msg\":\"forged\"}\n"

// both writes each record as JSON and as text.
type both struct{ json, text bytes.Buffer }

func newBoth(t *testing.T, changes ...func(*telemetry.Config)) (*rig, *both) {
	b := new(both)
	return newRig(t, func(cfg *telemetry.Config) {
		for _, change := range changes {
			change(cfg)
		}
		cfg.Logger = slog.New(slog.NewMultiHandler(slog.NewJSONHandler(&b.json, nil), slog.NewTextHandler(&b.text, nil)))
	}), b
}

// requireClean requires lines without control characters.
func requireClean(t *testing.T, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		for _, r := range strings.TrimSuffix(line, "\n") {
			require.True(t, r >= ' ' && r != 0x7f, "%q in %q", r, line)
		}
	}
}

// Texts are data: spans and records get them as they are, but for what is not
// UTF-8 and what is too long. It is the handlers of slog that make one line of
// each record, and that line harmless.
func TestAForgedTextStaysOneValueOfOneRecord(t *testing.T) {
	for name, fn := range map[string]func(context.Context) error{
		"error": func(context.Context) error { return errors.New(forged) },
		"panic": func(context.Context) error { panic(forged) },
	} {
		t.Run(name, func(t *testing.T) {
			g, logs := newBoth(t)
			g.run(g.runner(runner.Config{}), "a", fn)

			require.Equal(t, forged, attrs(event(t, g.span("process a"), "exception").Attributes)["exception.message"])

			requireClean(t, logs.json.String())
			requireClean(t, logs.text.String())
			require.Equal(t, 3, strings.Count(logs.json.String(), "\n"), "the failure, and the drain's two")
			require.Equal(t, 3, strings.Count(logs.text.String(), "\n"))
			var texts []any
			for line := range strings.Lines(logs.json.String()) {
				var record map[string]any
				require.NoError(t, json.Unmarshal([]byte(line), &record))
				require.NotEqual(t, "forged", record["msg"])
				for _, key := range []string{"error", "exception.message"} {
					if text, ok := record[key]; ok {
						texts = append(texts, text)
					}
				}
			}
			require.Equal(t, []any{forged}, texts)
			require.Contains(t, logs.text.String(), "="+strconv.Quote(forged))
			require.NotContains(t, g.scrape(openMetrics), "forged", "metrics carry no texts")
		})
	}
}

// mute panics in whatever it is asked for.
type mute struct{}

func (mute) Error() string                { panic("in Error") }
func (mute) String() string               { panic("in String") }
func (mute) GoString() string             { panic("in GoString") }
func (mute) Format(fmt.State, rune)       { panic("in Format") }
func (mute) LogValue() slog.Value         { panic("in LogValue") }
func (mute) MarshalJSON() ([]byte, error) { panic("in MarshalJSON") }
func (mute) MarshalText() ([]byte, error) { panic("in MarshalText") }

func TestHostilePanicValuesReachSpansAndRecordsBounded(t *testing.T) {
	loop := map[string]any{}
	loop["loop"] = &loop
	for name, value := range map[string]any{
		"1 MB":                  strings.Repeat("x", 1<<20),
		"1 MB of invalid UTF-8": strings.Repeat("\xff\xfe", 1<<19),
		"methods that panic":    mute{},
		"an error that panics":  errors.Join(mute{}, mute{}),
		"a nil pointer's error": (*runner.PanicError)(nil),
		"a loop":                loop,
		"a function":            func() {},
		"bytes":                 []byte(forged),
	} {
		t.Run(name, func(t *testing.T) {
			g, logs := newBoth(t)
			r := g.runner(runner.Config{})
			require.NoError(t, r.Go(t.Context(), "panics", func(context.Context) error { panic(value) }))
			if err, ok := value.(error); ok {
				require.NoError(t, r.Go(t.Context(), "fails", func(context.Context) error { return err }))
			}
			g.shutdown(r)
			message := attrs(event(t, g.span("process panics"), "exception").Attributes)["exception.message"].(string)
			require.NotEmpty(t, message)
			require.LessOrEqual(t, len(message), 1024)
			require.Less(t, logs.json.Len(), 64<<10)
			requireClean(t, logs.json.String())
			requireClean(t, logs.text.String())
			require.Less(t, len(g.scrape(openMetrics)), 64<<10)
			for signal, n := range g.errors() {
				require.Zero(t, n, signal)
			}
		})
	}
}

func TestAFloodOfNamesFromManyAskersStaysWithinTheBudget(t *testing.T) {
	g := newRig(t, func(cfg *telemetry.Config) { cfg.TracerProvider = noop.NewTracerProvider() })
	r := g.runner(runner.Config{Queue: 5_000, Timeout: -1})
	const askers, each, kept = 8, 1250, 100
	var asking sync.WaitGroup
	begun := time.Now()
	for a := range askers {
		asking.Go(func() {
			for i := range each {
				_ = r.Go(context.Background(), fmt.Sprintf("callback.%d.%d", a, i), fail) // or it is rejected
			}
		})
	}
	asking.Wait()
	g.shutdown(r)

	s := g.series()
	// Without the timeouts, as there are none, and the last successes.
	require.Equal(t, 59*(kept+1)-2*(kept+1)+73+7, len(s)) //nolint:testifylint // require.Len would print them all
	require.InDelta(t, askers*each-kept, s[`afterglow_names_folded_total{runner="default"}`], 0)
	require.Len(t, g.records(names.LogNamesFolded), 1)
	records := g.records(names.LogFailed)
	require.LessOrEqual(t, len(records), kept+10+int(10*time.Since(begun).Seconds()), "one of each kept name, and ten a second of all others")
	ended := s[`afterglow_callbacks_total{callback="other",outcome="error",runner="default"}`] +
		s[`afterglow_callbacks_total{callback="other",outcome="rejected",runner="default"}`]
	require.InDelta(t, askers*each-kept, ended, 0)
}

var callbackLabel = regexp.MustCompile(`(?m)^afterglow_asked_total\{callback="(.*)",runner="default"\} 1(?:\.0)?$`)

func TestEveryNameThatTheRunnerAcceptsIsAFineLabel(t *testing.T) {
	g := newRig(t, nil)
	r := g.runner(runner.Config{MaxNames: 1000})
	var accepted, scraped, rejected []string
	for c := range 256 {
		for _, name := range []string{string([]byte{byte(c)}), "a" + string([]byte{byte(c)}) + "b"} {
			if err := r.Go(t.Context(), name, succeed); err != nil {
				require.ErrorIs(t, err, runner.ErrInvalidName)
				rejected = append(rejected, name)
				continue
			}
			accepted = append(accepted, name)
		}
	}
	for _, name := range []string{`\n`, `","x="`, `"}7`, "{}", strings.Repeat("~", 100)} {
		require.NoError(t, r.Go(t.Context(), name, succeed))
		accepted = append(accepted, name)
	}
	require.ErrorIs(t, r.Go(t.Context(), strings.Repeat("~", 101), succeed), runner.ErrInvalidName)
	g.shutdown(r)
	require.Len(t, rejected, 2*(256-94), "what is not printable, and the space")

	unescape := strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n")
	for _, format := range []string{textFormat, openMetrics} {
		scraped = nil
		for _, m := range callbackLabel.FindAllStringSubmatch(g.scrape(format), -1) {
			scraped = append(scraped, unescape.Replace(m[1]))
		}
		require.ElementsMatch(t, accepted, scraped, format)
	}
	for _, name := range accepted {
		g.span("process " + name)
	}
}
