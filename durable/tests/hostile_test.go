package durable_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/durable"
	"github.com/afterglow-go/afterglow/runner"
)

// hostile are texts that databases do not take everywhere.
var hostile = map[string]string{
	"1 MB": strings.Repeat("x", 1<<20), "invalid UTF-8": "a\xff\xfeb", "NUL": "a\x00b", "empty": "", "surrogate": "\xed\xa0\x80",
	"SQL": `'; DROP TABLE river_job; --`, "JSON": `"}{`, "escape": `\u0000`, "newlines": "a\r\n\tb", "cut rune": strings.Repeat("x", 99) + "é",
}

func TestAHostileNameIsAnErrorThatIsNotAsLongAsTheName(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		q := s.queue(enqueueOnly)
		for what, name := range hostile {
			task := durable.Define(name, durable.Options{}, func(context.Context, int) error { return nil })
			_, err := task.Enqueue(t.Context(), q, 1)
			require.ErrorContains(t, err, "its name cannot be used: use", what)
			require.Less(t, len(err.Error()), 1000, what)
			_, err = s.open(t.Context(), s.dsn, s.quiet(durable.Config{}), task)
			require.ErrorContains(t, err, "its name cannot be used: use", what)
			if name != "" { // which is the default
				_, err = idle.Enqueue(t.Context(), q, mail{}, durable.OnQueue(name))
				require.ErrorContains(t, err, "the queue's name", what)
				require.Less(t, len(err.Error()), 1000, what)
			}
			_, err = q.List(t.Context(), durable.Filter{After: name + "x"})
			require.ErrorContains(t, err, "Filter.After", what)
			_, _ = q.List(t.Context(), durable.Filter{Names: []string{name}, Queues: []string{name}, Group: name}) // whatever it says
			if name != "" {
				require.Error(t, q.Pause(t.Context(), name), what)
			}
		}
		_, err := idle.Enqueue(t.Context(), q, mail{}, durable.Unique(hostile["1 MB"]))
		require.ErrorContains(t, err, "key of Unique")
		require.Less(t, len(err.Error()), 1000)
		stats, err := q.Stats(t.Context())
		require.NoError(t, err)
		require.Empty(t, stats.Queues, "nothing was paused or enqueued")
	})
}

func TestAHostileReferenceOrKeyIsTaken(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		q := s.queue(enqueueOnly)
		for what, text := range hostile {
			if what == "1 MB" {
				text = text[:500]
			}
			e, err := idle.Enqueue(t.Context(), q, mail{}, durable.Ref(text+text), durable.Unique(text))
			require.NoError(t, err, what)
			info, err := q.Get(t.Context(), e.ID)
			require.NoError(t, err)
			require.True(t, utf8.ValidString(info.Ref), what)
			require.LessOrEqual(t, len(info.Ref), 100, what)
			require.Equal(t, text == "", info.Ref == "", what)
			again, err := idle.Enqueue(t.Context(), q, mail{}, durable.Unique(text))
			require.NoError(t, err, what)
			require.True(t, again.Duplicate, what)
		}
	})
}

func TestAHostilePayloadComesBackAsItIs(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		got := make(chan any, 1)
		texts := durable.Define("texts", durable.Options{}, func(_ context.Context, in map[string]string) error {
			got <- in
			return nil
		})
		raws := durable.Define("raws", durable.Options{}, func(_ context.Context, in json.RawMessage) error {
			got <- string(in)
			return nil
		})
		q := s.queue(durable.Config{}, texts, raws)
		for what, text := range hostile {
			in := map[string]string{"key " + text[:min(len(text), 1000)]: text[:min(len(text), 1<<19)]}
			encoded, err := json.Marshal(in)
			require.NoError(t, err)
			var want map[string]string // invalid UTF-8 does not come through JSON
			require.NoError(t, json.Unmarshal(encoded, &want))
			e, err := texts.Enqueue(t.Context(), q, in)
			require.NoError(t, err, what)
			require.Equal(t, want, receive(t, got), what)
			info, err := q.Get(t.Context(), e.ID)
			require.NoError(t, err)
			require.JSONEq(t, string(encoded), string(info.Payload), what)
		}
		for _, raw := range []string{
			`"\ud800"`, `["\udc00\ud800"]`, `"😀"`, `1e99999`, `{"a":-1e-99999}`, `[1E400000000]`, `null`, `0`, `""`, `[]`, `{}`,
			strings.Repeat("[", 9000) + strings.Repeat("]", 9000), `{"afterglow.value":{"afterglow.value":1}}`, `{"afterglow.bytes":"AA=="}`, `"\\u0000"`, `"[[[[ 1e12345"`,
		} {
			_, err := raws.Enqueue(t.Context(), q, json.RawMessage(raw))
			require.NoError(t, err, raw[:min(len(raw), 50)])
			require.Equal(t, strings.ReplaceAll(raw, " ", ""), strings.ReplaceAll(receive(t, got).(string), " ", ""))
		}
	})
}

func TestAPayloadThatIsTooLargeOrDoesNotEncodeIsAnErrorOfTheCall(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		q := s.queue(enqueueOnly)
		large := mail{strings.Repeat("x", durable.MaxPayload)}
		_, err := idle.Enqueue(t.Context(), q, large)
		require.ErrorIs(t, err, durable.ErrPayloadTooLarge)
		require.ErrorContains(t, err, "put the data elsewhere")
		require.Less(t, len(err.Error()), 1000)
		r, err := runner.New(runner.Config{})
		require.NoError(t, err)
		ctx, release := r.Scope(t.Context())
		require.ErrorIs(t, idle.After(ctx, q, large), durable.ErrPayloadTooLarge, "while the handler can still say so")
		release(nil)

		_, err = idle.Enqueue(t.Context(), q, mail{strings.Repeat("x", durable.MaxPayload-len(`{"to":""}`))})
		require.NoError(t, err, "the largest")
		channels := durable.Define("channels", durable.Options{}, func(context.Context, chan int) error { return nil })
		_, err = channels.Enqueue(t.Context(), q, make(chan int))
		require.ErrorContains(t, err, "does not encode")
	})
}

func TestAHostileErrorIsTheReasonOfADeadLetter(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		fails := durable.Define("fails", durable.Options{MaxAttempts: 1}, func(_ context.Context, what string) error { return errors.New("says " + hostile[what]) })
		panics := durable.Define("panics", durable.Options{MaxAttempts: 1}, func(_ context.Context, what string) error { panic("says " + hostile[what]) })
		q := s.queue(durable.Config{}, fails, panics)
		for what := range hostile {
			for _, task := range []*durable.Task[string]{fails, panics} {
				e, err := task.Enqueue(t.Context(), q, what)
				require.NoError(t, err)
				info := s.await(q, e.ID, durable.StateDead)
				require.Contains(t, info.Failures[0].Error, "says", what)
				require.Less(t, len(info.Failures[0].Error), 10_000, what)
				require.NotEmpty(t, info.Group)
			}
		}
		_, err := q.Failures(t.Context(), durable.Filter{})
		require.NoError(t, err)
	})
}

func TestAPayloadThatSomebodyElseWroteBlocksNothing(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		done := make(chan string, 10)
		task := durable.Define("order.mail", durable.Options{Queue: "one"}, func(_ context.Context, in mail) error {
			done <- in.To
			return nil
		})
		q := s.queue(durable.Config{Role: durable.EnqueueOnly})
		payloads := []string{"null", "[1]", `"text"`, "{}", `{"to":7}`, `{"afterglow.value":7}`, `{"afterglow.bytes":"AA=="}`}
		if s.isSQLite() {
			payloads = append(payloads, "no JSON", "")
		}
		for _, p := range payloads {
			s.exec("INSERT INTO river_job (args, kind, max_attempts, queue, metadata) VALUES ('" + p + "', 'order.mail', 3, 'one', '{\"afterglow\":7}')")
		}
		_, err := task.Enqueue(t.Context(), q, mail{"behind"})
		require.NoError(t, err)
		s.queue(durable.Config{Queues: map[string]int{"one": 1}}, task)
		for to := ""; to != "behind"; {
			to = receive(t, done)
		}
		dead := len(payloads) - len([]string{"null", "{}"})
		require.Eventually(t, func() bool {
			stats, err := q.Stats(context.Background())
			return err == nil && len(stats.Queues) == 1 && stats.Queues[0].Tasks[durable.StateDead] == dead
		}, patience, 20*time.Millisecond)
		page, err := q.List(t.Context(), durable.Filter{IDs: []int64{2, 3, 5, 6, 7}}) // River's driver lists no row that is no JSON
		require.NoError(t, err)
		require.Len(t, page.Tasks, 5)
		for _, one := range page.Tasks {
			require.Contains(t, one.Failures[0].Error, "does not decode")
		}
	})
}

func TestNoDelayIsTooShortOrTooLong(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		ran := make(chan string, 10)
		task := durable.Define("delayed", durable.Options{}, func(_ context.Context, what string) error {
			ran <- what
			return nil
		})
		q := s.queue(durable.Config{}, task)
		for what, o := range map[string]durable.EnqueueOption{
			"negative": durable.In(-time.Hour), "most negative": durable.In(math.MinInt64), "long over": durable.At(time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC)),
			"zero": durable.At(time.Time{}), "none": durable.In(0),
		} {
			_, err := task.Enqueue(t.Context(), q, what, o)
			require.NoError(t, err, what)
			require.Equal(t, what, receive(t, ran))
		}
		for what, o := range map[string]durable.EnqueueOption{
			"huge": durable.In(math.MaxInt64), "last": durable.At(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)),
		} {
			e, err := task.Enqueue(t.Context(), q, what, o)
			require.NoError(t, err, what)
			info, err := q.Get(t.Context(), e.ID)
			require.NoError(t, err)
			require.Equal(t, durable.StateScheduled, info.State, what)
			require.Greater(t, info.Due.Year(), 2300, what)
		}
		_, err := task.Enqueue(t.Context(), q, "too far", durable.At(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)))
		require.ErrorContains(t, err, "before the year 10000")
		_, err = q.List(t.Context(), durable.Filter{})
		require.NoError(t, err)
		_, err = q.Stats(t.Context())
		require.NoError(t, err)
	})
}

func TestABackoffAndATimeoutMayBeHuge(t *testing.T) {
	onEach(t, func(t *testing.T, s store) {
		far := durable.Define("far", durable.Options{Timeout: math.MaxInt64, Backoff: func(int) time.Duration { return math.MaxInt64 }},
			func(context.Context, int) error { return errors.New("not yet") })
		q := s.queue(durable.Config{}, far)
		e, err := far.Enqueue(t.Context(), q, 1)
		require.NoError(t, err)
		info := s.await(q, e.ID, durable.StateRetrying)
		require.Greater(t, info.Due.Year(), 2300)
		require.Equal(t, "not yet", info.Failures[0].Error)
	})
}
