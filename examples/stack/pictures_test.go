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
	args := []string{
		"-in", ts.files.path("dashboards/grafana"), "-out", dir, "-prometheus", ts.prometheusURL,
		"-scrape", "1s", "-range", time.Since(ts.began).Round(time.Second).String(), "-var", "callback=" + culprit(scenario),
	}
	if ts.jaegerURL != "" {
		args = append(args, "-jaeger", ts.jaegerURL, "-log", ts.allLogs())
	}
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	shoot(t, strings.Fields(string(out))...)
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
