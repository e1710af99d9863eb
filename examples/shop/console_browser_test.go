package main

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

var consolePicture = flag.String("console.picture", "", "`file` to write the picture of the console to, for the README")

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
	require.Eventually(b.t, func() bool { return js[bool](b, `window.found !== null`) }, 4*patience, 100*time.Millisecond, what)
	var violations []string
	require.NoError(b.t, json.Unmarshal([]byte(js[string](b, `window.found`)), &violations))
	require.Empty(b.t, violations, what)
}

// fits requires that nothing sticks out of the screen.
func (b *browser) fits(what string) {
	b.t.Helper()
	require.LessOrEqual(b.t, js[int](b, `document.documentElement.scrollWidth`), js[int](b, `innerWidth`), "%s sticks out of the screen", what)
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

// arrives waits for an expression to be true in the page that a click leads to. Until the
// page is there, nothing can be asked.
func (b *browser) arrives(expression string) {
	b.t.Helper()
	require.Eventually(b.t, func() bool {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		defer cancel()
		v, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression))
		return err == nil && v
	}, 3*patience, 50*time.Millisecond, expression)
}

// click clicks the first link or button with a text, as a reader does, and counts it.
func (b *browser) click(css, text string, clicks *int) {
	b.t.Helper()
	b.arrives(contains(css, text))
	*clicks++
	b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`[...document.querySelectorAll(%q)].find(e => e.textContent.includes(%q)).click()`, css, text)))
}

// webhookFails is a shop with little work, whose webhook has a fault.
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
	b.do(chromedp.Click(chromedp.CSS("#pause")))
	b.until(`document.body.classList.contains("stale") && document.getElementById("age").textContent.includes("paused")`)
	b.do(chromedp.Click(chromedp.CSS("#pause")))
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
	b.do(chromedp.Click(chromedp.CSS("#callbacks tbody th a")), chromedp.WaitVisible(chromedp.CSS("#recent tbody tr")))
	b.do(chromedp.Click(chromedp.CSS("#groups td.main a")), chromedp.WaitVisible(chromedp.CSS("#failure .at")))
	b.noMistakes()
}

// hostileText is what must not run, whoever says it.
const hostileText = `<script>window.ran=1</script><img src=x onerror="window.ran=1"><svg onload="window.ran=1">"'><a href="javascript:window.ran=1">x</a>`

// consoleServer is a console of its own with hostile content, for tests that need no shop.
func consoleServer(t *testing.T, mount func(http.Handler) http.Handler) (*httptest.Server, *console.Console) {
	t.Helper()
	c, err := console.New(console.Config{Title: hostileText, Actions: true, Durable: []console.Durable{hostileTasks()}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	r, err := runner.New(runner.Config{Name: "shop", Observers: []runner.Observer{c.Observer(), {Failed: func(context.Context, runner.FinishedInfo) {}}}})
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = r.Shutdown(context.Background()) })
	h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		runner.SetPattern(req.Context(), hostileText)
		_ = runner.After(req.Context(), `<script>window.ran=1</script>`, func(context.Context) error { panic(hostileText) }, runner.Ref(hostileText))
		_ = runner.After(req.Context(), "order.email", func(context.Context) error { return fmt.Errorf("%s", hostileText) }, runner.Ref(hostileText))
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", http.NoBody))
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	require.NoError(t, r.Do(t.Context(), "leaks", func(context.Context) error { go leakHere(stop); return nil }))
	server := httptest.NewServer(mount(c))
	t.Cleanup(server.Close)
	return server, c
}

//go:noinline
func leakHere(stop chan struct{}) { <-stop }

func hostileTasks() console.Durable {
	letters := []console.DeadLetter{{ID: "7", Name: hostileText, Queue: hostileText, Ref: hostileText, Error: hostileText, Stack: "main.receipt\n\t/src/receipt.go:88", Attempts: 10, Payload: hostileText}}
	return console.Durable{
		Name: "tasks",
		Queues: func(context.Context) ([]console.DurableQueue, error) {
			return []console.DurableQueue{{Name: hostileText, States: []console.DurableState{
				{State: "due", Count: 3, Age: 5 * time.Second}, {State: "running", Count: 2}, {State: "retrying", Count: 4}, {State: "dead", Count: len(letters)},
			}}}, nil
		},
		Groups: func(context.Context) (console.DeadGroups, error) {
			if len(letters) == 0 {
				return console.DeadGroups{}, nil
			}
			return console.DeadGroups{Looked: 1, Groups: []console.DeadGroup{{ID: "g1", Name: "order.receipt", Error: hostileText, Count: 1, First: time.Now(), Last: time.Now()}}}, nil
		},
		Letters: func(context.Context, string, string, int) (console.DeadLetters, error) {
			return console.DeadLetters{Tasks: letters}, nil
		},
		Retry: func(context.Context, string, string) (int, bool, error) {
			n := len(letters)
			letters = nil
			return n, false, nil
		},
	}
}

func TestTheConsoleRunsNothingThatItShows(t *testing.T) {
	server, _ := consoleServer(t, func(h http.Handler) http.Handler { return h })
	b := openBrowser(t, server.URL)
	b.look(1400, 900, "light")
	b.open(server.URL)
	b.until(contains("#callbacks tbody", "<script>"))
	for _, address := range []string{"/", "/failures", "/running", "/left", "/drains", "/durable", "/letters?queue=tasks&group=g1", "/callback?runner=shop&callback=" + url.QueryEscape(`<script>window.ran=1</script>`)} {
		b.open(server.URL + address)
		time := js[string](b, `document.getElementById("age").textContent`)
		if address != "/left" && !strings.HasPrefix(address, "/letters") {
			b.until(fmt.Sprintf(`document.getElementById("age").textContent !== %q`, time)) // a live page too
		}
		b.fits(address)
		b.accessible(address)
		require.False(t, js[bool](b, `"ran" in window`), address)
	}
	clicks := 0
	b.open(server.URL + "/failures")
	b.click("#groups td.main a", "", &clicks)
	b.arrives(contains("#failure", "onerror"))
	require.False(t, js[bool](b, `"ran" in window`))

	// A goroutine that a callback has left behind is named.
	b.open(server.URL + "/left")
	b.until(contains("main", "leaks") + " && " + contains("pre.stack", "leakHere"))
	b.shoot("console-left-behind-1400-light")

	// A dead letter: from the first page to its line, and then it is retried.
	clicks = 0
	b.open(server.URL)
	b.click("#verdicts li a.button", "Most of them", &clicks)
	b.arrives(contains("main", "receipt.go:88"))
	require.Equal(t, 1, clicks)
	b.shoot("console-letters-1400-light")
	b.open(server.URL + "/durable")
	b.shoot("console-durable-1400-light")
	b.click("#durable form button", "Retry", &clicks)
	b.arrives(contains("#durable", "None.") + ` && location.search === "?queue=tasks"`)
	b.noMistakes()
}

// prefixes are the ways to mount a console, with the path of its first page.
func prefixes() map[string]struct {
	mount func(http.Handler) http.Handler
	path  string
} {
	proxied := func(h http.Handler) http.Handler {
		inner := httptest.NewServer(h)
		to, err := url.Parse(inner.URL)
		if err != nil {
			panic(err)
		}
		proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.URL.Path = "/" + strings.TrimPrefix(strings.TrimPrefix(r.In.URL.Path, "/ops/shop"), "/")
			r.Out.Header.Set("X-Forwarded-Prefix", "/ops/shop")
		}}
		mux := http.NewServeMux()
		mux.Handle("/ops/shop", proxy)
		mux.Handle("/ops/shop/", proxy)
		return mux
	}
	return map[string]struct {
		mount func(http.Handler) http.Handler
		path  string
	}{
		"root": {func(h http.Handler) http.Handler { return h }, "/"},
		"kept": {func(h http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/debug/afterglow/", h)
			return mux
		}, "/debug/afterglow/"},
		"stripped": {func(h http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/debug/afterglow/", http.StripPrefix("/debug/afterglow", h))
			return mux
		}, "/debug/afterglow/"},
		"X-Forwarded-Prefix":                  {proxied, "/ops/shop/"},
		"X-Forwarded-Prefix, without a slash": {proxied, "/ops/shop"},
	}
}

func TestTheConsoleWorksBehindEachPrefixInTheBrowser(t *testing.T) {
	for name, p := range prefixes() {
		t.Run(name, func(t *testing.T) {
			server, _ := consoleServer(t, p.mount)
			b := openBrowser(t, server.URL)
			b.look(1400, 900, "light")
			b.open(server.URL + p.path)
			b.until(`document.querySelectorAll("#charts figure canvas").length === 6`)
			age := b.text("#age")
			b.until(fmt.Sprintf(`document.getElementById("age").textContent !== %q`, age)) // the stream works
			require.NotEmpty(t, js[string](b, `getComputedStyle(document.documentElement).getPropertyValue("--accent")`), "the style works")
			clicks := 0
			for _, text := range []string{"Running", "Failures", "Left behind", "Drains", "Durable", "Overview"} {
				b.click(".top nav a", text, &clicks)
				b.arrives(fmt.Sprintf(`document.querySelector(".top nav a[aria-current]")?.textContent === %q`, text))
				require.True(t, strings.HasPrefix(js[string](b, `location.pathname`), strings.TrimSuffix(p.path, "/")+"/"), "%s leads to %s", text, js[string](b, `location.href`))
			}
			b.do(chromedp.SendKeys(chromedp.CSS("form.filter input[type=search]"), "email"))
			b.until(`location.search === "?q=email" && document.querySelectorAll("#callbacks tbody tr").length === 1`)
			b.noMistakes()
		})
	}
}

// TestTheConsolesPicture makes the picture of the README:
//
//	go test ./examples/shop -run TestTheConsolesPicture -console.picture=$PWD/console/console.png
func TestTheConsolesPicture(t *testing.T) {
	s := startShop(t, "-smtp-delay", "20ms", "-load", "50", "-faults", "order.webhook=hang:0.01,order.analytics=error:0.01")
	b := openBrowser(t, s.ops)
	b.look(1200, 760, "light")
	b.open(s.ops + consolePath)
	b.arrives(`document.querySelectorAll("#verdicts li").length >= 2 && document.querySelectorAll("#charts figure canvas").length === 6`)
	b.arrives(contains("#verdicts", "faults.go:"))
	if *consolePicture == "" {
		return
	}
	b.arrives(`Number(document.querySelector("#charts").dataset.points ?? 0) >= 30`)
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	require.NoError(t, err)
	require.Less(t, len(png), 150<<10, "the picture is too large for a README")
	require.NoError(t, os.WriteFile(*consolePicture, png, 0o644))
}
