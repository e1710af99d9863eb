package tests

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime/trace"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

func TestTheBundleHasAllThereIs(t *testing.T) {
	c := newConsole(t, console.Config{Title: "my shop/π", FlightRecorder: flight{}})
	r := newRunner(t, c, runner.Config{})
	g := newGate(t)
	require.NoError(t, r.Go(t.Context(), "fails", fails))
	require.NoError(t, r.Go(t.Context(), "hangs", g.hangHere))
	<-g.entered
	require.Eventually(t, func() bool { return len(failuresOf(t, c, "")) == 1 }, 5*time.Second, time.Millisecond)
	w := ask(c, http.MethodGet, "/bundle")
	require.Equal(t, http.StatusOK, w.Code)
	require.Regexp(t, `^attachment; filename="afterglow-my-shop---\d{8}T\d{6}Z\.zip"$`, w.Header().Get("Content-Disposition"))
	z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	require.NoError(t, err)
	files := make(map[string]string)
	for _, f := range z.File {
		in, err := f.Open()
		require.NoError(t, err)
		files[f.Name] = readAll(t, in)
	}
	require.Contains(t, files["overview.json"], `"name": "shop"`)
	require.Contains(t, files["running.txt"], "hangHere", "with the stacks of what runs")
	require.Contains(t, files["failures.txt"], "broken")
	require.Contains(t, files["goroutines.txt"], "afterglow.callback")
	require.Contains(t, files["build.txt"], "GOOS")
	require.Equal(t, "a recording", files["flight.trace"])
	require.Contains(t, files["README.txt"], "goroutines.txt")
	found := false
	for name, text := range files {
		found = found || strings.HasPrefix(name, "failures/fails-error-") && strings.Contains(text, "broken")
	}
	require.True(t, found, "each group has a file with its samples")
}

type flight struct{}

func (flight) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, "a recording")
	return int64(n), err
}

type broken struct{ panics bool }

func (b broken) WriteTo(io.Writer) (int64, error) {
	if b.panics {
		panic("boom")
	}
	return 0, errors.New("no recording now")
}

func TestTheBundleSaysWhatItCouldNotGet(t *testing.T) {
	for _, b := range []broken{{false}, {true}} {
		c := newConsole(t, console.Config{FlightRecorder: b})
		w := ask(c, http.MethodGet, "/bundle")
		z, err := zip.NewReader(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
		require.NoError(t, err)
		in, err := z.Open("README.txt")
		require.NoError(t, err)
		require.Contains(t, readAll(t, in), "missing: flight.trace: ")
	}
}

// The page must not be why a panic is in no log.
func TestTheConsoleLeavesTheRunnersLogOn(t *testing.T) {
	var log strings.Builder
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { slog.SetDefault(old) })
	_, r := setup(t, runner.Config{})
	require.NoError(t, r.Go(t.Context(), "it", fails))
	seen(t, r)
	require.Contains(t, log.String(), "afterglow: callback failed")
}

// A path may have a secret in it, as the link of a forgotten password does.
func TestOnlyTheRouteOfARequestIsShown(t *testing.T) {
	c, r := setup(t, runner.Config{})
	h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		if err := runner.After(req.Context(), "it", fails); err != nil {
			t.Error(err)
		}
	}))
	req := httptest.NewRequest(http.MethodPost, "/reset/s3cret?token=t0ken", http.NoBody)
	req.Header.Set("Authorization", "Bearer b3arer")
	h.ServeHTTP(httptest.NewRecorder(), req)
	seen(t, r)
	page := get(t, c, "/failure.json?id="+failuresOf(t, c, "")[0].ID)
	require.Contains(t, page, `"method": "POST"`)
	for _, secret := range []string{"s3cret", "t0ken", "b3arer"} {
		require.NotContains(t, page, secret)
	}
}

// The standard library's own recorder fits.
var _ = console.Config{FlightRecorder: (*trace.FlightRecorder)(nil)}
