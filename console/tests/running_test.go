package tests

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/afterglow-go/afterglow/runner"
)

type running struct {
	Total int
	Runs  []struct {
		ID, Runner, Callback, Ref string
		Age                       float64 `json:"age_seconds"`
		Stuck, Late               bool
		Request                   struct {
			Route  string
			Status int
		}
	}
	Places []struct {
		Count                  int
		Callback, Place, Stack string
	}
	Captured []struct{ ID, Place string }
}

type run struct {
	Live   bool
	Stack  string
	Taken  time.Time `json:"stack_at"`
	At     struct{ File string }
	End    struct{ Outcome, Error string }
	Group  string
	Others []struct {
		Count  int
		Stack  string
		Pooled bool
	}
}

func TestTheStackOfARunningCallbackStaysAfterItsEnd(t *testing.T) {
	c, r := setup(t, runner.Config{Workers: 4})
	g := newGate(t)
	h := r.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		runner.SetPattern(req.Context(), "POST /orders")
		err := runner.After(req.Context(), "order.webhook", func(ctx context.Context) error {
			_ = g.hangHere(ctx)
			return errBroken
		}, runner.Ref("order 7"))
		if err != nil {
			t.Error(err)
		}
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/orders", http.NoBody))
	<-g.entered
	list := getJSON[running](t, c, "/running.json")
	require.Equal(t, 1, list.Total)
	require.Equal(t, "order 7", list.Runs[0].Ref)
	require.Equal(t, "POST /orders", list.Runs[0].Request.Route)
	require.Equal(t, http.StatusOK, list.Runs[0].Request.Status)
	address := "/run.json?" + url.Values{"runner": {"shop"}, "id": {list.Runs[0].ID}}.Encode()
	live := getJSON[run](t, c, address)
	require.True(t, live.Live)
	require.Contains(t, live.Stack, "tests.(*gate).hangHere")
	require.NotContains(t, live.Stack, "runner.call", "what called the callback is left out")
	require.Contains(t, live.At.File, "main_test.go")

	g.release()
	_, err := r.Shutdown(t.Context()) // then the console has seen the end
	require.NoError(t, err)
	ended := getJSON[run](t, c, address)
	require.False(t, ended.Live)
	require.Equal(t, live.Stack, ended.Stack)
	require.Equal(t, live.Taken, ended.Taken)
	require.Equal(t, "error", ended.End.Outcome)
	require.NotEmpty(t, ended.Group)
	page := get(t, c, strings.Replace(address, ".json", "", 1))
	require.Contains(t, page, "has ended")
	require.Contains(t, page, "taken at")
	list = getJSON[running](t, c, "/running.json")
	require.Zero(t, list.Total)
	require.Len(t, list.Captured, 1, "the page of running callbacks leads to it")
	require.Contains(t, list.Captured[0].Place, "main_test.go:")
}

func TestTheFilterOfRunningCallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := setup(t, runner.Config{Workers: 9})
		g := newGate(t)
		require.NoError(t, r.Go(t.Context(), "stuck", g.hangHere, runner.Timeout(time.Second), runner.Ref("order 1")))
		time.Sleep(3 * time.Second)
		require.NoError(t, r.Go(t.Context(), "late", g.hangHere, runner.Timeout(time.Second)))
		time.Sleep(1500 * time.Millisecond)
		require.NoError(t, r.Go(t.Context(), "fine", g.hangHere, runner.Ref("order 3")))
		time.Sleep(time.Millisecond)
		for query, want := range map[string]string{
			"":                         "stuck late fine",
			"state=late":               "stuck late",
			"state=stuck":              "stuck",
			"callback=fine":            "fine",
			"q=ORDER":                  "stuck fine",
			"q=order+3":                "fine",
			"runner=other":             "",
			"callback=fine&state=late": "",
		} {
			var names []string
			for _, one := range getJSON[running](t, c, "/running.json?"+query).Runs {
				names = append(names, one.Callback)
			}
			require.Equal(t, want, strings.Join(names, " "), query)
		}
		g.release()
		time.Sleep(time.Second)
	})
}

func TestWhereTheyAreGroupsThemByLine(t *testing.T) {
	c, r := setup(t, runner.Config{Workers: 9})
	g := newGate(t)
	for range 5 {
		require.NoError(t, r.Go(t.Context(), "order.webhook", g.hangHere))
		<-g.entered
	}
	require.NoError(t, r.Go(t.Context(), "other", g.hangHere))
	<-g.entered
	list := getJSON[running](t, c, "/running.json?callback=order.webhook&stacks=1")
	count := 0
	for _, p := range list.Places {
		require.Equal(t, "order.webhook", p.Callback)
		require.Contains(t, p.Place, "main_test.go:")
		count += p.Count
	}
	require.Equal(t, 5, count)
}

//go:noinline
func leakHere(stop chan struct{}) { <-stop }

func TestGoroutinesThatOutliveTheirCallbackAreNamed(t *testing.T) {
	c, r := setup(t, runner.Config{Workers: 2})
	stop := make(chan struct{})
	defer close(stop)
	g := newGate(t)
	require.NoError(t, r.Go(t.Context(), "leaks", func(context.Context) error {
		go leakHere(stop)
		return nil
	}))
	require.NoError(t, r.Go(t.Context(), "runs.on", func(ctx context.Context) error {
		go leakHere(stop)
		return g.hangHere(ctx)
	}))
	<-g.entered
	type left struct {
		Total  int
		Groups []struct {
			Callback, Place, Stack string
			Count                  int
			Pooled                 bool
		}
	}
	var l left
	require.Eventually(t, func() bool { // a look is shared for a second, and may come before the goroutine has run
		l = getJSON[left](t, c, "/left.json")
		return len(l.Groups) > 0 && l.Groups[0].Stack != ""
	}, 20*time.Second, 20*time.Millisecond)
	require.Len(t, l.Groups, 1, "that of a callback which runs is not left behind")
	require.Equal(t, "leaks", l.Groups[0].Callback)
	require.Equal(t, 1, l.Groups[0].Count)
	require.Contains(t, l.Groups[0].Stack, "leakHere")
	require.Regexp(t, `^running_test\.go:\d+$`, l.Groups[0].Place)

	list := getJSON[running](t, c, "/running.json")
	other := getJSON[run](t, c, "/run.json?"+url.Values{"runner": {"shop"}, "id": {list.Runs[0].ID}}.Encode())
	if other.Stack != "" { // the look may be one from before
		require.Len(t, other.Others, 1, "the page of a run has the goroutines that it has started")
		require.Contains(t, other.Others[0].Stack, "leakHere")
	}
}

func TestConnectionsThatStayOpenAreNoLeak(t *testing.T) {
	c, r := setup(t, runner.Config{Workers: 1})
	server := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	require.NoError(t, r.Go(t.Context(), "calls", func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}))
	require.Eventually(t, func() bool { return r.Stats().Outcomes[runner.OutcomeSuccess] == 1 }, 5*time.Second, time.Millisecond)
	l := getJSON[struct {
		Total  int
		Groups []struct{ Pooled bool }
	}](t, c, "/left.json")
	require.Zero(t, l.Total)
	require.NotEmpty(t, l.Groups)
	for _, g := range l.Groups {
		require.True(t, g.Pooled)
	}
}
