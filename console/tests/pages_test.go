package tests

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/console"
	"github.com/afterglow-go/afterglow/runner"
)

// tickAndAHalf is until the console has collected what is there now.
const tickAndAHalf = 1500 * time.Millisecond

// leaves are the pages that need nothing to be shown.
var leaves = []string{"overview", "running", "failures", "left", "drains", "durable"}

func TestEveryPageIsThereAsHTMLTextAndJSON(t *testing.T) {
	c, r := setup(t, runner.Config{})
	require.NoError(t, r.Do(t.Context(), "order.email", nothing))
	for _, leaf := range leaves {
		w := ask(c, http.MethodGet, "/"+leaf)
		require.Equal(t, http.StatusOK, w.Code, leaf)
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		require.Contains(t, w.Body.String(), "<main")
		w = ask(c, http.MethodGet, "/"+leaf+".txt")
		require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
		require.NotContains(t, w.Body.String(), "<")
		require.True(t, strings.HasPrefix(w.Body.String(), "shop: "), w.Body.String())
		w = ask(c, http.MethodGet, "/"+leaf+".json")
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		require.True(t, json.Valid(w.Body.Bytes()), leaf)
	}
}

func TestTheFormatIsTheOneThatTheClientAsksFor(t *testing.T) {
	c, _ := setup(t, runner.Config{})
	for _, one := range []struct{ want, accept, agent string }{
		{"text/html", "", ""},
		{"text/html", "text/html,application/xhtml+xml,*/*;q=0.8", "Mozilla/5.0"},
		{"text/plain", "*/*", "curl/8.5.0"},
		{"text/plain", "text/plain", ""},
		{"application/json", "application/json", "curl/8.5.0"},
		{"text/html", "*/*", "Go-http-client/1.1"},
	} {
		w := ask(c, http.MethodGet, "/failures", "Accept", one.accept, "User-Agent", one.agent)
		require.Contains(t, w.Header().Get("Content-Type"), one.want, one)
		require.Contains(t, w.Header().Get("Vary"), "Accept")
	}
}

func TestMethodsAndPathsThatDoNotExist(t *testing.T) {
	c, _ := setup(t, runner.Config{})
	for _, leaf := range append([]string{"", "series", "stream", "bundle", "assets/console.js"}, leaves...) {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions} {
			w := ask(c, method, "/"+leaf)
			require.Equal(t, http.StatusMethodNotAllowed, w.Code, "%s %s", method, leaf)
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
		w := ask(c, method, "/retry")
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		require.Equal(t, "POST", w.Header().Get("Allow"))
	}
	for _, path := range []string{
		"/nonsense", "/failures.xml", "/assets/", "/assets/nonsense.js", "/assets/../config.go", "/templates/layout.html", "/failures.json.txt",
		"/callback", "/callback?runner=shop&callback=no.such", "/run?runner=shop&id=1", "/failure?id=0", "/letters?queue=no", "/series?runner=no", "/stream?page=nonsense", "/stream",
	} {
		require.Equal(t, http.StatusNotFound, ask(c, http.MethodGet, path).Code, path)
	}
}

func TestEveryResponseHasAStrictPolicyAndNothingIsInline(t *testing.T) {
	c, r := setup(t, runner.Config{})
	require.NoError(t, r.Go(t.Context(), "order.email", fails))
	require.Eventually(t, func() bool { return look(t, c).Callbacks != nil && r.Stats().Pending() == 0 }, 5*time.Second, time.Millisecond)
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:[^>]*)>[^<]|javascript:`)
	for _, target := range append(leaves, "nonsense", "assets/console.js", "callback?runner=shop&callback=order.email") {
		w := ask(c, http.MethodGet, "/"+target)
		require.True(t, strings.HasPrefix(w.Header().Get("Content-Security-Policy"), "default-src 'self';"), target)
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		if strings.Contains(w.Header().Get("Content-Type"), "text/html") {
			require.NotRegexp(t, inline, w.Body.String(), target)
			require.NotContains(t, w.Body.String(), "ZgotmplZ", "a template has put out something unsafe")
		}
	}
}

func TestTheOverviewHasARowForEachCallback(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 4, Names: []string{"order.stock"}})
		for i := range 60 {
			require.NoError(t, r.Go(t.Context(), "order.email", nothing))
			if i%6 == 0 {
				require.NoError(t, r.Go(t.Context(), "order.webhook", fails))
			}
			time.Sleep(time.Second)
		}
		time.Sleep(tickAndAHalf)
		o := look(t, c)
		require.Len(t, o.Runners, 1)
		require.Equal(t, "running", o.Runners[0].State)
		require.Equal(t, 4, o.Runners[0].Workers)
		require.InDelta(t, 7.0/6, o.Runners[0].Asked, .1)
		require.Equal(t, uint64(10), o.Runners[0].Failed)
		require.Len(t, o.Callbacks, 3)
		require.Equal(t, "order.email", o.Callbacks[0].Name)
		require.Equal(t, uint64(60), o.Callbacks[0].Asked)
		require.Equal(t, "order.stock", o.Callbacks[1].Name)
		require.Zero(t, o.Callbacks[1].Asked)
		require.Equal(t, "broken", o.Callbacks[2].LastError)
		require.Equal(t, uint64(10), o.Callbacks[2].Failed)
		require.LessOrEqual(t, o.Age, 1.0)
		require.False(t, o.Stale)

		names := func(query string) (all []string) {
			for _, cb := range getJSON[overview](t, c, "/overview.json?"+query).Callbacks {
				all = append(all, cb.Name)
			}
			return all
		}
		require.Equal(t, []string{"order.webhook"}, names("q=WEB"), "the search ignores case")
		require.Equal(t, []string{"order.webhook"}, names("q=broken"), "it finds errors")
		require.Equal(t, []string{"order.webhook", "order.email", "order.stock"}, names("sort=failures"))
		require.Equal(t, []string{"order.email", "order.stock", "order.webhook"}, names("sort=nonsense"))
		require.Empty(t, names("runner=other"))
	})
}

func TestTheCallbacksPageHasItsRunsItsFailuresAndItsRequests(t *testing.T) {
	c, r := setup(t, runner.Config{})
	h := r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		runner.SetPattern(req.Context(), "POST /orders/{id}")
		if err := runner.After(req.Context(), "order.email", fails, runner.Ref("order 7")); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/orders/7", http.NoBody))
	seen(t, r)

	type page struct {
		Function struct{ Func string }
		Failures []struct {
			ID, Error, Place, Outcome string
			ErrorType                 string `json:"error_type"`
			Count                     int
		}
		Recent []struct {
			Outcome, Ref string
			Request      struct {
				Method, Route string
				Status        int
			}
		}
	}
	// The first snapshot with the callback is taken within a second.
	require.Eventually(t, func() bool {
		return ask(c, http.MethodGet, "/callback.json?runner=shop&callback=order.email").Code == http.StatusOK
	}, 5*time.Second, 10*time.Millisecond)
	p := getJSON[page](t, c, "/callback.json?runner=shop&callback=order.email")
	require.Len(t, p.Recent, 1)
	require.Equal(t, "error", p.Recent[0].Outcome)
	require.Equal(t, "order 7", p.Recent[0].Ref)
	require.Equal(t, "POST /orders/{id}", p.Recent[0].Request.Route)
	require.Equal(t, http.StatusAccepted, p.Recent[0].Request.Status)
	require.Contains(t, p.Function.Func, "tests.fails")
	require.Len(t, p.Failures, 1)
	require.Equal(t, "*errors.errorString", p.Failures[0].ErrorType)
	require.Contains(t, p.Failures[0].Place, "main_test.go:")
	text := get(t, c, "/callback.txt?runner=shop&callback=order.email")
	require.Contains(t, text, "POST /orders/{id} 202")
}

func TestASecondRunnerOfTheSameNameHasANameOfItsOwn(t *testing.T) {
	c, _ := setup(t, runner.Config{})
	newRunner(t, c, runner.Config{})
	o := look(t, c)
	require.Len(t, o.Runners, 2)
	require.Equal(t, "shop", o.Runners[0].Name)
	require.Equal(t, "shop#2", o.Runners[1].Name)
}

func TestAnObserverBelongsToOneRunner(t *testing.T) {
	c := newConsole(t, console.Config{})
	o := c.Observer()
	_, err := runner.New(runner.Config{Observers: []runner.Observer{o}})
	require.NoError(t, err)
	_, err = runner.New(runner.Config{Observers: []runner.Observer{o}})
	require.ErrorContains(t, err, "call Console.Observer for each runner")
}

func TestARunnerWithoutTheObserverIsShownToo(t *testing.T) {
	r, err := runner.New(runner.Config{Name: "plain"})
	require.NoError(t, err)
	defer func() { _, _ = r.Shutdown(context.Background()) }()
	c := newConsole(t, console.Config{Runners: []*runner.Runner{r}})
	require.Equal(t, "plain", look(t, c).Runners[0].Name)
	require.Contains(t, get(t, c, "/"), "Console.Observer()")
	require.Contains(t, get(t, c, "/failures"), "Failures of plain are not shown")
}

func TestConfigNamesEveryFieldThatCannotBeUsed(t *testing.T) {
	_, err := console.New(console.Config{
		Runners: []*runner.Runner{nil}, Durable: []console.Durable{{}}, TraceURL: "http://jaeger", RunbookURL: "javascript:alert(1)", SLO: 2, MaxViewers: -1,
	})
	for _, field := range []string{"Runners[0]", "Durable[0].Name", "Durable[0].Queues", "TraceURL", "RunbookURL", "SLO", "MaxViewers"} {
		require.ErrorContains(t, err, field)
	}
}

func TestFiguresThatAreOldAreSaidToBeOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "it", g.hangHere))
		time.Sleep(2 * time.Second)
		require.False(t, look(t, c).Stale)
		c.Close() // nothing is collected any more
		time.Sleep(3 * time.Second)
		require.False(t, look(t, c).Stale)
		time.Sleep(time.Second)
		o := look(t, c)
		require.True(t, o.Stale)
		require.GreaterOrEqual(t, o.Age, 3.0)
		require.Contains(t, get(t, c, "/"), `<main id="main" class="stale">`)
		require.Contains(t, get(t, c, "/overview.txt"), "figures are")
		g.release()
		synctest.Wait()
	})
}

func TestTheSeriesHaveAColumnForEachName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{})
		for range 31 {
			require.NoError(t, r.Go(t.Context(), "it", nothing))
			time.Sleep(time.Second)
		}
		type chart struct {
			Names   []string
			Columns [][]*float64
			Step    float64 `json:"step_seconds"`
		}
		for target, step := range map[string]float64{"/series": 1, "/series?range=30m": 5, "/series?callback=it": 5, "/series?runner=shop&range=5m": 1} {
			s := getJSON[chart](t, c, target)
			require.InDelta(t, step, s.Step, 0, target)
			require.Len(t, s.Columns, len(s.Names))
			require.Equal(t, "time", s.Names[0])
			require.Equal(t, "asked", s.Names[1])
			n := len(s.Columns[0])
			require.GreaterOrEqual(t, n, 5)
			for _, column := range s.Columns {
				require.Len(t, column, n)
			}
			sum := 0.0
			for _, asked := range s.Columns[1] {
				sum += *asked
			}
			require.InDelta(t, 1.0, sum/float64(n), .1, "one a second")
			require.InDelta(t, step, *s.Columns[0][n-1]-*s.Columns[0][n-2], .1)
		}
	})
}

func TestLinksOfTracesAreEscaped(t *testing.T) {
	c := newConsole(t, console.Config{TraceURL: "../../traces?trace={trace}"})
	r := newRunner(t, c, runner.Config{Observers: []runner.Observer{{TraceID: func(context.Context) string { return `a"b&c` }}}})
	require.NoError(t, r.Go(t.Context(), "it", fails))
	seen(t, r)
	g := failuresOf(t, c, "")
	require.Len(t, g, 1)
	require.Contains(t, get(t, c, "/failure?id="+g[0].ID), `href="../../traces?trace=`+strings.ReplaceAll(url.QueryEscape(`a"b&c`), "&", "&amp;"))
}

// group is a group of failures in JSON.
type group struct {
	ID, Runner, Callback, Outcome, Reason, Error, Place string
	Count, Retried                                      int
	ErrorType                                           string `json:"error_type"`
	At                                                  struct {
		File string
		Line int
	}
	Samples []struct {
		Ref, Error, Stack, Outcome string
		TraceID                    string `json:"trace_id"`
		Started, Ended             time.Time
	}
}

func failuresOf(t *testing.T, h http.Handler, query string) []group {
	t.Helper()
	return getJSON[struct{ Groups []group }](t, h, "/failures.json?"+query).Groups
}

func failureOf(t *testing.T, h http.Handler, id string) group {
	t.Helper()
	return getJSON[struct{ Group group }](t, h, "/failure.json?id="+id).Group
}
