package tests

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

const script = `<script>alert(1)</script><img src=x onerror="alert(2)">`

// hostile are texts that must be shown as text, and cut.
var hostile = map[string]string{
	"markup":        script,
	"attribute":     `" onmouseover="alert(1)" x="`,
	"ANSI":          "\x1b[31mred\x1b[0m\a\b",
	"bidi":          "abc\u202etxt.exe\u2066x\u2069",
	"invalid UTF-8": "a\xff\xfe\xc3(",
	"lines":         "one\r\ntwo\n\nthree",
	"null":          "a\x00b",
	"long":          strings.Repeat("é", 1<<20),
	"template":      `{{.}} {{template "layout"}} ${1} %s %!d`,
}

type hostileError struct{ text string }

func (e hostileError) Error() string { return e.text }

type panickingError struct{}

func (panickingError) Error() string { panic("not to be asked") }
func (panickingError) Unwrap() error { panic("not to be asked either") }

func TestHostileTextsAreShownAsTextAndCut(t *testing.T) {
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			c := newConsole(t, console.Config{Title: text, TraceURL: "http://traces/?id={trace}"})
			r := newRunner(t, c, runner.Config{Observers: []runner.Observer{{TraceID: func(context.Context) string { return text }}}})
			h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
				runner.SetPattern(req.Context(), text)
				runner.SetError(req.Context(), errors.New(text))
				err := errors.Join(
					runner.After(req.Context(), "fails", func(context.Context) error { return hostileError{text} }, runner.Ref(text)),
					runner.After(req.Context(), "panics", func(context.Context) error { panic(text) }, runner.Ref(text)),
				)
				if err != nil {
					t.Error(err)
				}
			}))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", http.NoBody))
			require.Eventually(t, func() bool { return len(failuresOf(t, c, "")) == 2 }, 10*time.Second, 5*time.Millisecond)
			groups := failuresOf(t, c, "")
			targets := []string{"/", "/failures", "/running", "/overview.txt", "/failures.txt", "/failures.json"}
			for _, g := range groups {
				targets = append(targets, "/failure?id="+g.ID, "/failure.txt?id="+g.ID, "/failure.json?id="+g.ID)
			}
			for _, target := range targets {
				body := get(t, c, target)
				require.Less(t, len(body), 200_000, "%s is not cut", target)
				require.True(t, utf8.ValidString(body), target)
				for _, bad := range []string{"<script>alert", "<img src=x", "\x1b", "\x00", "\a", "\u202e", "\u2066", `" onmouseover="`} {
					if strings.Contains(target, ".json") {
						continue // it is data, and no markup
					}
					if strings.HasSuffix(strings.SplitN(target, "?", 2)[0], ".txt") && strings.HasPrefix(bad, "<") || strings.HasSuffix(strings.SplitN(target, "?", 2)[0], ".txt") && strings.HasPrefix(bad, `"`) {
						continue // text has no markup
					}
					i := strings.Index(body, bad)
					require.Negative(t, i, "%s has %q: …%q…", target, bad, body[max(0, i-80):min(len(body), max(i, 0)+80)])
				}
			}
		})
	}
}

func TestHostileQueriesAreShownAsText(t *testing.T) {
	c, r := setup(t, runner.Config{})
	require.NoError(t, r.Do(t.Context(), "it", nothing))
	for _, leaf := range leaves {
		for name, text := range hostile {
			if len(text) > 4096 {
				text = text[:4096]
			}
			req := httptest.NewRequest(http.MethodGet, "/"+leaf, http.NoBody)
			q := req.URL.Query()
			for _, key := range []string{"q", "runner", "callback", "outcome", "state", "sort", "range", "id", "queue", "group", "after"} {
				q.Set(key, text)
			}
			req.URL.RawQuery = q.Encode()
			w := httptest.NewRecorder()
			c.ServeHTTP(w, req)
			require.Equal(t, http.StatusOK, w.Code, leaf)
			require.NotContains(t, w.Body.String(), "<script>alert", "%s %s", leaf, name)
			require.NotContains(t, w.Body.String(), `" onmouseover="`, "%s %s", leaf, name)
		}
	}
}

func TestAnErrorWhoseMethodsPanicCostsItsText(t *testing.T) {
	c, r := setup(t, runner.Config{Observers: []runner.Observer{{Failed: func(context.Context, runner.FinishedInfo) {}}}}) // so that the runner does not log it
	require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { return panickingError{} }))
	seen(t, r)
	g := failuresOf(t, c, "")
	require.Len(t, g, 1)
	require.Contains(t, g[0].Error, "panickingError, which cannot say what it is")
	require.Contains(t, g[0].ErrorType, "panickingError")
	require.Zero(t, r.Stats().ObserverPanics)
}

func TestFailuresThatDifferInNumbersAndIdsAreOneGroup(t *testing.T) {
	c, r := setup(t, runner.Config{Workers: 1})
	other := func(context.Context) error { return errors.New("no route to host") }
	for i := range 50 {
		text := "order " + strconv.Itoa(i) + " of user" + strconv.Itoa(i) + "@example.org: dial tcp 10.0.0." + strconv.Itoa(i) + ":443: connection refused (req 7f3a9c" + strconv.Itoa(i) + ")"
		require.NoError(t, r.Go(t.Context(), "it", func(context.Context) error { return errors.New(text) }))
		require.NoError(t, r.Go(t.Context(), "it", other))
	}
	seen(t, r)
	groups := failuresOf(t, c, "")
	require.Len(t, groups, 2)
	for _, g := range groups {
		require.Equal(t, 50, g.Count)
		full := failureOf(t, c, g.ID)
		require.Len(t, full.Samples, 3, "three samples are kept, the newest")
	}
}

func TestARarePanicIsNotForgottenInAFlood(t *testing.T) {
	c, r := setup(t, runner.Config{Workers: 1, Queue: 100_000})
	require.NoError(t, r.Go(t.Context(), "rare", func(context.Context) error { panic("the one") }))
	const flood = 5000
	for i := range flood {
		text := strings.Repeat(string(rune('a'+i%26)), 1+i/26%40) + string(rune('a'+i/1040%26))
		require.NoError(t, r.Go(t.Context(), "flood", func(context.Context) error { return errors.New(text) }))
	}
	seen(t, r)
	require.Len(t, failuresOf(t, c, "callback=rare"), 1)
	require.LessOrEqual(t, len(failuresOf(t, c, "callback=flood")), 16, "one name cannot take all groups")
	page := getJSON[struct{ Skipped uint64 }](t, c, "/failures.json")
	noted := 0
	for _, g := range failuresOf(t, c, "") {
		noted += g.Count
	}
	require.LessOrEqual(t, uint64(noted)+page.Skipped, uint64(flood+1))
	require.NotZero(t, page.Skipped, "in a flood most are only counted")
}

func TestAttemptsThatAreTriedAgainAreFailuresToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{})
		require.NoError(t, r.Go(t.Context(), "it", fails, runner.Retry(3)))
		time.Sleep(time.Minute)
		g := failuresOf(t, c, "")
		require.Len(t, g, 1)
		require.Equal(t, 3, g[0].Count)
		require.Equal(t, 2, g[0].Retried)
	})
}

func TestASnapshotThatPanicsCostsItsRow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		c := newConsole(t, console.Config{Durable: []console.Durable{{
			Name: "tasks", Queues: func(context.Context) ([]console.DurableQueue, error) { return nil, nil },
			Snapshot: func() runner.Snapshot {
				if calls++; calls > 3 {
					panic(script)
				}
				return runner.Snapshot{Stats: runner.Stats{Name: "tasks", Workers: 1, Capacity: 1}}
			},
		}}})
		r := newRunner(t, c, runner.Config{})
		require.NoError(t, r.Do(t.Context(), "it", nothing))
		time.Sleep(10 * time.Second)
		o := look(t, c)
		v, ok := o.of("tasks cannot be read")
		require.True(t, ok)
		require.Contains(t, v.Why, "its snapshot panicked")
		require.Len(t, o.Runners, 2)
		require.Equal(t, uint64(1), o.Callbacks[0].Asked, "the other one goes on")
		require.NotContains(t, get(t, c, "/"), "<script>alert")
	})
}

// The workers of a durable queue may be replaced by others that count anew.
func TestASnapshotThatCountsAnewMakesNoNonsense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Uint64
		asked.Store(1000)
		c := newConsole(t, console.Config{Durable: []console.Durable{{
			Name: "tasks", Queues: func(context.Context) ([]console.DurableQueue, error) { return nil, nil },
			Snapshot: func() runner.Snapshot {
				n := asked.Add(1)
				s := runner.Snapshot{Stats: runner.Stats{Name: "tasks", Workers: 1, Capacity: 1, Asked: n}}
				s.Outcomes[runner.OutcomeSuccess] = n
				s.Callbacks = []runner.CallbackStats{{Name: "it", Asked: n, Outcomes: s.Outcomes}}
				return s
			},
		}}})
		time.Sleep(2 * time.Minute)
		require.InDelta(t, 1, look(t, c).Runners[0].Asked, .1)
		asked.Store(0)
		time.Sleep(2 * time.Minute)
		o := look(t, c)
		require.InDelta(t, 1, o.Runners[0].Asked, .1)
		require.Equal(t, "ok", o.Level, o.Verdicts)
		for _, leaf := range leaves {
			get(t, c, "/"+leaf)
		}
	})
}

func TestARunnerThatWasShutDownIsShownAsItWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{})
		require.NoError(t, r.Go(t.Context(), "it", fails))
		_, _ = r.Shutdown(t.Context())
		time.Sleep(2 * time.Hour)
		o := look(t, c)
		require.Equal(t, "shut down", o.Runners[0].State)
		require.Equal(t, uint64(1), o.Callbacks[0].Asked)
		for _, leaf := range leaves {
			get(t, c, "/"+leaf)
		}
		require.Len(t, failuresOf(t, c, ""), 1)
	})
}

// The console keeps half an hour, six hours and fifty runs, however long it runs.
func TestWhatIsKeptDoesNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{})
		size := func() uint64 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		work := func(d time.Duration) {
			for range int(d / time.Minute) {
				require.NoError(t, r.Go(t.Context(), "it", fails))
				time.Sleep(time.Minute)
			}
		}
		work(7 * time.Hour) // by now all that is kept is full
		before := size()
		work(2 * time.Hour)
		require.Less(t, int64(size())-int64(before), int64(2<<20), "it grows")
		require.Len(t, failuresOf(t, c, ""), 1)
		synctest.Wait()
	})
}

func TestWithoutRunnersThePageSaysHowTheyJoin(t *testing.T) {
	c := newConsole(t, console.Config{})
	require.Contains(t, get(t, c, "/"), "con.Observer()")
	require.Equal(t, "No runner has joined yet", look(t, c).Headline)
	for _, leaf := range leaves {
		get(t, c, "/"+leaf)
		get(t, c, "/"+leaf+".txt")
	}
}
