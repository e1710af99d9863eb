package main

import (
	"bufio"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOrderIsAnsweredAndItsAfterWorkIsDone(t *testing.T) {
	s := startShop(t, "-admin", "boss@shop.example", "-smtp-delay", "5ms")
	before := s.get(s.url + "/bestsellers").body

	a := s.post("/api/orders", adasOrder, "User-Agent", "difference-engine", "Cookie", "shop_session=s-42", "Accept-Language", "en-GB")
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Contains(t, a.header.Get("Server-Timing"), "app;dur=")
	got := decode[placed](t, a.body)
	require.Equal(t, "Order placed successfully", got.Message)
	require.Equal(t, modeAfter, got.Mode)
	require.Positive(t, got.ServerMS)
	require.Equal(t, "/api/orders/"+got.ID, a.header.Get("Location"))
	require.Equal(t, callbackNames[:6], got.After)

	state := s.complete(got.ID)
	require.Len(t, state.After, 6)
	for _, st := range state.After {
		require.Equal(t, "success", st.Outcome, st.Name)
		require.GreaterOrEqual(t, st.AtMS, 0.0, st.Name)
	}
	require.Equal(t, "€78.00", state.Total)

	mails := s.get(s.url + "/inbox?to=" + url.QueryEscape("ada@example.org")).body
	require.Contains(t, mails, "Your order: Storm lantern")
	require.Contains(t, mails, "Dear Ada Lovelace")
	require.Contains(t, mails, got.ID)
	require.Contains(t, s.get(s.url+"/inbox?to=boss@shop.example").body, "difference-engine")
	require.Contains(t, s.get(s.url+"/inbox").body, `<a href="/orders/`+got.ID, "the webhook was received")

	require.Equal(t, 1, count(t, s.db, `SELECT count(*) FROM activity WHERE order_id = ? AND session = 's-42'
		AND user_agent = 'difference-engine' AND status = 201 AND route = 'POST /api/orders' AND took_us > 0`, got.ID))
	require.Equal(t, 1, count(t, s.db, `SELECT count(*) FROM analytics WHERE order_id = ? AND total = 7800 AND language = 'en-GB'`, got.ID))
	require.NotContains(t, before, "Storm lantern")
	require.Contains(t, s.get(s.url+"/bestsellers").body, "Storm lantern", "the cache was rebuilt")
	require.NoError(t, s.stop())
	require.Contains(t, s.stdout.String(), "nothing lost")
}

func TestMailsReachPeopleWhateverTheirNames(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s")
	for _, name := range []string{
		`back\slash\`, `Dwayne "The Rock" Johnson`, `"`, `\"`, `Zoë Łukasz 李, Esq. <zoe@example.net>`, strings.Repeat("長", 100),
	} {
		body, err := json.Marshal(orderInput{Name: name, Email: "ada@example.org", Product: "ember", Quantity: 1})
		require.NoError(t, err)
		a := s.post("/api/orders", string(body))
		require.Equal(t, http.StatusCreated, a.status, "%s: %s", name, a.body)
		for _, st := range s.complete(decode[placed](t, a.body).ID).After {
			require.Equal(t, "success", st.Outcome, "%s: %s: %s", name, st.Name, st.Error)
		}
		mails := s.get(s.url + "/inbox?to=ada@example.org").body
		require.Contains(t, mails, "Dear "+html.EscapeString(name)+",")
		require.Contains(t, mails, "to "+html.EscapeString(name)+" <a", "the name as a mail program reads it")
	}
}

func TestInlineOrderIsDoneBeforeItsAnswer(t *testing.T) {
	s := startShop(t, "-smtp-delay", "5ms", "-faults", "order.email.admin=panic:1,order.webhook=error:1")
	a := s.post("/api/orders?mode=inline", adasOrder)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	got := decode[placed](t, a.body)
	require.GreaterOrEqual(t, got.ServerMS, 5.0)
	state := decode[orderState](t, s.get(s.url+"/api/orders/"+got.ID).body)
	require.True(t, state.Complete)
	outcomes := make(map[string]string)
	for _, st := range state.After {
		outcomes[st.Name] = st.Outcome
		require.LessOrEqual(t, st.AtMS, 0.0, st.Name)
	}
	require.Equal(t, map[string]string{
		"order.email.customer": "success", "order.email.admin": "panic", "order.analytics": "success",
		"activity.log": "success", "order.webhook": "error", "cache.revalidate": "success",
	}, outcomes)
	require.Zero(t, s.metrics().count("afterglow_asked_total"), "the runner had no part in it")
	require.Equal(t, 1, count(t, s.db, `SELECT count(*) FROM activity WHERE user_agent <> '' AND status = 0`))
}

func TestSignupSendsOneWelcomeMail(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s")
	a := s.post("/api/signup", `{"email":"grace@example.org","name":"Grace"}`)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	require.Equal(t, []string{"signup.email"}, decode[placed](t, a.body).After)
	again := s.post("/api/signup", `{"email":"grace@example.org"}`)
	require.Equal(t, http.StatusOK, again.status, again.body)
	require.Empty(t, decode[placed](t, again.body).After)
	for _, outcome := range []string{"success", "skipped"} {
		require.Eventually(t, func() bool {
			return s.metrics().sum("afterglow_callbacks_total", "callback", "signup.email", "outcome", outcome) == 1
		}, patience, 10*time.Millisecond, outcome)
	}
	require.Equal(t, 1, strings.Count(s.get(s.url+"/inbox?to=grace@example.org").body, "<pre>Dear Grace"))
}

func TestBadInputIsRefusedAndNothingIsWritten(t *testing.T) {
	s := startShop(t)
	order := func(name, email, product, quantity string) string {
		return `{"name":"` + name + `","email":"` + email + `","product":"` + product + `","quantity":` + quantity + `}`
	}
	for name, c := range map[string]struct {
		path, body string
		header     []string
		status     int
		says       string
	}{
		"empty body":          {body: "", status: 400, says: "empty"},
		"broken JSON":         {body: `{"name":`, status: 400, says: "bad JSON"},
		"not an object":       {body: `[1]`, status: 400, says: "send a"},
		"wrong type":          {body: `{"quantity":"two"}`, status: 400, says: "quantity"},
		"unknown field":       {body: `{"discount":100}`, status: 400, says: "unknown field"},
		"two objects":         {body: adasOrder + adasOrder, status: 400, says: "one JSON object"},
		"unknown product":     {body: order("Ada", "ada@example.org", "moon", "1"), status: 400, says: "does not sell"},
		"no product":          {body: order("Ada", "ada@example.org", "", "1"), status: 400, says: "product"},
		"quantity 0":          {body: order("Ada", "ada@example.org", "lantern", "0"), status: 400, says: "1 to 20"},
		"quantity -1":         {body: order("Ada", "ada@example.org", "lantern", "-1"), status: 400, says: "1 to 20"},
		"quantity 21":         {body: order("Ada", "ada@example.org", "lantern", "21"), status: 400, says: "1 to 20"},
		"quantity 1.5":        {body: order("Ada", "ada@example.org", "lantern", "1.5"), status: 400, says: "quantity"},
		"no name":             {body: order(" ", "ada@example.org", "lantern", "1"), status: 400, says: "name"},
		"long name":           {body: order(strings.Repeat("a", 101), "ada@example.org", "lantern", "1"), status: 400, says: "100"},
		"line break in name":  {body: order(`Ada\r\nBcc: eve@example.org`, "ada@example.org", "lantern", "1"), status: 400, says: "line breaks"},
		"no email":            {body: order("Ada", "", "lantern", "1"), status: 400, says: "email"},
		"not an email":        {body: order("Ada", "ada", "lantern", "1"), status: 400, says: "email"},
		"email with a name":   {body: order("Ada", "Ada <ada@example.org>", "lantern", "1"), status: 400, says: "email"},
		"two emails":          {body: order("Ada", "ada@example.org,eve@example.org", "lantern", "1"), status: 400, says: "email"},
		"long email":          {body: order("Ada", strings.Repeat("a", 250)+"@b.cd", "lantern", "1"), status: 400, says: "254"},
		"header injection":    {body: order("Ada", `ada@example.org\r\nBcc: eve@example.org`, "lantern", "1"), status: 400, says: "line breaks"},
		"bare line feed":      {body: order("Ada", `ada@example.org\n`, "lantern", "1"), status: 400, says: "line breaks"},
		"unknown mode":        {path: "/api/orders?mode=later", body: adasOrder, status: 400, says: "mode"},
		"oversized body":      {body: order(strings.Repeat("a", 20_000), "ada@example.org", "lantern", "1"), status: 413, says: "larger"},
		"oversized tail":      {body: adasOrder + strings.Repeat(" ", 20_000), status: 413, says: "larger"},
		"wrong content type":  {body: adasOrder, header: []string{"Content-Type", "text/plain"}, status: 415, says: "application/json"},
		"no content type":     {body: adasOrder, header: []string{"Content-Type", ""}, status: 415, says: "application/json"},
		"from another site":   {body: adasOrder, header: []string{"Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"}, status: 403, says: "another site"},
		"no such address":     {path: "/api/refunds", body: adasOrder, status: 404, says: "address"},
		"signup, not email":   {path: "/api/signup", body: `{"email":"grace"}`, status: 400, says: "email"},
		"signup, injection":   {path: "/api/signup", body: `{"email":"g@example.org\nBcc: e@example.org"}`, status: 400, says: "line breaks"},
		"signup, bad JSON":    {path: "/api/signup", body: `x`, status: 400, says: "bad JSON"},
		"signup, oversized":   {path: "/api/signup", body: `{"email":"` + strings.Repeat("a", 20_000) + `"}`, status: 413, says: "larger"},
		"signup, wrong field": {path: "/api/signup", body: `{"mail":"g@example.org"}`, status: 400, says: "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.path == "" {
				c.path = "/api/orders"
			}
			a := s.post(c.path, c.body, c.header...)
			require.Equal(t, c.status, a.status, a.body)
			require.Equal(t, "application/json", a.header.Get("Content-Type"))
			require.Contains(t, decode[map[string]string](t, a.body)["error"], c.says)
		})
	}
	require.Equal(t, 404, s.get(s.url+"/api/orders/nosuchorder").status)
	require.Equal(t, 404, s.get(s.url+"/api/orders/nosuchorder/events").status)
	for path, allow := range map[string]string{"/api/orders": "POST", "/api/signup": "POST", "/api/orders/x": "GET, HEAD"} {
		a := s.do(s.request(http.MethodDelete, s.url+path, ""))
		require.Equal(t, 405, a.status, path)
		require.Equal(t, allow, a.header.Get("Allow"))
		require.Contains(t, a.body, `"error"`)
	}

	require.Zero(t, count(t, s.db, `SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM sales) + (SELECT count(*) FROM signups)`))
	require.Zero(t, s.metrics().count("afterglow_asked_total"))
	require.Contains(t, s.get(s.url+"/inbox").body, "0 mails came in")
}

// The rest of a body that nobody will read is not waited for.
func TestOversizedBodyClosesItsConnection(t *testing.T) {
	s := startShop(t)
	require.False(t, s.post("/api/orders", adasOrder).closed)
	const form = "application/x-www-form-urlencoded"
	long := strings.Repeat("a", 20_000)
	for path, a := range map[string]answer{
		"/api/orders": s.post("/api/orders", `{"name":"`+long+`"}`),
		"/api/signup": s.post("/api/signup", `{"name":"`+long+`"}`),
		"/orders":     s.post("/orders", "name="+long, "Content-Type", form),
		"/signup":     s.post("/signup", "email="+long, "Content-Type", form),
	} {
		require.Equal(t, http.StatusRequestEntityTooLarge, a.status, path)
		require.True(t, a.closed, path)
	}
}

func TestFullQueueRejectsTheOrderAndWritesNothing(t *testing.T) {
	s := startShop(t, "-queue", "3", "-workers", "1", "-smtp-delay", "0s") // an order needs five places, without its webhook
	a := s.post("/api/orders", adasOrder)
	require.Equal(t, http.StatusServiceUnavailable, a.status, a.body)
	require.Equal(t, "1", a.header.Get("Retry-After"))
	require.Contains(t, decode[map[string]string](t, a.body)["error"], "nothing was done")

	m := s.metrics()
	require.Equal(t, 5, m.count("afterglow_rejected_total", "reason", "queue_full"), "all of them, or none")
	require.Equal(t, 5, m.count("afterglow_asked_total"))
	require.Zero(t, count(t, s.db, `SELECT (SELECT count(*) FROM orders) + (SELECT count(*) FROM sales) + (SELECT count(*) FROM activity) + (SELECT count(*) FROM analytics)`))
	require.Contains(t, s.get(s.url+"/inbox").body, "0 mails came in")

	// There is room for one that needs less.
	require.Equal(t, http.StatusCreated, s.post("/api/signup", `{"email":"grace@example.org"}`).status)
}

func TestFormWorksWithoutScript(t *testing.T) {
	s := startShop(t, "-smtp-delay", "5ms")
	form := func(path string, values url.Values) answer {
		return s.post(path, values.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	ada := url.Values{"name": {"Ada <b>"}, "email": {"ada@example.org"}, "product": {"ember"}, "quantity": {"3"}, "mode": {"after"}}
	a := form("/orders", ada) // the client follows the redirect
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.body, "Order placed successfully")
	require.Contains(t, a.body, "order.email.customer")
	require.Regexp(t, `<output id="result-ms">[0-9.]+ ms</output>`, a.body)

	ada.Set("quantity", "many")
	a = form("/orders", ada)
	require.Equal(t, http.StatusBadRequest, a.status)
	require.Contains(t, a.body, "quantity: choose 1 to 20")
	require.Contains(t, a.body, `value="Ada &lt;b&gt;"`, "what was filled in stays, escaped")

}

var (
	orderForm  = regexp.MustCompile(`(?s)<form id="order".*?</form>`)
	signupForm = regexp.MustCompile(`(?s)<form id="signup".*?</form>`)
	pageNotice = regexp.MustCompile(`<p class="notice"[^>]*>(.*)</p>`)
	shownError = regexp.MustCompile(`<p[^>]* class="error"[^>]*>([^<]+)</p>`)
)

// noticeOf returns the page's notice, "" if it has none.
func noticeOf(page string) string {
	if m := pageNotice.FindStringSubmatch(page); m != nil {
		return m[1]
	}
	return ""
}

func TestSignupFormWithoutScriptSaysWhatTheAPISays(t *testing.T) {
	s := startShop(t, "-smtp-delay", "0s")
	signUp := func(email string) answer {
		return s.post("/signup", url.Values{"email": {email}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	}
	require.Equal(t, signupMessage+".", noticeOf(signUp("grace@example.org").body))
	require.Equal(t, signupAgain+".", noticeOf(signUp("grace@example.org").body), "no second mail comes")

	a := signUp("grace")
	require.Equal(t, http.StatusBadRequest, a.status)
	require.NotRegexp(t, shownError, orderForm.FindString(a.body), "the order is not what went wrong")
	form := signupForm.FindString(a.body)
	require.Contains(t, shownError.FindStringSubmatch(form)[1], "email: use a plain address")
	require.Contains(t, form, `value="grace"`, "what was filled in stays")
	require.Contains(t, form, `aria-describedby="signup-error"`)
}

func TestPageOfNoSuchOrderSaysSoAboveTheForms(t *testing.T) {
	s := startShop(t)
	a := s.get(s.url + "/orders/nosuchorder")
	require.Equal(t, http.StatusNotFound, a.status)
	require.Equal(t, "No such order.", noticeOf(a.body))
	require.NotRegexp(t, shownError, a.body)
}

func TestOrderPageLeadsToItsTraceAndToAMailThatWasSent(t *testing.T) {
	readTheMail := regexp.MustCompile(`<a id="result-inbox"[^>]*>`)
	page := func(args ...string) (page, link string) {
		s := startShop(t, append([]string{"-smtp-delay", "0s"}, args...)...)
		got := s.order()
		s.complete(got.ID)
		page = s.get(s.url + "/orders/" + got.ID).body
		require.Regexp(t, `<a id="result-trace" href="`+s.ops+`/traces\?trace_id=`+got.TraceID+`">`, page)
		return page, readTheMail.FindString(page)
	}
	_, link := page()
	require.NotEmpty(t, link)
	require.NotContains(t, link, "hidden")
	_, link = page("-faults", "order.email.customer=error:1")
	require.Contains(t, link, "hidden", "it was not sent")
	_, link = page("-smtp", "127.0.0.1:1")
	require.Empty(t, link, "there is no inbox")
	body, _ := page("-faults", "cache.revalidate=slow(1h):1")
	require.Contains(t, body, "timed out after 2.0 s")
}

func TestFirstVisitGetsASession(t *testing.T) {
	s := startShop(t)
	require.Contains(t, s.get(s.url+"/").header.Get("Set-Cookie"), "shop_session=")
	require.Empty(t, s.get(s.url+"/", "Cookie", "shop_session=mine").header.Get("Set-Cookie"))
	require.Empty(t, s.get(s.url+"/static/shop.css").header.Get("Set-Cookie"))
}

func TestEventsTellTheAfterWorkAsItHappens(t *testing.T) {
	s := startShop(t, "-smtp-delay", "50ms")
	got := s.order()
	resp, err := s.client.Do(s.request(http.MethodGet, s.url+"/api/orders/"+got.ID+"/events", ""))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	done := make(map[string]bool)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if data, ok := strings.CutPrefix(lines.Text(), `data: {"name"`); ok {
			st := decode[step](t, `{"name"`+data)
			done[st.Name] = st.Done
		}
		if lines.Text() == "event: complete" {
			break
		}
	}
	require.NoError(t, lines.Err())
	require.Len(t, done, 6)
	for name, isDone := range done {
		require.True(t, isDone, name)
	}
}

func TestOpsTellsWhetherTheShopIsWell(t *testing.T) {
	s := startShop(t)
	require.Equal(t, "ok\n", s.get(s.ops+"/healthz").body)
	require.Equal(t, "ready\n", s.get(s.ops+"/readyz").body)
	require.Contains(t, s.get(s.ops+"/debug/pprof/").body, "goroutine")
	require.Equal(t, 400, s.get(s.ops+"/traces?limit=0").status)
	require.Contains(t, s.get(s.ops+"/traces?trace_id=0123").body, "the last 8192 spans")
	require.NotContains(t, s.get(s.ops+"/traces").body, "hint")
	require.Equal(t, 204, s.get(s.ops+"/favicon.ico").status, "browsers ask for it")
	index := s.get(s.ops + "/").body
	for _, link := range regexp.MustCompile(`href="([^"]+)"`).FindAllStringSubmatch(index, -1) {
		require.Equal(t, 200, s.get(s.ops+html.UnescapeString(link[1])).status, link[1])
	}
	require.Contains(t, index, "/traces?name=")
	require.Contains(t, index, "/traces?limit=")
	a := s.get(s.ops+"/metrics", "Accept", "application/openmetrics-text; version=1.0.0")
	require.Contains(t, a.header.Get("Content-Type"), "application/openmetrics-text")
	require.True(t, strings.HasSuffix(a.body, "# EOF\n"))
}

func TestLoadReportsAllItCountsASecond(t *testing.T) {
	var f loadFigures
	for i := range 11 {
		f.add(reply{http.StatusServiceUnavailable, 0})
		f.add(reply{http.StatusCreated, time.Duration(i) * time.Millisecond})
	}
	f.add(reply{})
	require.Equal(t, "load: 2.2/s accepted, 2.2/s rejected, 0.2/s failed; answered in 5ms (median), 9ms (p99)", f.String())
	require.Equal(t, "load: 0.0/s accepted, 0.0/s rejected, 0.0/s failed", new(loadFigures).String())
}

func TestLoadPlacesOrdersAgainstItself(t *testing.T) {
	s := startShop(t, "-load", "50", "-smtp-delay", "0s")
	require.Eventually(t, func() bool {
		m := s.metrics()
		return m.sum("afterglow_callbacks_total", "callback", "order.webhook", "outcome", "success") >= 20 &&
			m.sum("afterglow_callbacks_total", "callback", "signup.email", "outcome", "success") >= 1
	}, patience, 20*time.Millisecond)
	require.NoError(t, s.stop())
}
