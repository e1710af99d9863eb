package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var screenshots = flag.String("screenshots", os.Getenv("SHOP_SCREENSHOTS"), "`directory` for the browser test's screenshots; empty: a temporary one")

// browserNames and macBrowser are what tools/setup.sh looks for as well.
const (
	browserNames = "chromium chromium-browser google-chrome google-chrome-stable"
	macBrowser   = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
)

// findBrowser returns the path of a Chromium, "" if there is none.
func findBrowser() string {
	for _, name := range append(strings.Fields(browserNames), macBrowser) {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func TestSetupLooksForTheSameBrowsers(t *testing.T) {
	script, err := os.ReadFile("../../tools/setup.sh")
	require.NoError(t, err)
	require.Contains(t, string(script), "\nbrowsers='"+browserNames+"'\n")
	require.Contains(t, string(script), "\nmac_browser='"+macBrowser+"'\n")
}

func TestWithoutABrowserItsTestsFailAndAreSkippedIfShort(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if findBrowser() != "" {
		t.Skip("this machine has a browser outside of its PATH")
	}
	program, err := os.Executable()
	require.NoError(t, err)
	child := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), program, append(args, "-test.v", "-test.run=^TestVisitorSeesWhatWentWrong")...).CombinedOutput()
		return string(out), err
	}
	out, err := child()
	require.Error(t, err, out)
	require.Contains(t, out, "there is no Chromium: run make setup")
	out, err = child("-test.short")
	require.NoError(t, err, out)
	require.Contains(t, out, "--- SKIP")
	require.Contains(t, out, "there is no Chromium: run make setup")
}

// browser is a headless Chromium that notes what must not happen.
type browser struct {
	t       *testing.T
	ctx     context.Context
	shop    string
	origins []string // that may be asked for something
	dir     string   // of screenshots
	width   int64    // of the window

	mu       sync.Mutex
	mistakes []string // guarded by mu: console errors, foreign requests
}

func openBrowser(t *testing.T, shop string, others ...string) *browser {
	t.Helper()
	path := findBrowser()
	if path == "" && testing.Short() {
		t.Skip("there is no Chromium: run make setup")
	}
	require.NotEmpty(t, path, "there is no Chromium: run make setup")
	b := &browser{t: t, shop: shop, origins: append(others, shop), dir: *screenshots}
	if b.dir == "" {
		b.dir = t.TempDir()
	}
	require.NoError(t, os.MkdirAll(b.dir, 0o755))
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-background-networking", true))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), opts...)
	ctx, cancel := chromedp.NewContext(alloc, chromedp.WithListener(b.note))
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // closes the browser and waits for it
		cancel()
		cancelAlloc()
	})
	b.ctx = ctx
	require.NoError(t, chromedp.Do(ctx), "start Chromium")
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	return b
}

// note runs in the loop that reads the browser's events.
func (b *browser) note(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		if ev.Type == runtime.ConsoleAPICalledTypeError || ev.Type == runtime.ConsoleAPICalledTypeWarning {
			b.mistakes = append(b.mistakes, "console: "+string(ev.Type))
		}
	case *runtime.EventExceptionThrown:
		b.mistakes = append(b.mistakes, "exception: "+ev.ExceptionDetails.Text)
	case *log.EventEntryAdded: // a violated content security policy, say
		b.mistakes = append(b.mistakes, "browser log: "+ev.Entry.Text)
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(ev.Request.URL); err != nil || !slices.Contains(b.origins, "http://"+u.Host) {
			b.mistakes = append(b.mistakes, "foreign request: "+ev.Request.URL)
		}
	case *network.EventLoadingFailed:
		if !ev.Canceled {
			b.mistakes = append(b.mistakes, "failed request: "+ev.ErrorText)
		}
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for i, step := range steps {
		if err := chromedp.Do(ctx, step); err != nil {
			where, _ := evaluate[string](b, `location.href`)
			require.NoError(b.t, err, "step %d, at %s", i+1, where)
		}
	}
}

// click clicks an element, as soon as it is there and nothing covers it. The page itself finds and clicks it: between a
// look at where it is and a click of the mouse it moves, as when a page is filled in.
func click(css string) chromedp.Action[chromedp.Void] {
	hit := chromedp.Evaluate[bool]("(e => {" + `
		if (!e) return false;
		e.scrollIntoView({ block: "center", behavior: "instant" });
		const r = e.getBoundingClientRect(), top = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
		if (!e.contains(top) && top?.closest("label")?.control !== e) return false;
		e.click();
		return true;
	` + "})(document.querySelector(" + strconv.Quote(css) + "))")
	return func(ctx context.Context, t *chromedp.Target) (v chromedp.Void, err error) {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			clicked, err := hit(ctx, t)
			if clicked || err != nil && strings.Contains(err.Error(), "navigated") { // the click has led elsewhere
				return v, nil
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return v, fmt.Errorf("%s cannot be clicked: %w", css, context.Cause(ctx))
			}
		}
	}
}

func (b *browser) text(css string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(css)))
	require.NoError(b.t, err)
	return strings.TrimSpace(s)
}

// js evaluates an expression in the page.
func js[T any](b *browser, expression string) T {
	b.t.Helper()
	v, err := evaluate[T](b, expression)
	require.NoError(b.t, err)
	return v
}

func evaluate[T any](b *browser, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// until waits for an expression to be true in the page. A page that the browser is leaving has no answer.
func (b *browser) until(expression string) {
	b.t.Helper()
	require.EventuallyWithT(b.t, func(c *assert.CollectT) {
		is, err := evaluate[bool](b, expression)
		require.NoError(c, err)
		require.True(c, is)
	}, patience, 20*time.Millisecond, expression)
}

// look sets the window and the preferred colors.
func (b *browser) look(width, height int64, scheme string) {
	b.t.Helper()
	b.width = width
	opts := []chromedp.EmulateViewportOption{}
	if width < 600 {
		opts = append(opts, chromedp.EmulateScale(2), chromedp.EmulateMobile)
	}
	b.do(chromedp.EmulateViewport(width, height, opts...))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	require.NoError(b.t, err)
}

func (b *browser) shoot(name string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 4*patience) // a busy machine draws slowly
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(b.dir, name+".png"), png, 0o644))
	full, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(b.dir, name+"-full.png"), full, 0o644))
}

// picture makes a small picture of the window for the README, if pictures are asked for.
func (b *browser) picture(name string) {
	b.t.Helper()
	if *screenshots == "" {
		return
	}
	size := js[[]int64](b, `[innerWidth, innerHeight]`)
	b.do(chromedp.EmulateViewport(size[0], size[1], chromedp.EmulateScale(.75)))
	b.do(chromedp.Evaluate[chromedp.Void](`window.drawn = false; requestAnimationFrame(() => requestAnimationFrame(() => { window.drawn = true; }))`))
	b.until(`window.drawn`) // charts are drawn again for the new scale
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	require.Less(b.t, len(png), 150<<10, "the picture is too large for a README")
	require.NoError(b.t, os.WriteFile(filepath.Join(b.dir, "picture-"+name+".png"), png, 0o644))
	b.do(chromedp.EmulateViewport(size[0], size[1]))
}

// press sends keys to whatever has the focus.
func (b *browser) press(keys string) {
	b.t.Helper()
	b.do(chromedp.KeyEvent(keys))
}

// shown waits for the order placed and returns its id and response time.
func (b *browser) shown(mode, not string) (id string, ms float64) {
	b.t.Helper()
	b.until(`(r => !r.hidden && r.dataset.mode === "` + mode + `" && r.dataset.order !== "` + not + `" && r.dataset.complete === "true")(document.getElementById("result"))`)
	require.Equal(b.t, "Order placed successfully", b.text("#result-title"))
	ms, err := strconv.ParseFloat(strings.TrimSuffix(b.text("#result-ms"), " ms"), 64)
	require.NoError(b.t, err)
	return js[string](b, `document.getElementById("result").dataset.order`), ms
}

const doneSteps = `document.querySelectorAll('#steps [data-outcome=success]').length`

func TestVisitorSeesTheAfterWorkArriveInTheBrowser(t *testing.T) {
	s := startShop(t, "-smtp-delay", "80ms")
	b := openBrowser(t, s.url)

	b.look(1280, 800, "light")
	b.do(chromedp.Navigate(s.url), chromedp.WaitVisible(chromedp.CSS("#order")))
	b.shoot("desktop-light-start")

	// With the mouse, answered first.
	b.do(
		click(`.product:nth-child(5)`),
		chromedp.SendKeys(chromedp.CSS("#name"), "Ada Lovelace"),
		chromedp.SendKeys(chromedp.CSS("#email"), "ada@example.org"),
		click("#order button.main"),
	)
	first, after := b.shown("after", "")
	require.Equal(t, 6, js[int](b, doneSteps))
	require.True(t, js[bool](b, `[...document.querySelectorAll("#steps .when")].every(e => !e.textContent.startsWith("−"))`),
		"after-work is done after the answer")
	require.Contains(t, b.text("#best"), "Firefly jar", "the cache was rebuilt")
	b.shoot("desktop-light-after")
	b.picture("shop")

	// The same, inline: everything happens before the answer, which is late.
	b.do(click(`.switch input[value=inline]`), click("#order button.main"))
	second, inline := b.shown("inline", first)
	require.Greater(t, inline, after)
	require.Equal(t, 6, js[int](b, doneSteps))
	require.Contains(t, b.text("#compare-words"), "times sooner")
	b.shoot("desktop-light-inline")

	// With the keyboard alone.
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector(".brand").focus()`))
	for range 5 { // four links of the header, then the products
		b.press(kb.Tab)
	}
	require.Equal(t, "product", js[string](b, `document.activeElement.name`))
	b.press(kb.ArrowRight)
	require.Equal(t, "ember", js[string](b, `document.activeElement.value`))
	b.press(kb.Tab)
	require.Equal(t, "name", js[string](b, `document.activeElement.id`))
	b.press(kb.Tab)
	b.press(kb.Tab)
	require.Equal(t, "quantity", js[string](b, `document.activeElement.id`))
	b.press(kb.Tab)
	require.Equal(t, "inline", js[string](b, `document.activeElement.value`))
	b.press(kb.ArrowLeft)
	b.press(kb.Tab)
	require.NotEqual(t, "none", js[string](b, `getComputedStyle(document.activeElement).outlineStyle`), "focus is visible")
	b.press(kb.Enter)
	b.shown("after", second)
	b.look(1280, 800, "dark")
	b.shoot("desktop-dark-after")

	// The mails are there to read.
	b.do(click("#result-inbox"), chromedp.WaitVisible(chromedp.CSS(".mails")))
	require.Contains(t, b.text(".mails"), "Your order: Ember mug")
	require.Contains(t, b.text(".mails"), "Dear Ada Lovelace")
	b.shoot("desktop-dark-inbox")
	b.look(1280, 800, "light")
	b.shoot("desktop-light-inbox")

	b.phone()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.mistakes)
}

func TestVisitorSeesWhatWentWrongInTheBrowser(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s", "-faults", "order.webhook=error:1,order.email.admin=panic:1,order.email.customer=error:1,cache.revalidate=slow(1h):1")
	b := openBrowser(t, s.url)
	b.look(1280, 800, "light")
	b.do(
		chromedp.Navigate(s.url),
		chromedp.SendKeys(chromedp.CSS("#name"), "Ada Lovelace"),
		chromedp.SendKeys(chromedp.CSS("#email"), "ada..lovelace@example.org"), // browsers let it pass
		click("#order button.main"),
		chromedp.WaitVisible(chromedp.CSS("#error")),
	)
	require.Contains(t, b.text("#error"), "plain address")
	require.Equal(t, "email", js[string](b, `document.activeElement.id`), "the field to mend has the focus")
	require.Equal(t, "true", js[string](b, `document.activeElement.ariaInvalid`))
	b.shoot("desktop-light-mistake")

	b.do(chromedp.SetValue(chromedp.CSS("#email"), "ada@example.org"), click("#order button.main"))
	b.shown("after", "")
	require.Equal(t, 2, js[int](b, doneSteps))
	require.Contains(t, b.text("[data-name='cache.revalidate'] .how"), "timed out after 2.0 s")
	require.Contains(t, b.text("[data-name='order.webhook'] .how"), "failed")
	require.Contains(t, b.text("[data-name='order.email.admin'] .how"), "panicked")
	require.False(t, js[bool](b, `document.getElementById("error").checkVisibility()`))
	require.False(t, js[bool](b, `document.getElementById("result-inbox").checkVisibility()`), "no mail was sent")
	b.shoot("desktop-light-faults")

	// While the visitor waits, the button says so and what is shown is the past.
	first := js[string](b, `document.getElementById("result").dataset.order`)
	b.do(chromedp.Evaluate[chromedp.Void](`{
		const button = document.querySelector("#order button");
		window.seen = [];
		new MutationObserver(() => seen.push(button.textContent, getComputedStyle(document.getElementById("result")).opacity < 1)).observe(button, { childList: true });
	}`))
	b.do(click(`.switch input[value=inline]`), click("#order button.main"))
	b.shown("inline", first)
	require.Equal(t, []any{"Placing…", true, "Place the order", false}, js[[]any](b, `window.seen`))
}

// phone places an order on a small screen and signs up.
func (b *browser) phone() {
	t := b.t
	b.look(390, 844, "light")
	b.do(chromedp.Navigate(b.shop), chromedp.WaitVisible(chromedp.CSS("#order")))
	require.GreaterOrEqual(t, js[float64](b, `document.querySelector("nav a").getBoundingClientRect().left - document.querySelector(".hero h1").getBoundingClientRect().left`),
		0.0, "the menu begins where the rest does")
	b.shoot("phone-light-start")
	b.do(
		chromedp.SendKeys(chromedp.CSS("#name"), "Grace Hopper"),
		chromedp.SendKeys(chromedp.CSS("#email"), "grace@example.org"),
		click("#order button.main"),
	)
	b.shown("after", "")
	require.True(t, js[bool](b, `document.documentElement.scrollWidth <= innerWidth`), "nothing sticks out of a small screen")
	b.shoot("phone-light-after")
	b.look(390, 844, "dark")
	b.shoot("phone-dark-after")

	b.do(chromedp.SendKeys(chromedp.CSS("#signup-email"), "grace@example.org"), click("#signup button"))
	b.until(`document.getElementById("signup-said").textContent.includes("Welcome")`)
	require.Eventually(t, func() bool {
		b.do(chromedp.Navigate(b.shop + "/inbox?to=grace@example.org"))
		return strings.Contains(b.text(".inbox"), "Welcome to the Afterglow shop")
	}, patience, 50*time.Millisecond)
	require.True(t, js[bool](b, `document.documentElement.scrollWidth <= innerWidth`), "nothing sticks out of a small screen")
	require.True(t, js[bool](b, `(e => e.scrollWidth <= e.clientWidth)(document.querySelector(".inbox .scroll"))`), "the table is not cut off")
	b.shoot("phone-dark-inbox")
}
