package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/internal/tool"
)

// pictures makes the scenarios leave pictures of all dashboards behind, for a look at what
// an operator would see:
//
//	go test ./examples/stack -run TestEachScenario -args -pictures "$PWD/pictures"
var pictures = flag.String("pictures", "", "`directory` for pictures of the dashboards in each scenario; empty: none")

// previewWidth is that of the screen that the preview is drawn for.
const previewWidth = 1920

var preview = sync.OnceValues(func() (string, error) {
	root, err := tool.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(programs, "preview")
	return path, tool.Go(context.Background(), root, programs, nil, "build", "-o", path, "./dashboards/cmd/preview")
})

// draw makes pictures of the dashboards as they are now.
func (ts *testStack) draw(scenario string) {
	t := ts.t
	t.Helper()
	if *pictures == "" {
		return
	}
	program, err := preview()
	require.NoError(t, err)
	dir, err := filepath.Abs(filepath.Join(*pictures, strings.NewReplacer(" ", "-", ",", "").Replace(scenario)))
	require.NoError(t, err)
	args := []string{"-prometheus", ts.prometheusURL, "-scrape", "1s", "-range", time.Since(ts.began).Round(time.Second).String()}
	if ts.jaegerURL != "" {
		args = append(args, "-jaeger", ts.jaegerURL, "-log", ts.allLogs())
	}
	draw := func(args ...string) {
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	boards, one := ts.quickBoards()
	draw(append(args, "-in", boards, "-out", dir)...)
	draw(append(args, "-in", one, "-out", dir, "-var", "callback="+culprit(scenario))...)
	pages, err := filepath.Glob(filepath.Join(dir, "*.html"))
	require.NoError(t, err)
	shoot(t, pages...)
}

// quickBoards returns a directory of the dashboards, whose panels draw a point for each second
// of compressed time, and one with only the dashboard that an alert leads to, with the callback
// that it blames.
func (ts *testStack) quickBoards() (all, one string) {
	ts.t.Helper()
	all, one = ts.t.TempDir(), ts.t.TempDir()
	found, err := filepath.Glob(ts.files.path("dashboards/grafana/*.json"))
	require.NoError(ts.t, err)
	for _, file := range found {
		text, err := os.ReadFile(file)
		require.NoError(ts.t, err)
		text = bytes.ReplaceAll(text, []byte(`"interval": "1m"`), []byte(`"interval": "1s"`))
		dirs := []string{all}
		if filepath.Base(file) == "callback.json" {
			dirs = append(dirs, one)
		}
		for _, dir := range dirs {
			require.NoError(ts.t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600))
		}
	}
	return all, one
}

// allLogs puts the records of all shops into one file.
func (ts *testStack) allLogs() string {
	ts.t.Helper()
	files, err := filepath.Glob(ts.files.path("data/shop-*.log"))
	require.NoError(ts.t, err)
	var all bytes.Buffer
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(ts.t, err)
		for line := range bytes.Lines(text) {
			if bytes.HasPrefix(line, []byte("{")) && bytes.HasSuffix(line, []byte("\n")) { // not half of one
				all.Write(line)
			}
		}
	}
	path := ts.files.path("data/all.log")
	require.NoError(ts.t, os.WriteFile(path, all.Bytes(), 0o600))
	return path
}

// shoot makes a picture of each page, beside it.
func shoot(t *testing.T, pages ...string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "there is no Chromium: run make setup")
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-background-networking", true))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	defer cancelAlloc()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	defer func() { _ = chromedp.Cancel(ctx) }() // closes the browser and waits for it
	for _, page := range pages {
		for suffix, scale := range map[string]float64{"": 1, "-small": 0.6} {
			require.NoError(t, chromedp.Do(ctx,
				chromedp.EmulateViewport(previewWidth, 1080, chromedp.EmulateScale(scale)), chromedp.Navigate("file://"+page)), page)
			take := chromedp.FullScreenshot(100)
			if suffix != "" {
				take = chromedp.CaptureScreenshot()
			}
			png, err := chromedp.Run(ctx, take)
			require.NoError(t, err, page)
			require.NoError(t, os.WriteFile(strings.TrimSuffix(page, ".html")+suffix+".png", png, 0o644))
		}
	}
	t.Logf("pictures of %s", strings.Join(pages, ", "))
}
