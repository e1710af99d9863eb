package main

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// axe is axe-core, which looks for what keeps people from using a page.
//
//go:embed testdata/axe.min.js.gz
var packedAxe []byte

// axe unpacks it. Its license is beside it.
var axe = sync.OnceValue(func() string {
	z, err := gzip.NewReader(bytes.NewReader(packedAxe))
	if err != nil {
		panic(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	return string(text)
})

// noMistakes requires that nothing went wrong in the browser: no violation of the content
// security policy, no exception, no request elsewhere.
func (b *browser) noMistakes() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(b.t, b.mistakes)
}

// accessible requires that axe finds nothing serious.
func (b *browser) accessible(what string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](axe())) // by the debugger, which the page's policy does not bind
	b.do(chromedp.Evaluate[chromedp.Void](`window.found = null; axe.run({ resultTypes: ["violations"] }).then(r => window.found = JSON.stringify(r.violations
		.filter(v => v.impact === "serious" || v.impact === "critical").map(v => v.id + ": " + v.nodes.map(n => n.html + " " + (n.any[0]?.message ?? "")).slice(0, 4).join(" | ")))).catch(e => window.found = JSON.stringify(["axe: " + e]))`))
	require.Eventually(b.t, func() bool {
		isFound, err := evaluate[bool](b, `window.found !== null`)
		return err == nil && isFound
	}, 4*patience, 100*time.Millisecond, what)
	var violations []string
	require.NoError(b.t, json.Unmarshal([]byte(js[string](b, `window.found`)), &violations))
	require.Empty(b.t, violations, what)
}

// fits requires that nothing sticks out of the screen. On a phone the window of a page
// that does grows with it, so innerWidth is not asked.
func (b *browser) fits(what string) {
	b.t.Helper()
	require.LessOrEqual(b.t, js[int64](b, `document.documentElement.scrollWidth`), b.width, "%s sticks out of the screen: %s", what, js[string](b, `[...document.querySelectorAll("body *")]
		.filter(e => e.getBoundingClientRect().right > screen.width && !e.closest(".scroll, .top nav")).map(e => e.tagName + "." + e.className).join(", ")`))
}

func (b *browser) open(address string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 4*patience) // a machine may be busy
	defer cancel()
	require.NoError(b.t, chromedp.Do(ctx, chromedp.Navigate(address), chromedp.WaitVisible(chromedp.CSS("main"))))
}

// contains is an expression: an element has a text.
func contains(css, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.textContent.includes(%q))`, css, text)
}

// arrives waits for an expression to be true in the page that a click leads to, and not
// in the one it leaves. Until the page is there, nothing can be asked.
func (b *browser) arrives(expression string) {
	b.t.Helper()
	there := `!window.leaving && document.readyState === "complete" && (` + expression + `)`
	require.Eventually(b.t, func() bool {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		v, err := chromedp.Run(ctx, chromedp.Evaluate[bool](there))
		return err == nil && v
	}, 3*patience, 50*time.Millisecond, expression)
}

// click clicks the first link or button with a text, as a reader does, and counts it.
func (b *browser) click(css, text string, clicks *int) {
	b.t.Helper()
	b.arrives(contains(css, text))
	*clicks++
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
		const found = [...document.querySelectorAll(%q)].find(e => e.textContent.includes(%q));
		window.leaving = found.pathname !== undefined && found.pathname + found.search !== location.pathname + location.search;
		found.click();
	}`, css, text)))
}

// faulty is a shop with little work, whose webhook has a fault.
func faulty(t *testing.T, faults string, more ...string) *testShop {
	t.Helper()
	return startShop(t, append([]string{"-smtp-delay", "5ms", "-load", "10", "-faults", faults, "-webhook-attempts", "1"}, more...)...)
}

func TestTheConsoleIsLiveReadableAndAccessibleInTheBrowser(t *testing.T) {
	s := faulty(t, "order.webhook=hang:0.01,order.analytics=error:0.1,activity.log=panic:0.02,order.email.admin=slow(300ms):0.5", "-workers", "32")
	b := openBrowser(t, s.ops)
	home := s.ops + consolePath
	b.look(1400, 900, "light")
	b.open(home)
	b.until(contains("#callbacks tbody", "order.webhook"))

	// Everything moves.
	first := b.text("#age")
	b.until(fmt.Sprintf(`document.getElementById("age").textContent !== %q`, first))
	asked := `document.querySelector("#callbacks tbody td.n").textContent`
	b.until(fmt.Sprintf(`document.querySelectorAll("#charts figure canvas").length === 6 && %s !== "0"`, asked))
	b.arrives(contains("#verdicts", "hang"))
	b.arrives(`document.querySelectorAll("#verdicts li").length >= 3`)
	points := `document.querySelector("#charts .u-legend")`
	require.True(t, js[bool](b, points+` !== null`))
	b.accessible("overview, light")
	b.shoot("console-overview-1400-light")
	b.look(1400, 900, "dark")
	b.until(`getComputedStyle(document.documentElement).colorScheme.includes("dark")`)
	b.accessible("overview, dark")
	b.shoot("console-overview-1400-dark")

	// A pause stops it, and the page says that it is old.
	b.do(click("#pause"))
	b.until(`document.body.classList.contains("stale") && document.getElementById("age").textContent.includes("paused")`)
	b.do(click("#pause"))
	b.until(`!document.body.classList.contains("stale")`)

	// A filter works while one types, is in the address, and survives a reload.
	b.do(chromedp.SendKeys(chromedp.CSS("form.filter input[type=search]"), "webh"))
	b.until(`location.search.includes("q=webh") && document.querySelectorAll("#callbacks tbody tr").length === 1`)
	require.Equal(t, "q", js[string](b, `document.activeElement.name`), "the focus stays")
	b.open(js[string](b, `location.href`))
	b.until(`document.querySelectorAll("#callbacks tbody tr").length === 1`)
	require.Equal(t, "webh", js[string](b, `document.querySelector("form.filter input[type=search]").value`))
	b.open(home)
	b.press("/")
	require.Equal(t, "q", js[string](b, `document.activeElement.name`), "a slash leads to the search")

	for _, p := range []struct{ name, address, ready string }{
		{"callback", "callback?runner=shop&callback=order.webhook", `document.querySelectorAll("#charts figure canvas").length === 3`},
		{"running", "running", contains("#runs", "order.webhook")},
		{"where", "running?callback=order.webhook&stacks=1", contains(".places", "faults.go:")},
		{"failures", "failures", contains("#groups", "injected fault")},
		{"left", "left", contains("main", "Left behind")},
		{"drains", "drains", contains("#drains", "not begun")},
	} {
		for _, size := range []struct {
			width, height int64
			scheme        string
		}{{1400, 900, "light"}, {1400, 900, "dark"}, {390, 844, "light"}, {390, 844, "dark"}} {
			b.look(size.width, size.height, size.scheme)
			b.open(home + p.address)
			b.arrives(p.ready)
			b.fits(p.name)
			what := fmt.Sprintf("console-%s-%d-%s", p.name, size.width, size.scheme)
			b.accessible(what)
			b.shoot(what)
		}
	}
	for _, scheme := range []string{"light", "dark"} {
		b.look(390, 844, scheme)
		b.open(home)
		b.until(`document.querySelectorAll("#charts figure canvas").length === 6`)
		b.fits("overview")
		b.accessible("overview on a phone, " + scheme)
		b.shoot("console-overview-390-" + scheme)
	}
	b.noMistakes()
}

func TestTheConsoleShowsAStackThatStaysAndATrace(t *testing.T) {
	s := faulty(t, "order.webhook=hang:0.2", "-workers", "32")
	b := openBrowser(t, s.ops)
	b.look(1400, 900, "light")
	clicks := 0
	b.open(s.ops + consolePath + "running?callback=order.webhook&state=stuck")
	b.click("#runs a.button", "Stack", &clicks)
	b.arrives(contains("pre.stack", "strike"))
	require.Contains(t, b.text(".at"), "faults.go:")
	b.accessible("a run")
	b.shoot("console-run-1400-light")
	stack, address := b.text("pre.stack"), js[string](b, `location.href`)

	// It is let go: the page says so by itself, and the stack stays.
	req, err := http.NewRequest(http.MethodPut, s.ops+"/faults", http.NoBody)
	require.NoError(t, err)
	resp, err := s.client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	b.until(contains("#run", "has ended"))
	require.Equal(t, stack, b.text("pre.stack"))
	b.open(address)
	require.Equal(t, stack, b.text("pre.stack"))
	require.Contains(t, b.text("#stack-title"), "taken at")
	b.look(390, 844, "dark")
	b.fits("a run")
	b.accessible("a run, dark")
	b.shoot("console-run-390-dark")

	// The trace is one click away.
	b.look(1400, 900, "light")
	b.click("#run a.trace", "", &clicks)
	b.arrives(`location.pathname === "/traces" && ` + contains("main", "order.webhook"))
	b.noMistakes()
}

// Each walk begins on the first page, as somebody does who hears that something is wrong.
func TestTheConsoleLeadsToTheLineInThreeClicks(t *testing.T) {
	walks := map[string]struct {
		faults string
		flags  []string
		walk   func(b *browser, clicks *int)
		line   string // in the page at the end
	}{
		"panic": {"activity.log=panic:0.5", nil, func(b *browser, clicks *int) {
			b.click("#verdicts li a.button", "The stack", clicks)
		}, "faults.go:"},
		"error": {"order.analytics=error:1", nil, func(b *browser, clicks *int) {
			b.click("#verdicts li a.button", "", clicks)
		}, "after.go:"},
		"timeout": {"cache.revalidate=slow(1h):1", nil, func(b *browser, clicks *int) {
			b.click("#verdicts li a.button", "The timeouts", clicks)
		}, "after.go:"},
		"hang": {"order.webhook=hang:0.3", nil, func(b *browser, clicks *int) {
			b.click("#verdicts li a.button", "The stack", clicks)
		}, "faults.go:"},
		"flood": {"order.webhook=slow(2s):1", []string{"-workers", "1", "-queue", "2"}, func(b *browser, clicks *int) {
			b.click("#verdicts li a.button", "Who asks", clicks)
		}, "after.go:"},
		"a slow dependency": {"order.email.customer=slow(2s):1", []string{"-workers", "8", "-queue", "4000"}, func(b *browser, clicks *int) {
			b.click("#verdicts li a.button", "Where ", clicks)
			b.click(".places summary", "", clicks)
		}, "faults.go:"},
	}
	for name, w := range walks {
		t.Run(name, func(t *testing.T) {
			s := faulty(t, w.faults, w.flags...)
			b := openBrowser(t, s.ops)
			b.look(1400, 900, "light")
			b.open(s.ops + consolePath)
			clicks := 0
			w.walk(b, &clicks)
			b.arrives(contains("main", w.line))
			t.Logf("%s: %d clicks to %s", name, clicks, w.line)
			require.LessOrEqual(t, clicks, 3)
			b.shoot("console-walk-" + strings.ReplaceAll(name, " ", "-"))
			b.noMistakes()
		})
	}
}

func TestTheConsoleWorksWithoutJavaScript(t *testing.T) {
	s := faulty(t, "order.webhook=error:1")
	b := openBrowser(t, s.ops)
	_, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	b.look(1400, 900, "light")
	get := func(query string) string { return s.get(s.ops+consolePath+query, "Accept", "text/html").body }
	require.Eventually(t, func() bool { return strings.Contains(get(""), "order.webhook") }, patience, 50*time.Millisecond)
	b.do(chromedp.Navigate(s.ops+consolePath), chromedp.WaitVisible(chromedp.CSS("#callbacks tbody tr:nth-child(3)")))
	b.shoot("console-without-javascript")
	b.do(chromedp.SendKeys(chromedp.CSS("form.filter input[type=search]"), "webh"+kb.Enter),
		chromedp.WaitVisible(chromedp.CSS("#callbacks tbody tr:only-child")))
	b.do(click("#callbacks tbody th a"), chromedp.WaitVisible(chromedp.CSS("#recent tbody tr")))
	b.do(click("#groups td.main a"), chromedp.WaitVisible(chromedp.CSS("#failure .at")))
	b.noMistakes()
}

// hostileText must not run, wherever a page shows it.
// consoleServer is a console of its own with hostile content, for tests that need no shop.
// prefixes are the ways to mount a console, with the path of its first page.
// TestTheConsolesPicture makes one of the pictures that make pictures asks for.
//
//go:noinline
func TestTheConsolesPicture(t *testing.T) {
	s := startShop(t, "-smtp-delay", "20ms", "-load", "50", "-faults", "order.webhook=hang:0.01,order.analytics=error:0.01")
	b := openBrowser(t, s.ops)
	b.look(1200, 760, "light")
	b.open(s.ops + consolePath)
	b.arrives(`document.querySelectorAll("#verdicts li").length >= 2 && document.querySelectorAll("#charts figure canvas").length === 6`)
	b.arrives(contains("#verdicts", "faults.go:"))
	if *screenshots == "" {
		return // the charts are worth a picture after half a minute
	}
	b.arrives(`Number(document.querySelector("#charts").dataset.points ?? 0) >= 30`)
	b.picture("console")
}
