package main

import (
	"html"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

func TestTracesAreAPageForBrowsersAndJSONForPrograms(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s")
	got := s.order()
	s.complete(got.ID)
	page := func(query string) answer {
		return s.get(s.ops+"/traces?"+query, "Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	}
	for query, want := range map[string][]string{
		"":                            {"process order.webhook", "POST /api/orders", got.TraceID},
		"name=process+order.webhook":  {"Spans of process order.webhook"},
		"trace_id=" + got.TraceID:     {"process order.webhook", "POST /api/orders"},
		"trace_id=0123":               {"Not kept: only the last 8192 spans are."},
		"name=%3Cscript%3E":           {"Spans of &lt;script&gt;", "None yet."},
		"trace_id=%22%3E%3Cscript%3E": {"&#34;&gt;&lt;script&gt;"},
	} {
		a := page(query)
		require.Contains(t, a.header.Get("Content-Type"), "text/html", query)
		require.Equal(t, "Accept", a.header.Get("Vary"))
		for _, text := range want {
			require.Contains(t, a.body, text, query)
		}
		link := regexp.MustCompile(`href="(/traces\?[^"]*json=[^"]*)"`).FindStringSubmatch(a.body)
		require.NotNil(t, link, query)
		same := s.get(s.ops+html.UnescapeString(link[1]), "Accept", "text/html")
		require.Equal(t, "application/json", same.header.Get("Content-Type"))
	}
	require.Equal(t, 400, page("limit=0").status)
	require.Equal(t, "application/json", s.get(s.ops+"/traces").header.Get("Content-Type"))
}

func TestVisitorFollowsATraceInTheBrowser(t *testing.T) {
	s := startShop(t, "-smtp-delay", "20ms", "-faults", "order.analytics=error:1")
	got := s.order()
	s.complete(got.ID)
	b := openBrowser(t, s.url, s.ops)
	b.look(1280, 800, "light")
	b.do(chromedp.Navigate(s.url+"/orders/"+got.ID), click("#result-trace"), chromedp.WaitVisible(chromedp.CSS(".inbox .steps")))
	spans := `document.querySelectorAll(".step").length`
	require.Equal(t, 8, js[int](b, spans), "the request, its query and what it asked for")
	require.Contains(t, b.text(".inbox"), "failed: injected fault: order.analytics fails")
	require.True(t, js[bool](b, `[...document.querySelectorAll(".track")].every(track => {
		const [all, bar] = [track, track.firstElementChild].map(e => e.getBoundingClientRect());
		return bar.width > 1 && bar.left >= all.left - 1 && bar.right <= all.right + 1;
	})`), "each has a bar on the scale")
	require.True(t, js[bool](b, `(rects => rects[0].right <= rects.at(-1).right)(
		[...document.querySelectorAll(".track rect")].map(e => e.getBoundingClientRect()))`), "the mail is done after the answer")
	b.shoot("desktop-light-trace")
	b.picture("trace")

	link := func(text string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](`[...document.querySelectorAll(".step a")].find(a => a.textContent === "` + text + `").click()`)
	}
	b.do(link("process order.webhook"))
	b.until(spans + ` === 3`) // the callback, its call, and who was called
	b.do(link("asked for here"))
	b.until(spans + ` === 8`)

	b.look(390, 844, "dark")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("details").forEach(d => { d.open = true })`))
	fits := `document.documentElement.scrollWidth <= innerWidth`
	require.True(t, js[bool](b, fits), "nothing sticks out of a small screen")
	b.shoot("phone-dark-trace")
	b.do(chromedp.Navigate(s.ops+"/traces"), chromedp.WaitVisible(chromedp.CSS(".inbox table")))
	require.True(t, js[bool](b, fits), "nothing sticks out of a small screen")
	b.shoot("phone-dark-traces")

	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.mistakes)
}
