package tests

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // the runners log what fails
	goleak.VerifyTestMain(m)
}

var errBroken = errors.New("broken")

func nothing(context.Context) error { return nil }

func fails(context.Context) error { return errBroken }

// newConsole returns a console that is closed at the end of the test.
func newConsole(t *testing.T, cfg console.Config) *console.Console {
	t.Helper()
	if cfg.Title == "" {
		cfg.Title = "shop"
	}
	c, err := console.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// newRunner returns a runner with the console's observer, which is shut down at the end of
// the test.
func newRunner(t *testing.T, c *console.Console, cfg runner.Config) *runner.Runner {
	t.Helper()
	if cfg.Name == "" {
		cfg.Name = "shop"
	}
	cfg.Observers = append(cfg.Observers, c.Observer())
	r, err := runner.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _ = r.Shutdown(ctx)
	})
	return r
}

// setup is a console with a runner.
func setup(t *testing.T, cfg runner.Config) (*console.Console, *runner.Runner) {
	t.Helper()
	c := newConsole(t, console.Config{})
	return c, newRunner(t, c, cfg)
}

// ask asks a handler for an address, with headers as pairs.
func ask(h http.Handler, method, target string, headers ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, target, http.NoBody)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

// get returns a page.
func get(t *testing.T, h http.Handler, target string) string {
	t.Helper()
	w := ask(h, http.MethodGet, target)
	require.Equal(t, http.StatusOK, w.Code, "%s: %s", target, w.Body)
	return w.Body.String()
}

// getJSON reads a page in its JSON form.
func getJSON[T any](t *testing.T, h http.Handler, target string) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(get(t, h, target)), &v), target)
	return v
}

// verdict is one of a page in JSON.
type verdict struct{ Level, Text, Why, Alert, Runner, Callback, Link, Runbook string }

type overview struct {
	Level, Headline string
	Stale           bool
	Age             float64 `json:"age_seconds"`
	Verdicts        []verdict
	Runners         []struct {
		Name, State string
		Workers     int
		Busy        int
		Stuck       int
		Failed      uint64  `json:"failed_5m"`
		Asked       float64 `json:"asked_per_second"`
		Full        float64 `json:"full_in_seconds"`
		Places      []struct {
			Kind         string
			Taken, Limit int
		}
	}
	Callbacks []struct {
		Runner, Name string
		Asked        uint64
		Failed       uint64 `json:"failed_5m"`
		Running      int
		LastError    string `json:"last_error"`
	}
}

func look(t *testing.T, h http.Handler) overview {
	t.Helper()
	return getJSON[overview](t, h, "/overview.json")
}

// of returns the verdict with an alert, or with a text.
func (o overview) of(alertOrText string) (verdict, bool) {
	for _, v := range o.Verdicts {
		if v.Alert == alertOrText || strings.Contains(v.Text, alertOrText) {
			return v, true
		}
	}
	return verdict{}, false
}

// gate is a callback that runs until it is opened, whatever its context says.
type gate struct {
	entered chan struct{}
	open    chan struct{}
	once    sync.Once
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{entered: make(chan struct{}, 4096), open: make(chan struct{})}
	t.Cleanup(g.release)
	return g
}

// hangHere is where callbacks of a gate hang.
func (g *gate) hangHere(context.Context) error {
	g.entered <- struct{}{}
	<-g.open
	return nil
}

func (g *gate) release() { g.once.Do(func() { close(g.open) }) }

// serve serves a handler on a real port until the end of the test.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func readAll(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(b)
}

// seen shuts a runner down: then its observers have seen every end.
func seen(t *testing.T, r *runner.Runner) {
	t.Helper()
	_, err := r.Shutdown(t.Context())
	require.NoError(t, err)
}
