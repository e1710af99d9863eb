package main

import (
	"context"
	_ "embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

const hostileText = `<script>window.ran=1</script><img src=x onerror="window.ran=1"><svg onload="window.ran=1">"'><a href="javascript:window.ran=1">x</a>`

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

func leakHere(stop chan struct{}) { <-stop }

func hostileTasks() console.Durable {
	var retried atomic.Bool
	all := []console.DeadLetter{{ID: "7", Name: hostileText, Queue: hostileText, Ref: hostileText, Error: hostileText, Stack: "main.receipt\n\t/src/receipt.go:88", Attempts: 10, Payload: hostileText}}
	dead := func() []console.DeadLetter {
		if retried.Load() {
			return nil
		}
		return all
	}
	return console.Durable{
		Name: "tasks",
		Queues: func(context.Context) ([]console.DurableQueue, error) {
			return []console.DurableQueue{{Name: hostileText, States: []console.DurableState{
				{State: "due", Count: 3, Age: 5 * time.Second}, {State: "running", Count: 2}, {State: "retrying", Count: 4}, {State: "dead", Count: len(dead())},
			}}}, nil
		},
		Groups: func(context.Context) (console.DeadGroups, error) {
			if len(dead()) == 0 {
				return console.DeadGroups{}, nil
			}
			return console.DeadGroups{Looked: 1, Groups: []console.DeadGroup{{ID: "g1", Name: "order.receipt", Error: hostileText, Count: 1, First: time.Now(), Last: time.Now()}}}, nil
		},
		Letters: func(context.Context, string, string, int) (console.DeadLetters, error) {
			return console.DeadLetters{Tasks: dead()}, nil
		},
		Retry: func(context.Context, string, string) (int, bool, error) {
			n := len(dead())
			retried.Store(true)
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
	b.arrives(contains("#durable", "None.") + ` && location.search.startsWith("?queue=tasks")`)
	b.noMistakes()
}

func prefixes(t *testing.T) map[string]struct {
	mount func(http.Handler) http.Handler
	path  string
} {
	proxied := func(h http.Handler) http.Handler {
		inner := httptest.NewServer(h)
		t.Cleanup(inner.Close)
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
	for name, p := range prefixes(t) {
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
