package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

// logged is one record of the default logger.
type logged struct {
	Level, Msg, Callback, Call, Error string

	Runner, Outcome, Stack string
	Suppressed             int
	Function               string
	Ref                    string
}

// line returns the file and the line of the call, without the folder.
func (l logged) line() string { return filepath.Base(l.Call) }

// captureLog takes the default logger until the end of the test, and returns what
// reads it.
func captureLog(t *testing.T) func() []logged {
	t.Helper()
	var mu sync.Mutex
	var written bytes.Buffer // guarded by mu
	before, output, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() {
		slog.SetDefault(before)
		log.SetOutput(output) // SetDefault has changed it
		log.SetFlags(flags)
	})
	slog.SetDefault(slog.New(slog.NewJSONHandler(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return written.Write(b)
	}), nil)))
	return func() (all []logged) {
		t.Helper()
		mu.Lock()
		defer mu.Unlock()
		for lines := json.NewDecoder(bytes.NewReader(written.Bytes())); lines.More(); {
			var l logged
			require.NoError(t, lines.Decode(&l))
			all = append(all, l)
		}
		return all
	}
}

// runs counts the runs of each test in this process: a line is logged once however
// often -count repeats its test.
var runs sync.Map

// requireLogged checks that there are so many records, and returns them. In a later
// run of the test there must be none, and ok is false.
func requireLogged(t *testing.T, records []logged, n int) (_ []logged, ok bool) {
	t.Helper()
	if _, again := runs.LoadOrStore(t.Name(), nil); again {
		require.Empty(t, records)
		return nil, false
	}
	require.Len(t, records, n)
	return records, true
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// misusesSince returns how many misuses there have been since.
func misusesSince(before [runner.NumMisuses]uint64) (since [runner.NumMisuses]uint64) {
	for m, n := range runner.Misuses() {
		since[m] = n - before[m]
	}
	return since
}

func TestAMisuseIsCountedEachTimeAndLoggedOnceForItsLine(t *testing.T) {
	r := newRunner(t, runner.Config{Name: "shop"})
	scoped, release := r.Scope(t.Context())
	defer release(nil)
	call := runner.Call{Name: "it", Func: nothing}
	noName := runner.Call{Name: "no name", Func: nothing}
	for name, c := range map[string]struct {
		misuse   runner.Misuse
		callback string
		make     func() (line string, err error)
	}{
		"After without a scope":               {runner.MisuseNoScope, "it", func() (string, error) { return line(0), runner.After(t.Context(), "it", nothing) }},
		"the method After without a scope":    {runner.MisuseNoScope, "it", func() (string, error) { return line(0), r.After(t.Context(), "it", nothing) }},
		"AfterAll without a scope":            {runner.MisuseNoScope, "", func() (string, error) { return line(0), runner.AfterAll(t.Context(), call) }},
		"the method AfterAll without a scope": {runner.MisuseNoScope, "", func() (string, error) { return line(0), r.AfterAll(t.Context(), call) }},
		"Wait without a scope":                {runner.MisuseNoScope, "", func() (string, error) { return line(0), runner.Wait(t.Context()) }},
		"Once in Go":                          {runner.MisuseNoScope, "it", func() (string, error) { return line(0), r.Go(scoped, "it", nothing, runner.Once("k")) }},
		"a bad name for After":                {runner.MisuseInvalidName, "no name", func() (string, error) { return line(0), runner.After(scoped, "no name", nothing) }},
		"a bad name for Go":                   {runner.MisuseInvalidName, "no name", func() (string, error) { return line(0), r.Go(scoped, "no name", nothing) }},
		"a bad name for Do":                   {runner.MisuseInvalidName, "no name", func() (string, error) { return line(0), r.Do(scoped, "no name", nothing) }},
		"a bad name in AfterAll":              {runner.MisuseInvalidName, "no name", func() (string, error) { return line(0), runner.AfterAll(scoped, call, noName) }},
		"no function for After":               {runner.MisuseNilFunc, "it", func() (string, error) { return line(0), runner.After(scoped, "it", nil) }},
		"no function for the method After":    {runner.MisuseNilFunc, "it", func() (string, error) { return line(0), r.After(scoped, "it", nil) }},
		"no function for Go":                  {runner.MisuseNilFunc, "it", func() (string, error) { return line(0), r.Go(scoped, "it", nil) }},
		"no function for Do":                  {runner.MisuseNilFunc, "it", func() (string, error) { return line(0), r.Do(scoped, "it", nil) }},
	} {
		t.Run(name, func(t *testing.T) {
			records := captureLog(t)
			before := runner.Misuses()
			var line string
			var err error
			for range 10 {
				line, err = c.make()
				require.Error(t, err)
			}
			var want [runner.NumMisuses]uint64
			want[c.misuse] = 10
			require.Equal(t, want, misusesSince(before))
			if all, ok := requireLogged(t, records(), 1); ok {
				require.Equal(t, "ERROR", all[0].Level)
				require.Equal(t, c.callback, all[0].Callback)
				require.Equal(t, line, all[0].line(), "the user's line, not one of the runner's")
				require.Equal(t, err.Error(), all[0].Error)
			}
		})
	}
	require.Zero(t, r.Stats().Asked, "nothing was asked for")
}

func TestEachLineThatMisusesIsLogged(t *testing.T) {
	records := captureLog(t)
	for range 3 {
		require.Error(t, runner.After(t.Context(), "a", nothing))
		require.Error(t, runner.After(t.Context(), "b", nothing))
	}
	if all, ok := requireLogged(t, records(), 2); ok {
		require.Equal(t, "a", all[0].Callback)
		require.Equal(t, "b", all[1].Callback)
	}
}

// A handler behind no Middleware answers 503 to everybody, and the log says why.
func TestAHandlerWithoutMiddlewareIsLoggedOnce(t *testing.T) {
	records := captureLog(t)
	h := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := runner.After(req.Context(), "order.email", nothing); err != nil {
			http.Error(w, "later", http.StatusServiceUnavailable)
		}
	})
	before := runner.Misuses()
	var visitors sync.WaitGroup
	for range 8 {
		visitors.Go(func() {
			for range 25 {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil))
				if w.Code != http.StatusServiceUnavailable {
					t.Errorf("answered %d", w.Code)
				}
			}
		})
	}
	visitors.Wait()
	require.Equal(t, uint64(200), misusesSince(before)[runner.MisuseNoScope])
	if all, ok := requireLogged(t, records(), 1); ok { // however many make it at once
		require.Contains(t, all[0].Error, "Middleware")
	}
}

func TestARejectedCallbackIsNoMisuse(t *testing.T) {
	records := captureLog(t)
	before := runner.Misuses()
	r, _ := recorded(t, runner.Config{Workers: 1, Queue: 1}) // which sees the rejection
	fill(t, r)
	require.ErrorIs(t, r.Go(t.Context(), "it", nothing), runner.ErrQueueFull)
	require.Zero(t, misusesSince(before))
	require.Empty(t, records())
}

func TestMisuseNamesAreTheOnesOfTheMetrics(t *testing.T) {
	names := ""
	for m := range runner.NumMisuses {
		names += m.String() + " "
	}
	require.Equal(t, "no_scope invalid_name nil_func ", names)
	require.Equal(t, "Misuse(3)", runner.NumMisuses.String())
}
